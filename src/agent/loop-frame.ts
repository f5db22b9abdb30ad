// What the phases of one loop share.

import type { Clock } from '../host/clock.ts'
import type { Run } from '../runs/run.ts'
import type { Observation, PastIteration, ProposedAction } from './agent-action.ts'
import type { AgentLimits } from './agent-limits.ts'
import type { AgentTools } from './agent-tool.ts'
import type { Allowance } from './allowance.ts'
import type { RecoveryPlan } from './recovery.ts'
import type { ResultCache } from './result-cache.ts'
import type { Spending } from './spending.ts'
import type { WorkTime } from './work-time.ts'

/** Where an agent stands among those that started one another. */
export interface Lineage {
  readonly parent?: string
  /** 0 is the first. */
  readonly depth: number
  /** See LoopFrame. */
  readonly idPrefix: string
}

export interface LoopFrame {
  readonly agent: string
  /** Comes before the ids of its actions, so that they are unique within the run. */
  readonly idPrefix: string
  readonly depth: number
  readonly run: Run
  readonly limits: AgentLimits
  readonly tools: AgentTools
  /** Of the loop, for tools that have none of their own; by their effect when not said. */
  readonly recovery: readonly RecoveryPlan[] | undefined
  readonly clock: Clock
  readonly spent: Spending
  /** What of it is set aside for agents that are at work. */
  readonly allowance: Allowance
  readonly work: WorkTime
  readonly cache: ResultCache
  readonly history: PastIteration[]
  /** Agents that it can delegate to. */
  readonly delegates: readonly string[]
  /** Starts one of them as an action of this loop. */
  readonly delegate: (run: Run, action: ProposedAction) => Promise<Observation>
}

/** Who writes: the stamp of an entry of the iteration that is going on. */
export function stampOf({ agent, spent }: LoopFrame): { readonly agent: string; readonly iteration: number } {
  return { agent, iteration: spent.iterations + 1 }
}
