// A new run with the history of another one up to some event: what was done until then is served from the record, and
// from there on it goes its own way.
//
// Nothing is copied: the fork says which events of which runs it shares, and pins them against retention until it has
// ended. So a fork costs one event, however long the history is.
//
// Invariants: how the source ended is never shared; a fork of a fork names the runs that hold the events themselves.

import type { Seq } from '../core/numbers.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import { checkObject, checkWhole, invalidArgument } from '../journal/argument.ts'
import type { ExecutionHost } from './execution-terms.ts'
import type { ForkBase, SharedPart } from './fork-base.ts'
import { pinsOf } from './fork-pins.ts'
import { agendaIdOf, checkRunId, endings, type RunCreated, runEvents, streamOf } from './run-event.ts'
import { RunHistory } from './run-history.ts'
import { RunOutcomes } from './run-outcomes.ts'
import { type RunRecord, readRecord, unknownRun } from './run-record.ts'

export interface ForkOptions {
  /** The last event that is shared, by its seq; or the key of a step: the event with its outcome. By default the last of the
   * steps that `with` replaces, or all there is but the end or the cancellation of the run. */
  readonly at?: number | string
  /** The id of the new run; one is made up where none is given. */
  readonly as?: string
  /** What is other than in the run that is forked. */
  readonly with?: {
    /** The input of the new run. */
    readonly input?: unknown
    /** Results in place of the recorded ones, by the keys of their steps. */
    readonly steps?: Readonly<Record<string, unknown>>
  }
}

/** The new run is durable when it resolves, and queued. Rejects with RUN_UNKNOWN, and RUN_CONFLICT when there is a run with
 * the new id. */
export async function forkRun(
  host: ExecutionHost,
  id: string,
  options: ForkOptions = {},
): Promise<{ readonly id: string }> {
  const { as = `${id}-fork-${host.random.hex(4)}`, with: replaced = {} } = options
  checkRunId(as)
  checkObject(replaced, 'with')
  const { journal, clock } = host
  const source = await readRecord(journal, id)
  if (source === undefined) throw unknownRun(id)
  const steps = { ...source.created.fork?.steps, ...replaced.steps }
  const through = await sharedThrough(host, source, options)
  const fork: ForkBase = {
    run: id,
    through,
    parts: sharedParts(source, through),
    createdAt: source.created.fork?.createdAt ?? source.createdAt,
    ...(Object.keys(steps).length === 0 ? {} : { steps }),
  }
  const created = { ...kept(source.created), ...('input' in replaced ? { input: replaced.input } : {}), fork }
  const event = { type: runEvents.created, data: created }
  const agenda = [{ id: agendaIdOf(source.created.name, as), due: clock.now(), data: { state: 'queued' } }]
  const pins = pinsOf(as, fork).map(({ pin, stream }) => ({ pin, stream, from: 1 }))
  try {
    await journal.append(streamOf(as), event, { expect: 'none', agenda, pins })
  } catch (error) {
    if (!isHoldfastError(error, 'SEQ_CONFLICT')) throw error
    throw new HoldfastError('RUN_CONFLICT', `there is a run ${JSON.stringify(as)} already`, {
      hint: 'Give the fork another id, or none.',
      cause: error,
      details: { id: as },
    })
  }
  return { id: as }
}

/** What a fork is created with of what its source was: not whose child it was. */
function kept(created: RunCreated): RunCreated {
  const { parent: _, depth: __, ...rest } = created
  return rest
}

function shiftOf({ created }: RunRecord): number {
  return created.fork === undefined ? 0 : created.fork.through - 1
}

function sharedParts(source: RunRecord, through: Seq): SharedPart[] {
  const shift = shiftOf(source)
  const own = { run: source.id, from: 2, to: through - shift, shift }
  const before = source.created.fork?.parts ?? []
  const cut = before.map((part) => ({ ...part, to: Math.min(part.to, through - part.shift) }))
  return [...cut, own].filter(({ from, to }) => from <= to)
}

async function sharedThrough({ journal }: ExecutionHost, source: RunRecord, options: ForkOptions): Promise<Seq> {
  const { at, with: replaced } = options
  const wanted = Object.keys(replaced?.steps ?? {})
  const end = await lastBefore(journal, source, endings)
  if (typeof at === 'number' && wanted.length === 0) return checkAt(at, end)
  const last = at === undefined && wanted.length === 0 ? await lastBefore(journal, source, stops) : end
  const outcomes = await outcomesOf(new RunHistory(journal, source.id, { base: source.created.fork }), {
    keys: typeof at === 'string' ? [...wanted, at] : wanted,
    to: typeof at === 'number' ? checkAt(at, end) : last,
  })
  for (const key of wanted) {
    if (outcomes.get(key) === undefined)
      throw invalidArgument(`with.steps[${JSON.stringify(key)}]`, notEnded(source.id))
  }
  if (typeof at === 'string') return outcomes.get(at) ?? refuse(invalidArgument('at', notEnded(source.id)))
  if (at !== undefined) return at
  if (replaced !== undefined && 'input' in replaced && wanted.length === 0) return 1
  return wanted.length === 0 ? last : Math.max(...outcomes.values())
}

const stops = [...endings, runEvents.cancelRequested]

/** The number of the last event before the first of these types, or of all. */
async function lastBefore(
  journal: ExecutionHost['journal'],
  source: RunRecord,
  types: readonly string[],
): Promise<Seq> {
  const stream = streamOf(source.id)
  const [stop] = await journal.read(stream, { types, limit: 1 }).toArray()
  const last = stop === undefined ? (await journal.head(stream)).seq : stop.seq - 1
  return last + shiftOf(source)
}

/** Of each key, the number of the event that holds how it ended. */
async function outcomesOf(
  history: RunHistory,
  { keys, to }: { readonly keys: readonly string[]; readonly to: Seq },
): Promise<ReadonlyMap<string, Seq>> {
  const outcomes = new Map<string, Seq>()
  const settles = new RunOutcomes()
  for await (const event of history.events(2)) {
    if (event.seq > to || outcomes.size === new Set(keys).size) break
    const key = settles.meet(event)
    if (key !== undefined && keys.includes(key) && !outcomes.has(key)) outcomes.set(key, event.seq)
  }
  return outcomes
}

function checkAt(at: number, end: Seq): Seq {
  if (checkWhole(at, 'at') >= 1 && at <= end) return at
  throw invalidArgument('at', `the seq of an event before its end, from 1 to ${end}, or the key of a step`)
}

function notEnded(id: string): string {
  return `the key of a step of ${JSON.stringify(id)} that has ended in what is shared`
}

function refuse(error: HoldfastError): never {
  throw error
}
