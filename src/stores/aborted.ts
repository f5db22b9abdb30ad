// Long works that their caller can end.

import { HoldfastError } from '../errors.ts'

export function mustNotBeAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted !== true) return
  throw new HoldfastError('ABORTED', `${what} was aborted`, { cause: signal.reason as unknown })
}
