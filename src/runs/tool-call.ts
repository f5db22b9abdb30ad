// One call of a tool's function, and what its end says about the world.
//
//   returned    it took effect                      unfit      it took effect, and its result doesn't match the schema
//   thrown      it said itself that it failed       unclear    it was told to stop: who knows what took effect by then
//
// A `once` or `reversible` call that takes too long isn't given up at once: its signal tells it to stop, and it has as long
// again to come back. A result that it brings then is as good as any; only then is its end unclear.

import type { StandardSchema } from '../core/schema.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { schemaMismatch } from './schema-mismatch.ts'
import { tookTooLong, within } from './time-limit.ts'
import type { ToolContext } from './tool-context.ts'

export type CallEnd =
  | { readonly is: 'returned'; readonly result: unknown }
  | { readonly is: 'thrown'; readonly error: unknown }
  | { readonly is: 'unfit'; readonly error: unknown; readonly result: unknown }
  | {
      readonly is: 'unclear'
      readonly error: unknown /** It hasn't come back. */
      readonly isRunning: boolean
    }

export interface CallTerms {
  readonly call: (context: ToolContext) => unknown
  readonly clock: Clock
  readonly timeoutMs: number | undefined
  readonly schema: StandardSchema | undefined
  /** Whether it matters if a call that took too long had an effect. */
  readonly isGuarded: boolean
}

/** Never rejects. */
export async function callTool(terms: CallTerms, context: ToolContext): Promise<CallEnd> {
  const end = terms.isGuarded ? await guarded(terms, context) : await plain(terms, context)
  if (end.is !== 'returned' || terms.schema === undefined) return end
  const { result } = end
  try {
    return { is: 'returned', result: await fitting(context.key, terms.schema, result) }
  } catch (error) {
    return { is: 'unfit', error, result }
  }
}

/** What the schema makes of it. Rejects with SCHEMA_MISMATCH, and with what the schema throws. */
export async function fitting(key: string, schema: StandardSchema, result: unknown): Promise<unknown> {
  const checked = await schema['~standard'].validate(result)
  if (checked.issues === undefined) return checked.value
  throw schemaMismatch(`the result of tool ${JSON.stringify(key)}`, checked.issues)
}

function plain({ call, clock, timeoutMs }: CallTerms, context: ToolContext): Promise<CallEnd> {
  return within({ clock, timeoutMs, context }, call).then(
    (result) => ({ is: 'returned', result }),
    (error: unknown) => ({ is: 'thrown', error }),
  )
}

function guarded({ call, clock, timeoutMs }: CallTerms, context: ToolContext): Promise<CallEnd> {
  return new Promise((resolve) => {
    let late: Error | undefined
    let timer: Timer | undefined
    if (timeoutMs !== undefined) {
      timer = clock.after(timeoutMs, () => {
        const error = tookTooLong(context.key, timeoutMs)
        late = error
        timer = clock.after(timeoutMs, () => resolve({ is: 'unclear', error, isRunning: true }))
        context.abort(error)
      })
    }
    // In a promise's callback, so that a call that throws at once is a rejection.
    Promise.resolve(context)
      .then(call)
      .finally(() => timer?.cancel())
      .then(
        (result) => resolve({ is: 'returned', result }),
        (error: unknown) =>
          resolve(late === undefined ? { is: 'thrown', error } : { is: 'unclear', error: late, isRunning: false }),
      )
  })
}
