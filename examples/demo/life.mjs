// A life of the research agent: a process that is started, listened to, and killed.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const agent = fileURLToPath(new URL('../research-agent.mjs', import.meta.url))

/** One life of the agent, to its end or to where `killWhen` says: it gets each thing that the agent tells, and gives in how
 * many milliseconds to kill it. */
export async function live(directory, { seed, pace, killWhen = () => undefined, show = () => undefined }) {
  const child = spawn(process.execPath, [agent, directory, '--seed', String(seed), '--pace', String(pace)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  const life = { recorded: [], outcome: undefined, last: undefined }
  let isDoomed = false
  child.on('message', (line) => {
    if (line.at === 'recorded') life.recorded.push(line)
    if (line.at === 'outcome') life.outcome = line.outcome
    show(line)
    if (isDoomed) return
    const delayMs = killWhen(line)
    if (delayMs === undefined) return
    isDoomed = true
    life.last = line
    const kill = async () => {
      await sleep(delayMs)
      child.kill('SIGKILL')
    }
    void kill()
  })
  const [[code, signal]] = await ended
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the agent failed (${signal ?? code})`)
  return { ...life, wasKilled: signal === 'SIGKILL' }
}
