// What a loop may use up. The limits are journaled when it starts and hold for its whole life, across every restart and
// whatever the code says by then.

import { parseDuration } from '../core/duration.ts'
import type { Duration } from '../journal/append-options.ts'
import { checkWhole, invalidArgument } from '../journal/argument.ts'

export interface AgentLimitOptions {
  /** Calls of the model; 25 by default. */
  readonly iterations?: number
  /** Of all answers together, those of the agents that it delegates to included; 100,000 by default. */
  readonly tokens?: number
  /** Time at work; '300s' by default. Waiting for people, and time in which no process drives the run, don't count. */
  readonly time?: Duration
  /** One attempt of one tool; '30s' by default. */
  readonly toolTime?: Duration
  /** Tools that run at once; 5 by default. */
  readonly toolsAtOnce?: number
  /** Iterations in a row of which every action was denied, until the loop ends; 3 by default. */
  readonly deniedIterations?: number
  /** How many agents may stand one below the other, under the first; 3 by default. */
  readonly depth?: number
}

export interface AgentLimits {
  readonly iterations: number
  readonly tokens: number
  readonly timeMs: number
  readonly toolTimeMs: number
  readonly toolsAtOnce: number
  readonly deniedIterations: number
  readonly depth: number
}

/** Throws INVALID_ARGUMENT. */
export function limitsOf(options: AgentLimitOptions = {}): AgentLimits {
  return {
    iterations: atLeastOne(options.iterations ?? 25, 'limits.iterations'),
    tokens: atLeastOne(options.tokens ?? 100_000, 'limits.tokens'),
    timeMs: atLeastOne(parseDuration(options.time ?? '300s', 'limits.time'), 'limits.time'),
    toolTimeMs: atLeastOne(parseDuration(options.toolTime ?? '30s', 'limits.toolTime'), 'limits.toolTime'),
    toolsAtOnce: atLeastOne(options.toolsAtOnce ?? 5, 'limits.toolsAtOnce'),
    deniedIterations: atLeastOne(options.deniedIterations ?? 3, 'limits.deniedIterations'),
    depth: checkWhole(options.depth ?? 3, 'limits.depth'),
  }
}

function atLeastOne(value: number, what: string): number {
  if (checkWhole(value, what) > 0) return value
  throw invalidArgument(what, 'more than 0')
}
