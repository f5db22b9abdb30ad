// holdfast settle: says what became of a tool that nobody knows of whether it took effect, so that its run goes on.

import { settleRun } from '../run-control.ts'
import type { Settling } from '../runs/settlement.ts'
import { type Command, type Parsed, UsageError } from './command.ts'
import { jsonData, runCommand } from './run-command.ts'

const help = `Usage: holdfast settle <target> <run> <key> --done [json] | --not-done | --error text [options]

Says what became of a tool that was cut off, and of which nobody can know whether it took effect: look it up where it should
have taken effect, and say. The run is parked until then (holdfast runs <target> --state parked), and goes on at once.

  target         the journal: a directory, a file of SQLite (agent.db) or a database of PostgreSQL (postgres://…)
  run            the run's id
  key            the tool's key in its run

  --done [json]  it took effect, with this result; none if not given
  --not-done     it had no effect: it is called again
  --error text   it failed for good, with this message
  --id name      a name for this: sent again with the same, it takes effect once
  --json         print one line of JSON, and nothing else
  --help         print this

Ends with 0 when it is durable, with 1 when there is no such run or journal, or nobody waits for this; with 2 when it was
called wrongly.`

const options = {
  done: { type: 'boolean' },
  'not-done': { type: 'boolean' },
  error: { type: 'string' },
} as const

export const settle: Command = runCommand({
  name: 'settle',
  summary: 'say what became of a tool that was cut off',
  help,
  options,
  words: [1, 2],
  needs: "A journal, a run, the tool's key, and its result as JSON if it has one",
  async tell({ target, run, words: [key = '', text], values, sending }) {
    await settleRun(target, run, key, outcomeOf(values, text), sending)
    return `${key} of ${run} is settled.`
  },
})

function outcomeOf(
  { done, 'not-done': notDone, error }: Parsed<typeof options>['values'],
  text: string | undefined,
): Settling {
  if ([done, notDone, error].filter((given) => given !== undefined).length !== 1) {
    throw new UsageError('One of --done, --not-done and --error')
  }
  if (text !== undefined && done !== true) throw new UsageError('Only --done has a result')
  if (error !== undefined) return { error: new Error(error) }
  if (notDone === true) return { done: false }
  return { done: true, ...(text === undefined ? {} : { result: jsonData(text) }) }
}
