// What a tool's functions (the call itself, `verify` and `compensate`) are called with.

import { createHash } from 'node:crypto'
import { StepContext } from './step-context.ts'

export class ToolContext extends StepContext {
  /** For the other side, which takes effect once however often it is asked with the same one: the same with every attempt
   * and every restart. After a reversible attempt was undone, the next has another: the other side would answer the old
   * one with what was undone. */
  readonly idempotencyKey: string

  constructor(given: { readonly key: string; readonly attempt: number; readonly idempotencyKey: string }) {
    super(given)
    this.idempotencyKey = given.idempotencyKey
  }
}

/** Where the caller gives none. In hexadecimal: a key can hold what a header can't. */
export function derivedKey(runId: string, key: string): string {
  return createHash('sha256').update(`${runId}\n${key}`).digest('hex').slice(0, 32)
}
