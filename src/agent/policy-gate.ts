// The gate between what a model proposes and what is done: it allows, denies, or has a person asked. Its verdict on each
// action is journaled before anything follows from it, so a resumed loop never asks it again.
//
// Invariant: what is neither allowed by the gate nor by a person is not done. A gate that throws, and an answer that isn't
// understood, allow nothing.

import { parseDuration } from '../core/duration.ts'
import { checkName } from '../core/names.ts'
import type { Duration } from '../journal/append-options.ts'
import { invalidArgument } from '../journal/argument.ts'
import type { Run } from '../runs/run.ts'
import type { PastIteration, ProposedAction } from './agent-action.ts'
import type { Decided } from './agent-event.ts'

export interface GateContext {
  readonly agent: string
  readonly iteration: number
  readonly history: readonly PastIteration[]
  readonly left: { readonly iterations: number; readonly tokens: number; readonly ms: number }
}

export type GateVerdict =
  | 'allow'
  | 'deny'
  | 'ask'
  | { readonly decision: 'allow' }
  /** `ends`: the loop is over. */
  | { readonly decision: 'deny'; readonly reason?: string; readonly ends?: boolean }
  /** A person decides, with a signal of the run; past `timeout` it counts as denied. */
  | { readonly decision: 'ask'; readonly question?: string; readonly timeout?: Duration }

export type PolicyGate = (action: ProposedAction, context: GateContext) => GateVerdict | Promise<GateVerdict>

/** What a person answers to a question of the gate: journal.signal(run, 'approval:2.1', { approve: true, by: 'ada' }). */
export interface ApprovalAnswer {
  readonly approve: boolean
  readonly reason?: string
  readonly by?: string
}

export const allowAll: PolicyGate = () => 'allow'

/** What is journaled of the gate's verdict. Throws INVALID_ARGUMENT for what is none. */
export async function evaluate(gate: PolicyGate, action: ProposedAction, context: GateContext): Promise<Decided> {
  const verdict = await gate(action, context)
  const full = typeof verdict === 'string' ? { decision: verdict } : verdict
  const { id } = action
  if (full?.decision === 'allow') return { id, decision: 'allow' }
  if (full?.decision === 'deny') {
    const { reason = 'the policy denies it', ends = false } = full as Extract<GateVerdict, { decision: 'deny' }>
    return { id, decision: 'deny', reason, ...(ends ? { ends } : {}) }
  }
  if (full?.decision !== 'ask') throw invalidArgument("the gate's verdict", "'allow', 'deny' or 'ask'")
  const { question, timeout } = full as Extract<GateVerdict, { decision: 'ask' }>
  const signal = `approval:${id}`
  checkName(signal, 'signal')
  return {
    id,
    decision: 'ask',
    question: question ?? `May ${JSON.stringify(action.tool)} be called?`,
    signal,
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout, 'timeout') }),
  }
}

export type Settled =
  | { readonly isAllowed: true }
  | { readonly isAllowed: false; readonly reason: string; readonly by?: string }

/** What becomes of an action: at once, or when a person has answered. */
export async function settleVerdict(run: Run, verdict: Decided): Promise<Settled> {
  const { decision, reason = 'denied', signal, timeoutMs } = verdict
  if (decision === 'allow') return { isAllowed: true }
  if (decision === 'deny' || signal === undefined) return { isAllowed: false, reason }
  const answer = await run.wait(signal, timeoutMs === undefined ? {} : { timeout: timeoutMs })
  return answer === undefined && timeoutMs !== undefined
    ? { isAllowed: false, reason: 'nobody answered in time' }
    : understood(answer)
}

function understood(answer: unknown): Settled {
  if (answer === true) return { isAllowed: true }
  if (typeof answer !== 'object' || answer === null) return { isAllowed: false, reason: 'a person denied it' }
  const { approve, reason, by } = answer as Partial<ApprovalAnswer>
  if (approve === true) return { isAllowed: true }
  return {
    isAllowed: false,
    reason: typeof reason === 'string' ? reason : 'a person denied it',
    ...(typeof by === 'string' ? { by } : {}),
  }
}
