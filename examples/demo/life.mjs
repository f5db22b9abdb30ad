// A life of the research agent: a process that is started, listened to, and killed.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const agent = fileURLToPath(new URL('../research-agent.mjs', import.meta.url))

/** What a kill would find under way. A call that has ended and is not recorded yet would be made again: nobody can know of
 * it, which is why a tool that must not be called twice is `once` and looks first. For the others kills spare that instant
 * here, so that the counts can be compared. */
class UnderWay {
  #calls = new Map()

  hear({ at, key, ms = 0 }) {
    if (at === 'begin') this.#calls.set(key, performance.now() + ms)
    if (at === 'recorded') this.#calls.delete(key)
  }

  isOneInBalance() {
    return [...this.#calls.values()].some((ends) => ends < performance.now() + 20)
  }
}

/** One life of the agent, to its end or to where `killWhen` says: it gets each thing that the agent tells, and gives in how
 * many milliseconds to kill it. */
export async function live(directory, { seed, pace, killWhen = () => undefined, show = () => undefined }) {
  const child = spawn(process.execPath, [agent, directory, '--seed', String(seed), '--pace', String(pace)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  const life = { recorded: [], outcome: undefined, last: undefined }
  const calls = new UnderWay()
  let isDoomed = false
  child.on('message', (line) => {
    if (line.at === 'recorded') life.recorded.push(line)
    if (line.at === 'outcome') life.outcome = line.outcome
    calls.hear(line)
    show(line)
    if (isDoomed) return
    const delayMs = killWhen(line)
    if (delayMs === undefined) return
    isDoomed = true
    life.last = line
    const kill = async () => {
      await sleep(delayMs)
      const isOver = () => child.exitCode !== null
      while (line.at !== 'answering' && calls.isOneInBalance() && !isOver()) await sleep(5)
      child.kill('SIGKILL')
    }
    void kill()
  })
  const [[code, signal]] = await ended
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the agent failed (${signal ?? code})`)
  return { ...life, wasKilled: signal === 'SIGKILL' }
}
