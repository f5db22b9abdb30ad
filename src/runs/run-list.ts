// Which runs there are and where each stands: unfinished ones from the agenda, the newest first of those that have ended.
//
// Invariant: what is read grows with what is asked for, and with what is unfinished; never with all that ever ended, as
// long as a limit or a time is given.

import type { TimeMs } from '../core/numbers.ts'
import type { Clock } from '../host/clock.ts'
import type { AgendaEntry } from '../journal/agenda.ts'
import { checkWhole, invalidArgument } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import {
  agendaPrefixOf,
  allRunsPrefix,
  endings,
  idOfStream,
  neverDue,
  type RunData,
  runEvents,
  runOfAgendaId,
  streamOf,
} from './run-event.ts'
import { RunFold } from './run-fold.ts'
import { RunHistory } from './run-history.ts'
import { type RunRecord, readRecord } from './run-record.ts'

export type RunState =
  /** Nobody drives it: it is new, something has come for it, or its process has died. */
  | 'queued'
  | 'running'
  | 'sleeping'
  | 'waiting'
  /** A person has to decide something. */
  | 'parked'
  | 'completed'
  | 'failed'
  | 'cancelled'
  /** Its code has changed: a person has to repair that. */
  | 'diverged'

export interface RunSummary {
  readonly id: string
  readonly name: string
  readonly state: RunState
  /** Of one that isn't at work and hasn't ended: what it waits for, in words that follow "it". */
  readonly why?: string
  /** When it goes on by itself. */
  readonly due?: TimeMs
  readonly createdAt: TimeMs
  /** The time of its newest event. */
  readonly updatedAt: TimeMs
}

export interface RunFilter {
  /** Only runs in this state, or in these; all by default. */
  readonly state?: RunState | readonly RunState[]
  /** Only runs of this name ('-': those of journal.run with a function). */
  readonly name?: string
  /** Only runs with an event at or after this time. */
  readonly since?: Date | number
  /** At most so many; all by default. */
  readonly limit?: number
}

export interface ListHost {
  readonly journal: Journal
  readonly clock: Clock
}

const endedStates: Readonly<Record<string, RunState>> = {
  [runEvents.completed]: 'completed',
  [runEvents.failed]: 'failed',
  [runEvents.cancelled]: 'cancelled',
}
const states: readonly RunState[] = [
  'queued',
  'running',
  'sleeping',
  'waiting',
  'parked',
  'diverged',
  ...Object.values(endedStates),
]
/** States that an entry of the agenda says as they are; the others depend on whether a process is at work. */
export const restStates: readonly unknown[] = ['sleeping', 'waiting', 'parked', 'diverged']
const entriesAtFirst = 128

/** Unfinished runs, what is due first before the others; then those that have ended, newest end first. */
export async function* listRuns(host: ListHost, filter: RunFilter = {}): AsyncGenerator<RunSummary, void, undefined> {
  const wanted = wantedStates(filter.state)
  const { name } = filter
  const since = filter.since === undefined ? 0 : checkWhole(Number(filter.since), 'since')
  let left = filter.limit === undefined ? Number.POSITIVE_INFINITY : checkWhole(filter.limit, 'limit')
  const told = new Set<string>()
  for await (const run of both(host, { name, since, wanted })) {
    if (left <= 0) return
    if (!wanted.has(run.state) || run.updatedAt < since || told.has(run.id)) continue
    told.add(run.id)
    left -= 1
    yield run
  }
}

interface Wanted {
  readonly name: string | undefined
  readonly since: TimeMs
  readonly wanted: ReadonlySet<RunState>
}

async function* both(host: ListHost, terms: Wanted): AsyncGenerator<RunSummary, void, undefined> {
  if (states.some((state) => terms.wanted.has(state) && !Object.values(endedStates).includes(state))) {
    yield* unfinished(host, terms)
  }
  if (Object.values(endedStates).some((state) => terms.wanted.has(state))) yield* ended(host, terms)
}

