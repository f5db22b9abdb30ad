// holdfast cancel: asks a run to end, while the agent is at work.

import { cancelRun } from '../run-control.ts'
import type { Command } from './command.ts'
import { runCommand } from './run-command.ts'

const help = `Usage: holdfast cancel <target> <run> [options]

Asks a run to end, and its children: what it waits for, and what it asks for from then on, rejects with RUN_CANCELLED. It works
while the agent has the journal open; and while nobody has, then the run ends when it is run again.

  target         the journal: a directory, a file of SQLite (agent.db) or a database of PostgreSQL (postgres://…)
  run            the run's id

  --reason text  why, for who looks at it later
  --id name      a name for this: sent again with the same, it takes effect once
  --json         print one line of JSON, and nothing else
  --help         print this

Ends with 0 when it is durable, with 1 when there is no such run or journal, the run has ended, or the process that has the
journal open doesn't answer; with 2 when it was called wrongly.`

export const cancel: Command = runCommand({
  name: 'cancel',
  summary: 'ask a run to end',
  help,
  options: { reason: { type: 'string' } },
  words: [0, 0],
  needs: 'A journal and a run',
  async tell({ target, run, values: { reason }, sending }) {
    await cancelRun(target, run, { ...sending, ...(reason === undefined ? {} : { reason }) })
    return `${run} was asked to end.`
  },
})
