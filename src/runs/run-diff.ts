// Two runs side by side: where they first part, which steps only one of them has, which ended otherwise, and what each cost.
//
// Steps are matched by their keys, whatever their order was; what went at the same time has none. What each step of the
// first run gave is held while the second is read.

import type { Seq, TimeMs } from '../core/numbers.ts'
import type { Journal } from '../journal.ts'
import { endings, kindOf, type RunData, type RunEvent, runEvents } from './run-event.ts'
import { RunHistory } from './run-history.ts'
import { RunOutcomes } from './run-outcomes.ts'
import { type RunRecord, readRecord, unknownRun } from './run-record.ts'
import { firstDifference, type ValueDifference } from './value-diff.ts'

export interface StepPlace {
  readonly key: string
  /** 'step', 'sleep', 'wait' … */
  readonly kind: string
  /** Of the event with its outcome. */
  readonly seq: Seq
}

export interface StepChange {
  readonly key: string
  /** Their events, in the first run and in the second. */
  readonly seqs: readonly [Seq, Seq]
  /** Where they first differ: 'result.hits[2]', 'input.q', 'error.message', or 'kind'. */
  readonly path: string
  readonly left: unknown
  readonly right: unknown
}

export interface RunFigures {
  readonly id: string
  readonly events: number
  readonly steps: number
  /** How it ended: 'completed', 'failed', 'cancelled'; undefined when it hasn't. */
  readonly end?: string
  /** From its creation to its newest event. */
  readonly timeMs: number
  /** What its events say that it cost, by name: tokens, cost … */
  readonly charges: Readonly<Record<string, number>>
}

export interface RunDiff {
  /** Nothing is added, removed or changed, and both ended alike. */
  readonly same: boolean
  /** The earliest of all that differs, by where it stands in the first run, or else in the second. */
  readonly first?: { readonly key: string; readonly what: 'added' | 'removed' | 'changed'; readonly seq: Seq }
  /** Steps that only the second has, in its order. */
  readonly added: readonly StepPlace[]
  /** Steps that only the first has, in its order. */
  readonly removed: readonly StepPlace[]
  readonly changed: readonly StepChange[]
  /** Where the results of the runs themselves first differ, when both have ended. */
  readonly outcome?: ValueDifference
  readonly runs: readonly [RunFigures, RunFigures]
}

interface Outcome {
  readonly place: StepPlace
  readonly told: RunData
}

/** Rejects with RUN_UNKNOWN. */
export async function diffRuns(journal: Journal, a: string, b: string): Promise<RunDiff> {
  const left = await sideOf(journal, a)
  const right = await sideOf(journal, b)
  const added = [...right.outcomes.values()].flatMap(({ place }) => (left.outcomes.has(place.key) ? [] : [place]))
  const removed = [...left.outcomes.values()].flatMap(({ place }) => (right.outcomes.has(place.key) ? [] : [place]))
  const changed = [...left.outcomes.values()].flatMap((one) => {
    const other = right.outcomes.get(one.place.key)
    return other === undefined ? [] : changeOf(one, other)
  })
  const outcome =
    left.end === undefined || right.end === undefined ? undefined : firstDifference(left.end, right.end, 'end')
  const first = firstOf({ added, removed, changed })
  return {
    same: first === undefined && outcome === undefined && left.figures.end === right.figures.end,
    ...(first === undefined ? {} : { first }),
    added,
    removed,
    changed,
    ...(outcome === undefined ? {} : { outcome }),
    runs: [left.figures, right.figures],
  }
}

interface Side {
  readonly outcomes: ReadonlyMap<string, Outcome>
  readonly end: RunData | undefined
  readonly figures: RunFigures
}

async function sideOf(journal: Journal, id: string): Promise<Side> {
  const record = await readRecord(journal, id)
  if (record === undefined) throw unknownRun(id)
  const outcomes = new Map<string, Outcome>()
  const charges: Record<string, number> = {}
  const settles = new RunOutcomes()
  let end: RunEvent | undefined
  let events = 1
  let newest: TimeMs = record.createdAt
  for await (const event of new RunHistory(journal, id, { base: record.created.fork }).events(2)) {
    events += 1
    newest = event.time
    addCharges(charges, event.data.charge)
    if (endings.includes(event.type)) end = event
    const key = settles.meet(event)
    if (key !== undefined) outcomes.set(key, outcomeOf(key, event))
  }
  const timeMs = newest - beginningOf(record)
  const ended = end === undefined ? {} : { end: kindOf(end.type) }
  const figures = { id, events, steps: outcomes.size, ...ended, timeMs, charges }
  return { outcomes, end: end === undefined ? undefined : toldOf(end), figures }
}

function beginningOf({ created, createdAt }: RunRecord): TimeMs {
  return created.fork?.createdAt ?? createdAt
}

function outcomeOf(key: string, event: RunEvent): Outcome {
  return { place: { key, kind: waitOr(kindOf(event.type)), seq: event.seq }, told: toldOf(event) }
}

/** What a signal settles is a wait. */
function waitOr(kind: string): string {
  return kind === 'signal' ? 'wait' : kind
}

/** What of an event two runs can differ in: not when it was, nor in which turn. */
function toldOf({ type, data }: RunEvent): RunData {
  const { input, result, error } = data
  const given = 'input' in data ? { input } : {}
  if ('error' in data) return { kind: kindOf(type), ...given, error: plainError(error) }
  if (type === runEvents.signal) return { kind: 'wait', result: data.data }
  return { kind: kindOf(type), ...given, result }
}

/** Stacks differ with every change of a file. */
function plainError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { stack: _, cause: __, ...own } = error as Error & Record<string, unknown>
  return { ...own, name: error.name, message: error.message }
}

function changeOf(one: Outcome, other: Outcome): StepChange[] {
  // An input that only one of them was given is no change of the step.
  const isGiven = 'input' in one.told && 'input' in other.told
  const comparable = ({ input, ...rest }: RunData): RunData => (isGiven ? { kind: rest.kind, input, ...rest } : rest)
  const found = firstDifference(comparable(one.told), comparable(other.told), '')
  if (found === undefined) return []
  const { left, right } = found
  const seqs = [one.place.seq, other.place.seq] as const
  return [{ key: one.place.key, seqs, path: found.path.replace(/^\./, ''), left, right }]
}

function firstOf({ added, removed, changed }: Pick<RunDiff, 'added' | 'removed' | 'changed'>): RunDiff['first'] {
  const all = [
    ...removed.map(({ key, seq }) => ({ key, what: 'removed' as const, seq })),
    ...changed.map(({ key, seqs }) => ({ key, what: 'changed' as const, seq: seqs[0] })),
    ...added.map(({ key, seq }) => ({ key, what: 'added' as const, seq })),
  ]
  return all.sort((one, other) => one.seq - other.seq)[0]
}

function addCharges(charges: Record<string, number>, charge: unknown): void {
  if (typeof charge !== 'object' || charge === null) return
  for (const [name, amount] of Object.entries(charge)) {
    if (typeof amount === 'number') charges[name] = (charges[name] ?? 0) + amount
  }
}
