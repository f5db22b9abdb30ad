// Other processes of this host as a port: which of those that have worked on something are dead for certain (death.ts).
// Only Linux has all that a proof needs; elsewhere nothing is proven, and whoever waits for a process waits for its lease.
//
// A process that enters leaves a note, an empty file whose name says who it is, in a directory of its user in /dev/shm: that
// belongs to one kernel, is seen within one container or by those that share it, outlives the process and not the machine.
// So a note that is found was left here. It goes when its process leaves, when somebody has taken over what it had, or,
// a day after its death, when the next one enters.

import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { judgeDeath, markText, type PidLook, parseMark, type Verdict } from './death.ts'

export interface Processes {
  /** This process works on something from now on. Its mark, for `verdict` in other processes; undefined where nothing about
   * it could be proven. `work`: 32 hexadecimal digits. `nonce`: at least 16, another one for each call. */
  enter(work: string, nonce: string): string | undefined
  /** It works on that no more, or what a dead one had is taken care of. */
  leave(work: string, mark: string): void
  verdict(work: string, mark: string): Verdict
  /** Marks of the dead that worked on this, and have not left. */
  dead(work: string): readonly string[]
}

/** Proves nothing. */
export const noProcesses: Processes = {
  enter: () => undefined,
  leave: () => undefined,
  verdict: () => 'unknown',
  dead: () => [],
}

interface Here {
  readonly boot: string
  readonly namespaces: string
  readonly started: string
}

const staleMs = 24 * 60 * 60 * 1_000
const workShape = /^[0-9a-f]{32}$/

export class LinuxProcesses implements Processes {
  readonly #directory: string
  #here: Here | undefined

  /** `directory`: where the notes stand. */
  constructor(directory: string) {
    this.#directory = directory
  }

  enter(work: string, nonce: string): string | undefined {
    try {
      const here = this.#look()
      if (here === undefined || !workShape.test(work)) return undefined
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
      if (!this.#isOurs()) return undefined
      this.#dropStale()
      const mark = markText({ ...here, pid: process.pid, nonce })
      writeFileSync(this.#note(work, mark), '', { flag: 'wx', mode: 0o600 })
      return mark
    } catch {
      // No room, no right, no such file system: then others wait for the lease, as they do elsewhere.
      return undefined
    }
  }

  leave(work: string, mark: string): void {
    if (!workShape.test(work) || parseMark(mark) === undefined) return
    try {
      rmSync(this.#note(work, mark), { force: true })
    } catch {
      // A note that stays says nothing wrong.
    }
  }

  verdict(work: string, mark: string): Verdict {
    const parsed = parseMark(mark)
    const hasNote = parsed !== undefined && workShape.test(work) && this.#isOurs() && isThere(this.#note(work, mark))
    const seen = parsed === undefined ? 'hidden' : lookAtPid(parsed.pid)
    return judgeDeath({ mark: parsed, here: this.#look(), hasNote, seen }).verdict
  }

  dead(work: string): readonly string[] {
    if (!workShape.test(work)) return []
    const marks = this.#notes().flatMap((name) => (name.startsWith(`${work}.`) ? [name.slice(work.length + 1)] : []))
    return marks.filter((mark) => this.verdict(work, mark) === 'dead')
  }

  #note(work: string, mark: string): string {
    return `${this.#directory}/${work}.${mark}`
  }

  #notes(): readonly string[] {
    try {
      return this.#isOurs() ? readdirSync(this.#directory) : []
    } catch {
      return []
    }
  }

  /** And nobody else's, who could have put anything into it. */
  #isOurs(): boolean {
    try {
      const found = lstatSync(this.#directory)
      return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
    } catch {
      return false
    }
  }

  #dropStale(): void {
    const before = Date.now() - staleMs
    for (const name of this.#notes()) {
      const work = name.slice(0, 32)
      const mark = name.slice(33)
      const left = statSync(`${this.#directory}/${name}`, { throwIfNoEntry: false })
      if (left !== undefined && left.mtimeMs < before && this.verdict(work, mark) === 'dead') this.leave(work, mark)
    }
  }

  #look(): Here | undefined {
    this.#here ??= lookHere()
    return this.#here
  }
}

function lookHere(): Here | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    // A /proc of another pid namespace: its numbers are not the ones that this process goes by.
    if (Number.parseInt(stat, 10) !== process.pid) return undefined
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().replaceAll('-', '')
    const namespaces = [namespaceNumber('pid'), namespaceNumber('time')].join('-')
    return { boot, namespaces, started: startedOf(stat) }
  } catch {
    return undefined
  }
}

/** '0' for one that this kernel doesn't have. */
function namespaceNumber(kind: 'pid' | 'time'): string {
  try {
    return /^\w+:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[1] ?? '0'
  } catch (error) {
    if (kind === 'time') return '0'
    throw error
  }
}

/** Whether there is one is asked of the kernel itself: /proc can be mounted so that it hides those of others. */
function lookAtPid(pid: number): PidLook {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'nothing' : 'hidden'
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return { started: startedOf(stat), hasEnded: hasEnded(stat) }
  } catch {
    return 'hidden'
  }
}

/** From the third on. The second is the program's name in parentheses, with whatever characters it has. */
function fieldsOf(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** A zombie, and no thread of it left but the first, which counts until somebody has waited for it. */
function hasEnded(stat: string): boolean {
  const fields = fieldsOf(stat)
  return (fields[0] === 'Z' || fields[0] === 'X') && Number(fields[17]) <= 1
}

/** The 22nd field. */
function startedOf(stat: string): string {
  const started = fieldsOf(stat)[19]
  if (started === undefined) throw new Error('the status of a process has at least 22 fields')
  return started
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

export const systemProcesses: Processes =
  process.platform === 'linux' ? new LinuxProcesses(`/dev/shm/holdfast-${process.getuid?.()}`) : noProcesses