async function* unfinished(host: ListHost, { name, wanted }: Wanted): AsyncGenerator<RunSummary, void, undefined> {
  for await (const entry of entries(host.journal, name === undefined ? allRunsPrefix : agendaPrefixOf(name))) {
    const run = runOfAgendaId(entry.id)
    if (run === undefined) continue
    const { state } = (entry.data ?? {}) as { readonly state?: RunState }
    if (state !== undefined && restStates.includes(state) && !wanted.has(state)) continue
    const record = await readRecord(host.journal, run.id)
    const summary = record === undefined ? undefined : await summaryOf(host, record, entry)
    if (summary !== undefined) yield summary
  }
}

/** Few at first: a limit is often reached with them. */
async function* entries(journal: Journal, prefix: string): AsyncGenerator<AgendaEntry, void, undefined> {
  const told = new Set<string>()
  for (let limit = entriesAtFirst; ; limit *= 8) {
    const found = await journal.agenda.list({ prefix, limit })
    for (const entry of found) {
      if (told.has(entry.id)) continue
      told.add(entry.id)
      yield entry
    }
    if (found.length < limit) return
  }
}

/** Undefined when it has ended. */
async function summaryOf(host: ListHost, record: RunRecord, entry: AgendaEntry): Promise<RunSummary | undefined> {
  const { journal } = host
  const { id, created, createdAt } = record
  const [newest] = await journal.tail(1, streamOf(id))
  const times = { createdAt, updatedAt: newest?.time ?? createdAt }
  const said = (entry.data ?? {}) as { readonly state?: RunState; readonly why?: string }
  const about = { id, name: created.name, ...times }
  if (said.state !== undefined && restStates.includes(said.state)) {
    const due = entry.due >= neverDue || said.state === 'diverged' ? {} : { due: entry.due }
    return { ...about, state: said.state, ...(said.why === undefined ? {} : { why: said.why }), ...due }
  }
  const fold = await foldOf(journal, record)
  if (fold.end !== undefined) return undefined
  return { ...about, ...(await standing(host, entry, fold)) }
}

/** What a run does whose entry doesn't say more than that something is to be done. */
export async function standing(
  { journal, clock }: ListHost,
  entry: Pick<AgendaEntry, 'id'>,
  fold: RunFold,
): Promise<Pick<RunSummary, 'state' | 'why' | 'due'>> {
  const { rest } = fold
  if (fold.diverged !== undefined) return { state: 'diverged' }
  if (rest !== undefined) {
    return { state: rest.state, why: rest.why, ...(rest.due === undefined ? {} : { due: rest.due }) }
  }
  const lease = await journal.leases.get(entry.id)
  return { state: lease?.held === true && lease.until > clock.now() ? 'running' : 'queued' }
}

export async function foldOf(journal: Journal, { id, created }: RunRecord): Promise<RunFold> {
  const fold = new RunFold()
  for await (const event of new RunHistory(journal, id, { base: created.fork }).events(2)) fold.meet(event)
  return fold
}

async function* ended({ journal }: ListHost, terms: Wanted): AsyncGenerator<RunSummary, void, undefined> {
  const { name, since, wanted } = terms
  const types = endings.filter((type) => wanted.has(endedStates[type] ?? 'completed'))
  // By types alone: they have an index, whatever else the journal holds.
  for await (const event of journal.read(undefined, { types, direction: 'backward' })) {
    if (event.time < since) return
    if (!event.stream.startsWith(allRunsPrefix)) continue
    const id = idOfStream(event.stream)
    const record = await readRecord(journal, id)
    if (record === undefined || (name !== undefined && record.created.name !== name)) continue
    const { createdAt, created } = record
    const why = endedWhy(event.data as RunData)
    const state = endedStates[event.type] ?? 'completed'
    yield { id, name: created.name, state, ...(why === undefined ? {} : { why }), createdAt, updatedAt: event.time }
  }
}

/** In words, why it failed or was cancelled. */
export function endedWhy({ error, reason }: RunData): string | undefined {
  if (error instanceof Error) return `${error.name}: ${error.message}`
  if (error !== undefined) return String(error)
  return typeof reason === 'string' ? reason : undefined
}

function wantedStates(state: RunFilter['state']): ReadonlySet<RunState> {
  const list = state === undefined ? states : typeof state === 'string' ? [state] : state
  for (const one of list) if (!states.includes(one)) throw invalidArgument('state', `one of ${states.join(', ')}`)
  return new Set(list)
}
