// How a journal is followed, as the user says it, made the plan of a subscription.

import { parseDuration } from '../core/duration.ts'
import { checkName } from '../core/names.ts'
import type { Duration } from './append-options.ts'
import { checkWhole, invalidArgument } from './argument.ts'
import { type Select, selectorOf, typesOf } from './select.ts'
import type { Beginning, SubscriptionPlan } from './subscribe.ts'

export interface SubscribeOptions {
  /** One stream, or all with a prefix; by default the whole journal. */
  readonly select?: Select
  /** Goes on behind this cursor, or this number: a seq when one stream is followed, else a position. 0 is the start. */
  readonly after?: number | string
  /** Without `after`: the earliest retained event ('start', the default), or only what comes from now on. */
  readonly from?: 'start' | 'now'
  /** Only events of this type, or of these; all by default. */
  readonly types?: string | readonly string[]
  /** Ends the iteration; it is no error. */
  readonly signal?: AbortSignal
  /** Looks for more at most this often, and delivers together what has come meanwhile. By default as soon as anything
   * is durable. */
  readonly pace?: Duration
  /** Whether waiting for more keeps the process from ending; true by default. */
  readonly keepsAlive?: boolean
  /** Keeps retention by age from what is still to be read, until `ttl` after the subscriber is gone. */
  readonly pin?: { readonly name: string; readonly ttl: Duration }
}

export interface LiveSubscribeOptions extends SubscribeOptions {
  /** Hears of broadcasts too (journal.broadcast, run.emitLive), as they come: items with `live`. Those of this process,
   * from the first call of next() on. */
  readonly live: true
}

/** `newest`: the newest position, for who begins now. Throws INVALID_ARGUMENT. */
export function subscriptionPlan(
  options: SubscribeOptions & { readonly live?: boolean },
  newest: () => number,
): SubscriptionPlan {
  const { pin, signal, pace = 0, keepsAlive = true, live = false } = options
  return {
    select: selectorOf(options.select),
    begin: beginningOf(options, newest),
    types: typesOf(options.types),
    pin: pin === undefined ? undefined : { pin: pinName(pin.name), ttlMs: parseDuration(pin.ttl, 'ttl') },
    signal,
    paceMs: parseDuration(pace, 'pace'),
    keepsAlive,
    isLive: live === true,
  }
}

function beginningOf({ after, from }: SubscribeOptions, newest: () => number): Beginning {
  if (after !== undefined && from !== undefined)
    throw invalidArgument('the start', 'given by after or from, not by both')
  if (typeof after === 'string') return { at: 'cursor', cursor: after }
  if (after !== undefined && after !== 0) return { at: 'number', after: checkWhole(after, 'after') }
  if (from === undefined || from === 'start') return { at: 'start' }
  if (from !== 'now') throw invalidArgument('from', "'start' or 'now'")
  // Taken now and not when the iteration begins: what is appended in between belongs to it.
  return { at: 'position', position: newest() }
}

function pinName(name: string): string {
  checkName(name, 'pin')
  return name
}
