// A model without a model: what it answers follows from a script and from what it is asked, never from what was asked
// before, so that a loop which is cut off and resumed is answered the same. For tests and examples.
//
// Invariant: the same script, seed and request give the same reply, in every process.

import type { ModelFunction, ModelReply, ModelRequest } from '../agent/agent-model.ts'
import type { StepContext } from '../runs/step-context.ts'
import { type Prng, prng } from './prng.ts'

/** A reply for each iteration, or a function that gives it. Behind the end of a list there is nothing more to do. */
export type ModelScript = readonly ScriptedReply[] | ((request: ModelRequest, chance: Prng) => ScriptedReply)

/** A reply, or one that follows from the request: from what the tools gave. */
export type ScriptedReply = ModelReply | ((request: ModelRequest, chance: Prng) => ModelReply)

export interface ScriptedModelOptions {
  /** 1 by default. */
  readonly seed?: number
  /** Called before each reply: to wait, to count, to fail. */
  readonly onCall?: (request: ModelRequest, context: StepContext) => unknown
}

export function scriptedModel(script: ModelScript, options: ScriptedModelOptions = {}): ModelFunction {
  const { seed = 1, onCall } = options
  return async (request, context) => {
    // Chance of its own for every iteration: nothing is carried over from one call to the next.
    const chance = prng(seed * 1_000_003 + request.iteration)
    await onCall?.(request, context)
    const scripted = typeof script === 'function' ? script(request, chance) : (script[request.iteration - 1] ?? {})
    const reply = typeof scripted === 'function' ? scripted(request, chance) : scripted
    return { ...reply, usage: reply.usage ?? usageOf(request, reply, chance) }
  }
}

/** About what a real one would count: a token for four characters. */
function usageOf(request: ModelRequest, reply: ModelReply, chance: Prng): NonNullable<ModelReply['usage']> {
  const tokens = (value: unknown): number => Math.ceil((JSON.stringify(value) ?? '').length / 4)
  return {
    inputTokens: tokens([request.input, request.history, request.tools]),
    outputTokens: tokens([reply.text, reply.actions]) + chance.below(8),
  }
}
