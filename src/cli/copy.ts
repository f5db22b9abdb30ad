// holdfast copy: moves a journal to another place or store, or forks it.

import { abandonCopy, copyJournal } from '../copy.ts'
import { isHoldfastError } from '../errors.ts'
import { parseTarget } from '../open.ts'
import type { CopyProgress, CopyReport } from '../transfer/copy.ts'
import type { AbandonReport } from '../transfer/copy-abandon.ts'
import { type Command, readArguments, UsageError } from './command.ts'
import { ProgressLine } from './progress-line.ts'

const help = `Usage: holdfast copy <from> <to> [options]

Moves a journal to another place, with everything in it: events with their numbers, times and checksums, command ids with their
receipts, agenda, leases, pins, blobs, and the places of what was removed. Cursors stay valid. The copy is read back and
compared with the source; then it is the journal, and the source is for reading only. Run it again after an interruption:
it goes on where it was. A journal in a directory must not be open elsewhere; one in a database is refused writes while the
last of it is copied.

  from, to       the journal, and a place where nothing is: each a directory, a file of SQLite (agent.db) or a database of
                 PostgreSQL (postgres://…)

  --fork         leave the source in use, also by a process that has it open: the copy is a history of its own from here on.
                 What is due and who holds a lease stays with the source
  --abandon      remove an unfinished copy, and give the source free for writing again
  --json         print the report as one line of JSON, and nothing else
  --help         print this

Ends with 0 when it is done, with 1 when it failed or was interrupted, with 2 when it was called wrongly.
Ctrl-C stops it at a place from which it goes on.`

export const copy: Command = {
  name: 'copy',
  summary: 'move a journal to another place or store, or fork it',
  help,
  run,
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    fork: { type: 'boolean' },
    abandon: { type: 'boolean' },
    json: { type: 'boolean' },
  })
  const [from, to, ...more] = positionals
  if (from === undefined || to === undefined || more.length > 0)
    throw new UsageError('Two places: from where, and to where')
  if (values.fork === true && values.abandon === true) throw new UsageError('--fork or --abandon, not both')
  for (const place of [from, to]) mustLast(place)
  const isJson = values.json === true
  try {
    if (values.abandon === true) return say(await abandonCopy(from, to), isJson, abandonText)
    return say(await copyWatched(from, to, { fork: values.fork === true, isJson }), isJson, copyText)
  } catch (error) {
    return fail(error, isJson)
  }
}

/** Refused before anything is opened. */
function mustLast(place: string): void {
  try {
    if (parseTarget(place).kind !== 'memory') return
  } catch (error) {
    if (isHoldfastError(error)) throw new UsageError(`${error.message}. ${error.hint ?? ''}`, { cause: error })
    throw error
  }
  throw new UsageError(
    'A journal in memory is gone when this command ends: copy it with copyJournal() where it is open',
  )
}

async function copyWatched(
  from: string,
  to: string,
  { fork, isJson }: { readonly fork: boolean; readonly isJson: boolean },
): Promise<CopyReport> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  const line = new ProgressLine(isJson ? undefined : process.stdout)
  try {
    return await copyJournal(from, to, {
      fork,
      signal: stop.signal,
      progress: (told) => line.show(() => progressText(told)),
    })
  } finally {
    process.removeListener('SIGINT', end)
    process.removeListener('SIGTERM', end)
    line.end()
  }
}

const stages: Readonly<Record<CopyProgress['stage'], string>> = {
  copy: 'copying',
  rest: 'copying',
  verify: 'comparing',
}

function progressText({ stage, events, bytes, blobs }: CopyProgress): string {
  return `${stages[stage]}: ${figure(events)} events, ${mebibytes(bytes)}, ${figure(blobs)} blobs`
}

function copyText(report: CopyReport): string {
  const { from, to, outcome, resumedAt, compared, left } = report
  if (compared === undefined) return `${to} was finished before; ${from} is marked as moved.`
  const rows = compared.rows.map(
    ({ kind, count, sha256 }) => `  ${kind.padEnd(9)} ${figure(count).padStart(12)}  ${sha256}`,
  )
  const events = `positions ${compared.first} to ${compared.last}, ${mebibytes(compared.bytes)}`
  return [
    outcome === 'moved' ? `${from} has moved to ${to}.` : `${to} is a fork of ${from}.`,
    ...(resumedAt > 0 ? [`Went on behind position ${resumedAt}.`] : []),
    `The same in both, with SHA-256 (${events}):`,
    ...rows,
    ...(left === undefined ? [] : [`Left to the source: ${left.agenda} of the agenda, ${left.leases} held leases.`]),
    ...(outcome === 'moved' ? [`Open ${to} from now on; ${from} can only be read.`] : []),
  ].join('\n')
}

function abandonText({ from, to, removed, freed }: AbandonReport): string {
  const lines = [removed ? `The unfinished copy at ${to} is removed.` : `There was no unfinished copy at ${to}.`]
  if (freed) lines.push(`${from} takes writes again.`)
  return lines.join('\n')
}

function say<T>(report: T, isJson: boolean, text: (report: T) => string): number {
  process.stdout.write(`${isJson ? JSON.stringify(report) : text(report)}\n`)
  return 0
}

function fail(error: unknown, isJson: boolean): number {
  if (!isHoldfastError(error)) throw error
  const { code, message, hint, details } = error
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message, hint, details } })}\n`)
  else process.stderr.write(`holdfast: ${message} (${code})\n${hint === undefined ? '' : `${hint}\n`}`)
  return code === 'INVALID_ARGUMENT' ? 2 : 1
}

function figure(count: number): string {
  return count.toLocaleString('en-US')
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}
