// What the author of a run says of a tool: which effect calling it has, and what is to be done when nobody knows whether
// a call took effect.

import type { StandardSchema } from '../core/schema.ts'
import { checkObject, checkWhole, invalidArgument } from '../journal/argument.ts'
import type { Amounts } from './budget.ts'
import { type RetryOptions, type RetryPolicy, retryPolicy } from './retry.ts'
import type { ToolContext } from './tool-context.ts'

/** pure: calling it again does no harm. idempotent: calling it again with the same idempotency key has no further effect.
 * once: it must not be called again unless it surely had no effect. reversible: what it did can be undone. */
export type ToolEffect = 'pure' | 'idempotent' | 'once' | 'reversible'

/** What looking at the other side tells of a call that was cut off. */
export type ToolVerdict<T = unknown> =
  | { readonly done: true; readonly result?: T }
  | { readonly done: false }
  | 'unknown'

export interface ToolOptions<T = unknown> {
  /** What calling it does to the world, and so what happens when a call is cut off (docs/TOOLS.md). */
  readonly effect: ToolEffect
  /** Recorded, and compared when the tool is replayed: another input is other code (RUN_DIVERGED). */
  readonly input?: unknown
  /** The idempotency key; by default one that follows from the run's id and the tool's key. */
  readonly key?: string
  /** Asked when a call of a `once` or `reversible` tool was cut off: did it take effect? */
  readonly verify?: (context: ToolContext) => ToolVerdict<T> | Promise<ToolVerdict<T>>
  /** Undoes what a `reversible` tool did. It may be called again, and for what never took effect: `result` is undefined
   * when the call was cut off. */
  readonly compensate?: (result: T | undefined, context: ToolContext) => unknown
  /** How often it is tried again when it surely had no effect; not at all by default. Compensations follow it too. */
  readonly retry?: number | RetryOptions
  /** Of a call, a verification, a compensation. */
  readonly timeoutMs?: number
  /** The result must match, and what the schema makes of it is the result. */
  readonly schema?: StandardSchema<unknown, T>
  /** What a result has cost, for the budgets of the run: recorded in the same event. */
  readonly charge?: (result: T) => Amounts
}

export interface ToolTerms {
  readonly call: (context: ToolContext) => unknown
  readonly effect: ToolEffect
  readonly input: { readonly value: unknown } | undefined
  readonly idempotencyKey: string | undefined
  readonly verify: ((context: ToolContext) => unknown) | undefined
  readonly compensate: ((result: unknown, context: ToolContext) => unknown) | undefined
  readonly retry: RetryPolicy
  readonly timeoutMs: number | undefined
  readonly schema: StandardSchema | undefined
  readonly charge: ((result: unknown) => Amounts) | undefined
}

const effects: readonly unknown[] = ['pure', 'idempotent', 'once', 'reversible']

/** Throws INVALID_ARGUMENT. */
export function toolTerms<T>(options: ToolOptions<T>, call: (context: ToolContext) => T | Promise<T>): ToolTerms {
  checkObject(options, 'the second argument of tool')
  const { effect, key, verify, compensate, retry, timeoutMs, schema, charge } = options
  if (!effects.includes(effect)) throw invalidArgument('effect', "'pure', 'idempotent', 'once' or 'reversible'")
  if (typeof call !== 'function') throw invalidArgument('the third argument of tool', 'a function')
  if (key !== undefined && (typeof key !== 'string' || key === '')) throw invalidArgument('key', 'text')
  const isGuarded = effect === 'once' || effect === 'reversible'
  if (verify !== undefined && !isGuarded) throw invalidArgument('verify', "given with 'once' and 'reversible' only")
  if ((compensate !== undefined) !== (effect === 'reversible')) {
    throw invalidArgument('compensate', "given with 'reversible', and with nothing else")
  }
  return {
    call,
    effect,
    input: 'input' in options ? { value: options.input } : undefined,
    idempotencyKey: key,
    verify,
    compensate: compensate as ToolTerms['compensate'],
    retry: retryPolicy(retry),
    timeoutMs: timeoutMs === undefined ? undefined : checkWhole(timeoutMs, 'timeoutMs'),
    schema,
    charge: charge as ToolTerms['charge'],
  }
}
