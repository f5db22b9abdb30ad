// What an agent loop is made of, as its author gives it.

import type { Clock } from '../host/clock.ts'
import type { RetryOptions } from '../runs/retry.ts'
import type { AgentLimitOptions } from './agent-limits.ts'
import type { ModelFunction } from './agent-model.ts'
import type { AgentTools } from './agent-tool.ts'
import type { PolicyGate } from './policy-gate.ts'
import type { Recovery } from './recovery.ts'

export interface AgentOptions {
  /** Proposes what to do next. */
  readonly model: ModelFunction
  /** What it can propose, by name; nothing by default. */
  readonly tools?: AgentTools
  /** What the model works on; the same in every request. */
  readonly input?: unknown
  /** Decides on every action that the model proposes; without one, all are allowed. */
  readonly gate?: PolicyGate
  /** What it may use up; recorded when it starts. */
  readonly limits?: AgentLimitOptions
  /** What is done when a tool fails: one strategy after the other. By default ['retry', 'ask-model'], and ['ask-model']
   * for tools that may not be done twice. */
  readonly recovery?: readonly Recovery[]
  /** How often a model call that fails is tried again; twice by default. */
  readonly modelRetry?: number | RetryOptions
  /** Agents that the model can delegate to, by the name by which it calls them: like tools, with their input. */
  readonly agents?: Readonly<Record<string, DelegateOptions>>
  /** Whose entries the loop's are; the run's id by default. Two loops of one run need two names. */
  readonly agent?: string
  /** Counts the time at work. */
  readonly clock?: Clock
}

/** An agent that another one starts: its input is the action's, its name follows from both. Where it has no gate, that of
 * the other decides on its actions too. */
export interface DelegateOptions extends Omit<AgentOptions, 'input' | 'agent' | 'clock'> {
  /** For the model. */
  readonly description?: string
}
