// holdfast signal: tells a run something that it waits for, while the agent is at work.

import { signalRun } from '../run-control.ts'
import type { Command } from './command.ts'
import { jsonData, runCommand } from './run-command.ts'

const help = `Usage: holdfast signal <target> <run> <name> [json] [options]

Tells a run something that it waits for (run.wait), or will wait for: an approval, an answer. It works while the agent has the
journal open, and the run goes on at once; and while nobody has, then it goes on when it is run again.

  target         the journal: a directory, a file of SQLite (agent.db) or a database of PostgreSQL (postgres://…)
  run            the run's id
  name           the signal's name, as in run.wait(name)
  json           what the wait resolves to, as JSON; nothing if not given

  --id name      a name for this: sent again with the same, it takes effect once
  --json         print one line of JSON, and nothing else
  --help         print this

Ends with 0 when it is durable, with 1 when there is no such run or journal, the run has ended, or the process that has the
journal open doesn't answer; with 2 when it was called wrongly.`

export const signal: Command = runCommand({
  name: 'signal',
  summary: 'tell a run something that it waits for',
  help,
  options: {},
  words: [1, 2],
  needs: "A journal, a run, the signal's name, and its data as JSON if it has any",
  async tell({ target, run, words: [name = '', text], sending }) {
    await signalRun(target, run, name, jsonData(text), sending)
    return `${run} was told ${name}.`
  },
})
