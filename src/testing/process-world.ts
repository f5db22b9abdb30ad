// A host with processes that a test starts and kills, as the port of processes sees it: each looks at the others.

import type { Verdict } from '../host/death.ts'
import type { Processes } from '../host/processes.ts'

export interface ProcessWorld {
  /** Another process of this host. */
  process(): WorldProcess
  /** What has entered and not left, as `<work>.<mark>`. */
  readonly notes: ReadonlySet<string>
}

export interface WorldProcess extends Processes {
  kill(): void
  readonly isDead: () => boolean
}

export function processWorld(): ProcessWorld {
  const notes = new Set<string>()
  const dead = new Set<number>()
  let count = 0
  const verdict = (work: string, mark: string): Verdict => {
    if (!notes.has(`${work}.${mark}`)) return 'unknown'
    return dead.has(Number.parseInt(mark, 10)) ? 'dead' : 'alive'
  }
  return {
    notes,
    process() {
      count += 1
      const pid = count
      return {
        kill: () => void dead.add(pid),
        isDead: () => dead.has(pid),
        enter(work, nonce) {
          const mark = `${pid}.${nonce}`
          notes.add(`${work}.${mark}`)
          return mark
        },
        leave: (work, mark) => void notes.delete(`${work}.${mark}`),
        verdict,
        dead(work) {
          const marks = [...notes].flatMap((note) => (note.startsWith(`${work}.`) ? [note.slice(work.length + 1)] : []))
          return marks.filter((mark) => verdict(work, mark) === 'dead')
        },
      }
    },
  }
}
