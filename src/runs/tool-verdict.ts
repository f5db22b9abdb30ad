// Asking `verify` whether a call that was cut off took effect. Whatever isn't a clear answer is none: an error, an answer
// of another form, a result that doesn't match the schema, no answer in time.

import type { StandardSchema } from '../core/schema.ts'
import type { Clock } from '../host/clock.ts'
import { within } from './time-limit.ts'
import { fitting } from './tool-call.ts'
import type { ToolContext } from './tool-context.ts'
import type { ToolVerdict } from './tool-terms.ts'

export interface VerifyTerms {
  readonly verify: ((context: ToolContext) => unknown) | undefined
  readonly clock: Clock
  readonly timeoutMs: number | undefined
  readonly schema: StandardSchema | undefined
}

/** Never rejects; `error` says why there is no answer. */
export async function askVerify(
  { verify, clock, timeoutMs, schema }: VerifyTerms,
  context: ToolContext,
): Promise<{ readonly verdict: ToolVerdict; readonly error?: unknown }> {
  if (verify === undefined) return { verdict: 'unknown' }
  try {
    const verdict = verdictOf(await within({ clock, timeoutMs, context }, verify))
    if (verdict === 'unknown' || !verdict.done || schema === undefined) return { verdict }
    return { verdict: { done: true, result: await fitting(context.key, schema, verdict.result) } }
  } catch (error) {
    return { verdict: 'unknown', error }
  }
}

function verdictOf(answer: unknown): ToolVerdict {
  if (typeof answer !== 'object' || answer === null) return 'unknown'
  const { done, result } = answer as { readonly done?: unknown; readonly result?: unknown }
  if (done === true) return { done: true, result }
  return done === false ? { done: false } : 'unknown'
}
