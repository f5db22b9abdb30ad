// What an agent loop leaves in its run's stream: one event for each boundary between two phases, in this order.
//
//   agent.started                                  with its configuration
//   agent.reasoning.complete                       what the model answered, before the gate is asked
//   agent.policy.evaluated                         what the gate says of each proposed action
//   agent.tools.dispatched                         which are done and which are not, after people have decided
//   agent.recovery.triggered                       what is done about a tool that failed, before it is done
//   agent.observations.collected                   how each action ended: the iteration is complete
//   agent.terminated                               why it is over, always
//
// Invariant: each is the record that a replay goes on from. An event of the loop's own holds its entry in `result`, like
// any step of a run; what the tools themselves gave stands in their own events.

import type { JournalEvent } from '../journal/event.ts'
import type { Observation, ProposedAction, TokenUsage } from './agent-action.ts'
import type { AgentLimits } from './agent-limits.ts'

export const agentEvents = {
  started: 'agent.started',
  reasoned: 'agent.reasoning.complete',
  evaluated: 'agent.policy.evaluated',
  dispatched: 'agent.tools.dispatched',
  observed: 'agent.observations.collected',
  recovering: 'agent.recovery.triggered',
  terminated: 'agent.terminated',
} as const

export type AgentEventType = (typeof agentEvents)[keyof typeof agentEvents]

export const agentEventTypes: readonly AgentEventType[] = Object.values(agentEvents)

/** Whose entry it is. */
export interface AgentStamp {
  readonly agent: string
  /** 0 before the first. */
  readonly iteration: number
}

export interface StartedEntry extends AgentStamp {
  /** The agent that started this one, and how far below the first one it is. */
  readonly parent?: string
  readonly depth: number
  readonly input?: unknown
  readonly limits: AgentLimits
  readonly tools: readonly { readonly name: string; readonly effect: string }[]
}

export interface ReasonedEntry extends AgentStamp {
  readonly text?: string
  readonly actions: readonly ProposedAction[]
  readonly usage: TokenUsage
  /** Time that the loop was at work since the entry before that says so. */
  readonly ms: number
}

export type GateDecision = 'allow' | 'deny' | 'ask'

export interface Decided {
  readonly id: string
  readonly decision: GateDecision
  readonly reason?: string
  /** The loop ends with this denial. */
  readonly ends?: true
  /** When a person is asked: what, and with which signal of the run to answer. */
  readonly question?: string
  readonly signal?: string
  /** How long the person has; for ever when not said. */
  readonly timeoutMs?: number
}

export interface EvaluatedEntry extends AgentStamp {
  readonly decisions: readonly Decided[]
  readonly ms: number
}

export interface DispatchedEntry extends AgentStamp {
  readonly dispatched: readonly string[]
  readonly denied: readonly { readonly id: string; readonly reason: string; readonly by?: string }[]
}

export interface RecoveringEntry extends AgentStamp {
  readonly id: string
  readonly tool: string
  readonly strategy: string
  readonly error: { readonly name: string; readonly message: string; readonly code?: string }
  /** Which attempt failed, when it is tried again. */
  readonly attempt?: number
  readonly fallback?: string
  /** Of the result that is used in its place. */
  readonly ageMs?: number
  readonly queue?: string
  readonly signal?: string
  readonly ms: number
  /** What it was called with, when nobody will look at it in this loop any more. */
  readonly input?: unknown
}

export interface ObservedEntry extends AgentStamp {
  readonly outcomes: readonly Pick<Observation, 'id' | 'tool' | 'outcome'>[]
  readonly ms: number
}

export type TerminationReason =
  | 'completed'
  | 'max-iterations'
  | 'max-tokens'
  | 'timeout'
  | 'policy-denial'
  | 'error'
  | 'cancelled'

/** How a loop ended, and what it took. */
export interface AgentOutcome {
  readonly reason: TerminationReason
  /** What the model said last. */
  readonly text?: string
  /** Complete ones. */
  readonly iterations: number
  readonly tokens: number
  /** Time at work: without waiting for people, and without the time in which no process drove the run. */
  readonly ms: number
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string }
}

export interface TerminatedEntry extends AgentStamp, AgentOutcome {}

/** The entry of a loop's event; undefined for every other event. */
export function entryOf(event: Pick<JournalEvent, 'type' | 'data'>): AgentStamp | undefined {
  if (!(agentEventTypes as readonly string[]).includes(event.type)) return undefined
  const entry: unknown = (event.data as { readonly result?: unknown }).result
  // A model call that failed for good has its error in place of a result.
  return typeof entry === 'object' && entry !== null && 'agent' in entry ? (entry as AgentStamp) : undefined
}
