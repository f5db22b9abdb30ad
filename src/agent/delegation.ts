// An agent that starts another: the model calls it as it calls a tool. The other has a name, a history and limits of its
// own; its events stand in the same stream, so the run has one timeline, and what it spends both have spent.
//
// It is a part of the run and no child of it (run.child): what its reversible tools did is undone when the run fails, also
// when it has ended well itself, and a run that waits for a person's answer to it can leave memory.
//
// Invariants: no agent stands deeper below the first than the limit of the first says; agents that run at the same time are
// never told together that there is more left than there is.

import { parseDuration } from '../core/duration.ts'
import type { Run } from '../runs/run.ts'
import type { Observation, ProposedAction } from './agent-action.ts'
import type { AgentOutcome } from './agent-event.ts'
import type { AgentLimitOptions } from './agent-limits.ts'
import type { AgentOptions, DelegateOptions } from './agent-options.ts'
import type { Share } from './allowance.ts'
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
  const share = frame.allowance.take(askedBy(frame, options.limits))
  try {
    if (share.tokens === 0 || share.ms === 0)
      return { ...about, outcome: 'failed', error: 'nothing is left to delegate' }
    const outcome = await run.scope(tool, (inner) => {
      const { description: _, ...rest } = options
      const started: AgentOptions = {
        // Delegating is no way around the gate.
        ...(gate === undefined ? {} : { gate }),
        ...rest,
        input,
        agent: `${frame.agent}/${tool}-${ownPart(id)}`,
        clock: frame.clock,
        limits: { ...options.limits, depth: frame.limits.depth, tokens: share.tokens, time: share.ms },
      }
      return runLoop(inner, started, { parent: frame.agent, depth, idPrefix: `${id}/` })
    })
    frame.spent.addTokens(outcome.tokens)
    frame.spent.addTime(outcome.ms)
    if (outcome.reason === 'completed') return { ...about, outcome: 'done', result: outcome.text ?? '' }
    const why = outcome.error === undefined ? '' : `: ${outcome.error.message}`
    return { ...about, outcome: 'failed', error: `the agent ended early (${outcome.reason})${why}` }
  } finally {
    frame.allowance.giveBack(share)
  }
}

/** "1.2/3.4" is 3.4 of its agent. */
function ownPart(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1)
}

/** What the other would use up at most. */
function askedBy({ limits }: LoopFrame, own: AgentLimitOptions = {}): Share {
  const { tokens = limits.tokens, time = limits.timeMs } = own
  return { tokens, ms: parseDuration(time, 'limits.time') }
}
