// How often something that failed is tried again, and after which pause.

import { parseDuration } from '../core/duration.ts'
import type { Random } from '../host/random.ts'
import type { Duration } from '../journal/append-options.ts'
import { checkObject, checkWhole, invalidArgument } from '../journal/argument.ts'

export interface RetryOptions {
  /** How often it is tried again after the first failure. */
  readonly times: number
  /** Before the first retry; '500ms' by default. */
  readonly delay?: Duration
  /** By how much each pause is longer than the one before; 2 by default. */
  readonly factor?: number
  /** The longest pause; '30s' by default. */
  readonly delayMax?: Duration
  /** Whether pauses are drawn between half of their length and all of it, so that many who failed together don't come
   * back together; true by default. */
  readonly jitter?: boolean
  /** Which errors are tried again; all by default. */
  readonly when?: (error: unknown) => boolean
}

export interface RetryPolicy {
  readonly times: number
  readonly delayMs: number
  readonly factor: number
  readonly delayMaxMs: number
  readonly hasJitter: boolean
  readonly when: (error: unknown) => boolean
}

const always = (): boolean => true
const noRetry: RetryPolicy = { times: 0, delayMs: 0, factor: 1, delayMaxMs: 0, hasJitter: false, when: always }

/** A number is how often; nothing is never. Throws INVALID_ARGUMENT. */
export function retryPolicy(retry: number | RetryOptions | undefined): RetryPolicy {
  if (retry === undefined) return noRetry
  const options: RetryOptions = typeof retry === 'number' ? { times: retry } : retry
  checkObject(options, 'retry')
  const { factor = 2, when = always } = options
  if (typeof factor !== 'number' || !(factor >= 1)) throw invalidArgument('retry.factor', 'a number of 1 or more')
  return {
    times: checkWhole(options.times, 'retry.times'),
    delayMs: parseDuration(options.delay ?? '500ms', 'retry.delay'),
    factor,
    delayMaxMs: parseDuration(options.delayMax ?? '30s', 'retry.delayMax'),
    hasJitter: options.jitter ?? true,
    when,
  }
}

/** Whether it is tried again after this many failures. A condition that throws is none that holds. */
export function mayRetry({ times, when }: RetryPolicy, failures: number, error: unknown): boolean {
  if (failures > times) return false
  try {
    return when(error)
  } catch {
    // The error that it was asked about is the one to tell of.
    return false
  }
}

/** The pause before the retry that follows on this many failures. */
export function pauseMs(policy: RetryPolicy, failures: number, random: Random): number {
  const whole = Math.min(policy.delayMaxMs, policy.delayMs * policy.factor ** (failures - 1))
  if (!policy.hasJitter) return Math.round(whole)
  const drawn = Number.parseInt(random.hex(4), 16) / 0x1_0000_0000
  return Math.round(whole / 2 + (whole / 2) * drawn)
}
