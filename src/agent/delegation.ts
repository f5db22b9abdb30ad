// An agent that starts another: the model calls it as it calls a tool. The other has a name, a history and limits of its
// own; its events stand in the same stream, so the run has one timeline, and what it spends both have spent.
//
// Invariant: no agent stands deeper below the first than the limit of the first says.

import { parseDuration } from '../core/duration.ts'
import type { Run } from '../runs/run.ts'
import type { Observation, ProposedAction } from './agent-action.ts'
import type { AgentOutcome } from './agent-event.ts'
import type { AgentLimitOptions } from './agent-limits.ts'
import type { AgentOptions, DelegateOptions } from './agent-options.ts'
import type { Lineage, LoopFrame } from './loop-frame.ts'
import type { PolicyGate } from './policy-gate.ts'

export interface Delegation {
  /** Of the agent that delegates. */
  readonly frame: LoopFrame
  readonly agents: Readonly<Record<string, DelegateOptions>>
  /** For who has none of its own. */
  readonly gate: PolicyGate | undefined
  readonly runLoop: (run: Run, options: AgentOptions, lineage: Lineage) => Promise<AgentOutcome>
}

export async function delegate(
  { frame, agents, gate, runLoop }: Delegation,
  run: Run,
  { id, tool, callId, input }: ProposedAction,
): Promise<Observation> {
  const about = { id, tool, ...(callId === undefined ? {} : { callId }) }
  const options = agents[tool]
  const depth = frame.depth + 1
  if (options === undefined || depth > frame.limits.depth) {
    const error = `no agent may stand more than ${frame.limits.depth} below the first`
    return { ...about, outcome: 'failed', error }
  }
  const { description: _, ...rest } = options
  const started: AgentOptions = {
    // Delegating is no way around the gate.
    ...(gate === undefined ? {} : { gate }),
    ...rest,
    input,
    agent: `${frame.agent}/${tool}-${ownPart(id)}`,
    clock: frame.clock,
    limits: limitsWithin(frame, options.limits),
  }
  const lineage = { parent: frame.agent, depth, idPrefix: `${id}/` }
  const outcome = await run.scope(tool, (inner) => runLoop(inner, started, lineage))
  frame.spent.addTokens(outcome.tokens)
  frame.spent.addTime(outcome.ms)
  if (outcome.reason === 'completed') return { ...about, outcome: 'done', result: outcome.text ?? '' }
  const why = outcome.error === undefined ? '' : `: ${outcome.error.message}`
  return { ...about, outcome: 'failed', error: `the agent ended early (${outcome.reason})${why}` }
}

/** "1.2/3.4" is 3.4 of its agent. */
function ownPart(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1)
}

/** What the other may use up at most is what is left to this one. */
function limitsWithin({ limits, spent }: LoopFrame, own: AgentLimitOptions = {}): AgentLimitOptions {
  const { tokens = limits.tokens, time = limits.timeMs, ...rest } = own
  return {
    ...rest,
    depth: limits.depth,
    tokens: Math.max(1, Math.min(tokens, spent.tokensLeft)),
    time: Math.max(1, Math.min(parseDuration(time, 'limits.time'), spent.msLeft)),
  }
}
