// The model, as a loop sees it: a function that its author brings. What it answers is checked before it is journaled, and
// journaled before anything follows from it.
//
// Invariant: an answer that is durable is never asked for again.

import { HoldfastError } from '../errors.ts'
import { checkObject, invalidArgument } from '../journal/argument.ts'
import type { StepContext } from '../runs/step-context.ts'
import type { PastIteration, ProposedAction, TokenUsage } from './agent-action.ts'

export interface ModelRequest {
  readonly agent: string
  /** 1, 2, 3 … */
  readonly iteration: number
  /** What the loop was started with. */
  readonly input: unknown
  /** Every iteration before this one, oldest first: what was proposed and how it ended, denials included. */
  readonly history: readonly PastIteration[]
  readonly tools: readonly { readonly name: string; readonly description?: string }[]
  /** What is left of the limits, this iteration included. */
  readonly left: { readonly iterations: number; readonly tokens: number; readonly ms: number }
}

export interface ModelReply {
  readonly text?: string
  /** What to do next; none ends the loop, and `text` is its answer. */
  readonly actions?: readonly { readonly tool: string; readonly input?: unknown; readonly id?: string }[]
  readonly usage?: Partial<TokenUsage>
}

/** `context.signal` is aborted when the answer is no longer wanted. */
export type ModelFunction = (request: ModelRequest, context: StepContext) => ModelReply | Promise<ModelReply>

export interface CheckedReply {
  readonly text?: string
  readonly actions: readonly ProposedAction[]
  readonly usage: TokenUsage
}

/** Throws INVALID_ARGUMENT for what is no reply. `idOf` gives the id of the nth action. */
export function checkReply(reply: ModelReply, idOf: (n: number) => string): CheckedReply {
  checkObject(reply, "the model's reply")
  const { text, actions = [], usage = {} } = reply
  if (text !== undefined && typeof text !== 'string') throw invalidArgument("text of the model's reply", 'text')
  if (!Array.isArray(actions)) throw invalidArgument("actions of the model's reply", 'an array')
  checkObject(usage, "usage of the model's reply")
  return {
    ...(text === undefined ? {} : { text }),
    actions: actions.map((action: NonNullable<ModelReply['actions']>[number], index) => {
      checkObject(action, "each action of the model's reply")
      if (typeof action.tool !== 'string' || action.tool === '') {
        throw invalidArgument("tool of an action of the model's reply", 'a name')
      }
      return {
        id: idOf(index + 1),
        tool: action.tool,
        ...(action.input === undefined ? {} : { input: action.input }),
        ...(action.id === undefined ? {} : { callId: String(action.id) }),
      }
    }),
    usage: { inputTokens: tokens(usage.inputTokens), outputTokens: tokens(usage.outputTokens) },
  }
}

function tokens(count: number | undefined): number {
  if (count === undefined) return 0
  if (Number.isFinite(count) && count >= 0) return Math.ceil(count)
  throw new HoldfastError('INVALID_ARGUMENT', `${String(count)} is no count of tokens`, {
    hint: "Give usage as { inputTokens, outputTokens }, as the model's provider reports it.",
  })
}
