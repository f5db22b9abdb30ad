// Trying again what failed for a reason that passes, and is certainly not done: growing pauses by the injected clock, and
// an end to them, so that nothing spins for ever and a caller learns what keeps it waiting.

import type { Clock } from '../../host/clock.ts'
import { keepAlive } from '../../host/keep-alive.ts'
import { SqlFailure } from './backend.ts'

const firstPauseMs = 1
const pauseMaxMs = 25
/** All pauses together; what a backend waits by itself comes on top. */
export const patienceMs = 10_000

/** `isOver`: nobody waits for it any more. */
export async function withPatience<T>(clock: Clock, attempt: () => Promise<T>, isOver: () => boolean): Promise<T> {
  let waitedMs = 0
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, pauseMaxMs)) {
    try {
      return await attempt()
    } catch (error) {
      if (!isPassing(error) || waitedMs >= patienceMs || isOver()) throw error
    }
    const letGo = keepAlive()
    await new Promise<void>((resolve) => void clock.after(pauseMs, resolve))
    letGo()
    waitedMs += pauseMs
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof SqlFailure && error.facts.transient && error.facts.outcome === 'not-done'
}

/** What callers of the store are told. */
export function toldError(error: unknown): unknown {
  return error instanceof SqlFailure ? error.error : error
}
