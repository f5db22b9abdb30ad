// What is done about a tool that failed: strategies, tried one after the other until one gives a result. Which one is
// used is journaled before it is used. When none is left, the model is told of the failure and goes on.

import { parseDuration } from '../core/duration.ts'
import { checkName } from '../core/names.ts'
import type { Duration } from '../journal/append-options.ts'
import { checkWhole, invalidArgument } from '../journal/argument.ts'
import type { ToolEffect } from '../runs/tool-terms.ts'

export type Recovery =
  /** Again, after a pause. Twice and '500ms' by default. */
  | 'retry'
  | { readonly use: 'retry'; readonly times?: number; readonly delay?: Duration }
  /** Another tool in its place, with the same input or what `input` makes of it. */
  | { readonly use: 'fallback'; readonly tool: string; readonly input?: (input: unknown) => unknown }
  /** What the same tool gave for the same input earlier in this loop, if that is not older. */
  | { readonly use: 'cached'; readonly maxAge: Duration }
  /** A person decides, with a signal of the run; until then it waits, also while no process runs. */
  | { readonly use: 'escalate'; readonly queue: string; readonly timeout?: Duration }
  /** Put aside with its input for people to look at later (deadLetters); the model is told. */
  | 'dead-letter'
  | { readonly use: 'dead-letter' }
  /** The model is told of the failure and decides. */
  | 'ask-model'
  | { readonly use: 'ask-model' }

/** What a person answers to an escalation: journal.signal(run, 'escalation:2.1', { result: … }). */
export type EscalationAnswer =
  /** Counts as what the tool gave. */
  | { readonly result: unknown; readonly by?: string }
  | { readonly retry: true; readonly by?: string }
  /** The model is told so. */
  | { readonly fail: string; readonly by?: string }

export type RecoveryPlan =
  | { readonly use: 'retry'; readonly times: number; readonly delayMs: number }
  | { readonly use: 'fallback'; readonly tool: string; readonly inputOf: (input: unknown) => unknown }
  | { readonly use: 'cached'; readonly maxAgeMs: number }
  | { readonly use: 'escalate'; readonly queue: string; readonly timeoutMs: number | undefined }
  | { readonly use: 'dead-letter' | 'ask-model' }

/** Throws INVALID_ARGUMENT. */
export function recoveryPlan(strategies: readonly Recovery[]): readonly RecoveryPlan[] {
  if (!Array.isArray(strategies)) throw invalidArgument('recovery', 'an array')
  return strategies.map((strategy: Recovery) => planned(typeof strategy === 'string' ? { use: strategy } : strategy))
}

/** Where nothing else is said. What may not be done twice is only tried again by who says so. */
export function defaultRecovery(effect: ToolEffect): readonly RecoveryPlan[] {
  const isRepeatable = effect === 'pure' || effect === 'idempotent'
  return recoveryPlan(isRepeatable ? ['retry', 'ask-model'] : ['ask-model'])
}

function planned(strategy: Exclude<Recovery, string>): RecoveryPlan {
  switch (strategy.use) {
    case 'retry': {
      const { times = 2, delay = '500ms' } = strategy
      return {
        use: 'retry',
        times: checkWhole(times, 'recovery.times'),
        delayMs: parseDuration(delay, 'recovery.delay'),
      }
    }
    case 'fallback': {
      checkName(strategy.tool, 'recovery.tool')
      return { use: 'fallback', tool: strategy.tool, inputOf: strategy.input ?? ((input) => input) }
    }
    case 'cached':
      return { use: 'cached', maxAgeMs: parseDuration(strategy.maxAge, 'recovery.maxAge') }
    case 'escalate': {
      checkName(strategy.queue, 'recovery.queue')
      const { queue, timeout } = strategy
      return {
        use: 'escalate',
        queue,
        timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, 'timeout'),
      }
    }
    case 'dead-letter':
    case 'ask-model':
      return { use: strategy.use }
    default:
      throw invalidArgument('a recovery strategy', 'one of: retry, fallback, cached, escalate, dead-letter, ask-model')
  }
}
