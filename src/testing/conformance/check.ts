// Assertions that node:assert does not have: refusals by code, and bounded waiting for what a store calls back.
// Errors are known by their code, not their class: the suite may come from another copy of the package than the store.

import { equal, fail } from 'node:assert/strict'
import type { ErrorCode } from '../../errors.ts'
import type { Store } from '../../stores/store.ts'

/** Attaches to the promise at once, so a refusal that is awaited later is never "unhandled". */
export async function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    equal(codeOf(error), code, `rejected with ${String(error)}`)
    return error
  }
  return fail(`should have been refused with ${code}, but gave ${JSON.stringify(value)}`)
}

/** For calls that may throw at once or reject later: a store is free to do either where it returns no promise. */
export async function refusesWith(code: ErrorCode, call: () => unknown): Promise<void> {
  await rejectsWith(
    code,
    (async () => {
      await call()
    })(),
  )
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** Lets everything run that is ready to run, several times over. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

export interface Wakes {
  readonly count: () => number
  /** The next call back. Waits without end: the runner's own time limit says when it is missing. */
  next(): Promise<void>
  stop(): void
}

export function watching(store: Store): Wakes {
  let count = 0
  let waiting: (() => void)[] = []
  const stop = store.watch(() => {
    count++
    const ready = waiting
    waiting = []
    for (const resolve of ready) resolve()
  })
  return { count: () => count, next: () => new Promise<void>((resolve) => waiting.push(resolve)), stop }
}

/** Compares as UTF-8 bytes, the order of names in every store. */
export function byteOrder(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}
