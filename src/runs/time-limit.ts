// A limit on how long a function may take. It is told so by its signal, and what it still returns is of no interest.

import { HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { StepContext } from './step-context.ts'

export function within<C extends StepContext, T>(
  { clock, timeoutMs, context }: { readonly clock: Clock; readonly timeoutMs: number | undefined; readonly context: C },
  call: (context: C) => T | Promise<T>,
): Promise<T> {
  const called = calling(call, context)
  if (timeoutMs === undefined) return called
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => {
      const error = tookTooLong(context.key, timeoutMs)
      context.abort(error)
      reject(error)
    })
    called.finally(() => timer.cancel()).then(resolve, reject)
  })
}

/** A call that throws at once is a rejection. Not async: the function's own promise is waited for, and none beside it. */
function calling<C, T>(call: (context: C) => T | Promise<T>, context: C): Promise<T> {
  try {
    return Promise.resolve(call(context))
  } catch (error) {
    return Promise.reject(error)
  }
}

export function tookTooLong(key: string, timeoutMs: number): HoldfastError {
  return new HoldfastError('STEP_TIMEOUT', `step ${JSON.stringify(key)} took over ${timeoutMs} ms`, {
    hint: 'Give it more time (timeoutMs), or let it be tried again (retry).',
    details: { key, timeoutMs },
  })
}
