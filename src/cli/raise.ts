// holdfast raise: sets new limits for a run that has spent what it had.

import { raiseRun } from '../run-control.ts'
import { type Command, UsageError } from './command.ts'
import { runCommand } from './run-command.ts'

const help = `Usage: holdfast raise <target> <run> <name>=<limit> … [options]

Sets new limits on what a run may spend; those that aren't named stay. A run that is parked because one is reached goes on at
once, as far as the new ones allow.

  target         the journal: a directory, a file of SQLite (agent.db) or a database of PostgreSQL (postgres://…)
  run            the run's id
  name=limit     tokens=200000, cost=3.5, steps=100, or whatever the run charges; time as a duration, time=2h

  --id name      a name for this: sent again with the same, it takes effect once
  --json         print one line of JSON, and nothing else
  --help         print this

Ends with 0 when it is durable, with 1 when there is no such run or journal, or the run has ended; with 2 when it was called
wrongly.`

export const raise: Command = runCommand({
  name: 'raise',
  summary: 'set new limits on what a run may spend',
  help,
  options: {},
  words: [1, Number.POSITIVE_INFINITY],
  needs: 'A journal, a run, and at least one limit, as tokens=1000',
  async tell({ target, run, words: limits, sending }) {
    await raiseRun(target, run, Object.fromEntries(limits.map(limitOf)), sending)
    return `${run} may spend up to ${limits.join(', ')}.`
  },
})

function limitOf(text: string): readonly [string, number | string] {
  const at = text.indexOf('=')
  const [name, value] = [text.slice(0, at), text.slice(at + 1)]
  if (at < 1 || value === '') throw new UsageError(`A limit is written as tokens=1000, not '${text}'`)
  if (name === 'time') return [name, value]
  const limit = Number(value)
  if (Number.isFinite(limit)) return [name, limit]
  throw new UsageError(`The limit of ${name} must be a number, not '${value}'`)
}
