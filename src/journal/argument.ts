// Refusing arguments. Everything that a caller can get wrong ends as INVALID_ARGUMENT with the argument's name.

import { HoldfastError } from '../errors.ts'

export function invalidArgument(what: string, expected: string, hint?: string): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', `${what} must be ${expected}`, {
    details: { what },
    ...(hint === undefined ? {} : { hint }),
  })
}

/** An integer of 0 or more: a seq, a position, a count. */
export function checkWhole(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw invalidArgument(what, 'an integer of 0 or more')
}

export function checkObject(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) throw invalidArgument(what, 'an object')
}

export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) {
    throw new HoldfastError('ABORTED', `${what} was aborted`, { cause: signal.reason as unknown })
  }
}
