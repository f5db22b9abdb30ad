// Waking at a time that may be further away than a timer of the system can be.
//
// Invariant: it wakes at or after the time by the wall clock, never before.

import type { Clock, Timer } from '../host/clock.ts'

/** Longer than this, timers of the system fire at once. */
const timerMsMax = 2_147_483_647

/** Like clock.after, for any time. */
export function wakeAt(clock: Clock, until: number, wake: () => void): Timer {
  let timer: Timer
  const arm = (): void => {
    const leftMs = until - clock.now()
    timer = clock.after(Math.max(0, Math.min(leftMs, timerMsMax)), () => (clock.now() < until ? arm() : wake()))
  }
  arm()
  return { cancel: () => timer.cancel() }
}
