// holdfast runs: which runs there are, where each stands, and why. It only reads, beside whoever has the journal open.

import { isHoldfastError } from '../errors.ts'
import { open, parseTarget } from '../open.ts'
import type { RunState, RunSummary } from '../runs/run-list.ts'
import { type Command, readArguments, UsageError, wholeNumber } from './command.ts'
import { fail } from './run-command.ts'

const states: readonly RunState[] = [
  'queued',
  'running',
  'sleeping',
  'waiting',
  'parked',
  'completed',
  'failed',
  'cancelled',
  'diverged',
]

const help = `Usage: holdfast runs <target> [options]

Lists the runs of a journal and where each stands: those that have not ended first, then those that have, newest end first. It
only reads, also while the agent has the journal open.

  target         the journal: a directory, a file of SQLite (agent.db) or a database of PostgreSQL (postgres://…)

  --state name   only these; may be given more than once:
                 ${states.join(', ')}
  --name name    only runs of this name (journal.define)
  --limit n      at most so many (100)
  --json         a line of JSON for each, and nothing else
  --help         print this

Ends with 0, with 1 when there is no such journal or it can't be read, with 2 when it was called wrongly.`

export const runs: Command = {
  name: 'runs',
  summary: 'list runs, where each stands and why',
  help,
  run,
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    state: { type: 'string', multiple: true },
    name: { type: 'string' },
    limit: { type: 'string' },
    json: { type: 'boolean' },
  })
  const [target, ...more] = positionals
  if (target === undefined || more.length > 0) throw new UsageError('One journal')
  const state = values.state?.map(stateOf)
  const limit = values.limit === undefined ? 100 : wholeNumber(values.limit, '--limit', 1)
  const isJson = values.json === true
  try {
    if (parseTarget(target).kind === 'memory')
      throw new UsageError('A journal in memory is seen by its own process alone')
    await using journal = await open(target, { readOnly: true, create: 'never' })
    const filter = {
      ...(state === undefined ? {} : { state }),
      ...(values.name === undefined ? {} : { name: values.name }),
    }
    let count = 0
    for await (const summary of journal.runs(filter)) {
      process.stdout.write(`${isJson ? JSON.stringify(summary) : line(summary)}\n`)
      count += 1
      if (count === limit) break
    }
    if (count === 0 && !isJson) process.stdout.write('No runs.\n')
    return 0
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return fail(error, isJson)
  }
}

function stateOf(text: string): RunState {
  const found = states.find((state) => state === text)
  if (found !== undefined) return found
  throw new UsageError(`--state must be one of ${states.join(', ')}, not '${text}'`)
}

function line({ id, name, state, why, updatedAt }: RunSummary): string {
  const at = new Date(updatedAt).toISOString()
  const called = name === '-' ? '' : ` (${name})`
  return `${state.padEnd(9)}  ${at}  ${id}${called}${why === undefined ? '' : `: ${why}`}`
}
