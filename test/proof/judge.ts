// Holds all lives of a run to what runs promise, from what happened outside, in its order, and from what the journal has in
// the end. Each finding is a sentence; none means that nothing is wrong.

import { isDeepStrictEqual } from 'node:util'
import { endings, runEvents, toolTypes } from '../../src/runs/run-event.ts'
import type { RecordedEvent } from './outcome.ts'
import { outcomeOf } from './outcome.ts'
import type { CallLine, DurableLine, OutsideLine } from './outside.mjs'

export interface Lives {
  readonly lines: readonly OutsideLine[]
  readonly events: readonly RecordedEvent[]
  /** `<run> <key>` of what is in effect. */
  readonly effects: readonly string[]
}

export interface Undisturbed {
  readonly outcome: readonly string[]
  readonly effects: readonly string[]
}

export function undisturbed({ events, effects }: Lives): Undisturbed {
  return { outcome: outcomeOf(events), effects }
}

export function judge(lives: Lives, expected: Undisturbed): readonly string[] {
  return [...judgeOutcome(lives, expected), ...judgeLines(lives.lines), ...judgeTold(lives)]
}

function judgeOutcome({ events, effects }: Lives, expected: Undisturbed): readonly string[] {
  const outcome = outcomeOf(events)
  const more = without(outcome, expected.outcome).map((line) => `not in an undisturbed run: ${line}`)
  const fewer = without(expected.outcome, outcome).map((line) => `missing: ${line}`)
  const left = without(effects, expected.effects).map((key) => `is in effect, and should not be: ${key}`)
  const gone = without(expected.effects, effects).map((key) => `is not in effect: ${key}`)
  return [...more, ...fewer, ...left, ...gone]
}

/** Those of `some` that `others` doesn't have, as often as there are more of them. */
function without(some: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others]
  return some.filter((one) => {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

/** What is known of one step or tool as the lines are gone through. */
interface Known {
  /** Its outcome is durable. */
  ended: boolean
  /** Failed attempts whose failure is durable. */
  failures: number
  /** The last durable intent, while nothing durable says what came of it. */
  open: { readonly attempt: number; readonly key: string | undefined } | undefined
  /** That its last attempt was undone is durable. */
  undone: boolean
  /** Calls in the open attempt. */
  calls: number
  /** Calls that took effect. */
  effects: number
  effect: string | undefined
  /** A call took effect and was not undone. */
  isInEffect: boolean
}

function judgeLines(lines: readonly OutsideLine[]): readonly string[] {
  const found: string[] = []
  const all = new Map<string, Known>()
  const ended = new Set<string>()
  const unwinding = new Set<string>()
  const of = (run: string, key: string): Known => {
    const name = `${run} ${key}`
    const known = all.get(name) ?? fresh()
    all.set(name, known)
    return known
  }
  for (const line of lines) {
    if (line.is === 'durable') {
      if (endings.includes(line.type)) ended.add(line.run)
      if (line.type === runEvents.unwinding) unwinding.add(line.run)
      if (line.key !== undefined) meet(of(line.run, line.key), line)
    } else if (line.is === 'call') {
      const where = `${line.run} ${line.key}, attempt ${line.attempt}`
      if (ended.has(line.run)) found.push(`${line.kind} called after the end of its run: ${where}`)
      const known = of(line.run, line.key)
      const wrong = call(known, line, unwinding.has(line.run))
      if (wrong !== undefined) found.push(`${wrong}: ${line.kind} ${where}`)
    }
  }
  for (const [name, { effect, effects }] of all) {
    if (effect === 'once' && effects !== 1) found.push(`took effect ${effects} times, though it is once: ${name}`)
  }
  return found
}

function fresh(): Known {
  return {
    ended: false,
    failures: 0,
    open: undefined,
    undone: false,
    calls: 0,
    effects: 0,
    effect: undefined,
    isInEffect: false,
  }
}

function meet(known: Known, { type, attempt, failures, idempotencyKey, done }: DurableLine): void {
  if (type === runEvents.step || type === runEvents.tool) known.ended = true
  if (type === runEvents.stepRetried) known.failures = attempt ?? 0
  if (type === runEvents.toolRetried) known.failures = failures ?? 0
  if (type === runEvents.toolSettled && done === true) known.ended = true
  if (type === runEvents.compensated) known.undone = true
  if (type === runEvents.toolIntended) {
    known.open = { attempt: attempt ?? 0, key: idempotencyKey }
    known.calls = 0
    known.undone = false
  } else if (toolTypes.includes(type) && type !== runEvents.toolAmbiguous) known.open = undefined
}

/** What is wrong with this call. */
function call(known: Known, line: CallLine, isUnwinding: boolean): string | undefined {
  const { kind, attempt } = line
  if (kind === 'undo') return undo(known, isUnwinding)
  if (known.ended) return 'called again after its outcome was durable'
  if (kind === 'step') return attempt === known.failures + 1 ? undefined : 'an attempt that was recorded as failed'
  if (kind === 'verify') return known.open === undefined ? 'verified without an open attempt' : undefined
  const { effect } = line
  known.effect = effect
  if (kind === 'tool') known.effects += 1
  if (effect === 'pure') return undefined
  const wasInEffect = known.isInEffect
  known.isInEffect ||= kind === 'tool'
  return effect === 'reversible' && wasInEffect ? 'called again before it was undone' : intended(known, line)
}

/** An undo may come twice, when its record was cut off. */
function undo(known: Known, isUnwinding: boolean): string | undefined {
  known.isInEffect = false
  if (known.undone) return 'undone again after that was durable'
  return known.open === undefined && !isUnwinding ? 'undone without a reason' : undefined
}

function intended(known: Known, { attempt, idempotencyKey, effect }: CallLine): string | undefined {
  const { open } = known
  if (open === undefined || open.attempt !== attempt) return 'called without a durable intent'
  if (open.key !== idempotencyKey) return 'called with another idempotency key than it intended'
  known.calls += 1
  return known.calls > 1 && effect !== 'idempotent' ? 'called again in the same attempt' : undefined
}

/** What the run was told stands in the journal. */
function judgeTold({ lines, events }: Lives): readonly string[] {
  const results = new Map<string, unknown>()
  for (const { run, type, data } of events) {
    if (type === runEvents.step || type === runEvents.tool || type === runEvents.toolSettled) {
      results.set(`${run} ${String(data.key)}`, data.result)
    }
  }
  return lines.flatMap((line) => {
    if (line.is !== 'told') return []
    const name = `${line.run} ${line.value.did}`
    return isDeepStrictEqual(results.get(name), line.value) ? [] : [`told what the journal doesn't have: ${name}`]
  })
}
