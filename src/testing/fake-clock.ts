// The clock port in the hands of a test. It keeps two times, as a machine does: the wall clock, which `set` can put
// anywhere, and elapsed time, by which timers run and which only `advance` moves. Invariant: timers run in the order
// of their time, then of their making, each with the clock at its very moment.

import { assert } from '../errors.ts'
import type { Clock } from '../host/clock.ts'

export interface FakeClock extends Clock {
  /** The wall clock leaps, forwards or back; no timer runs for it. */
  set(ms: number): void
  /** Time passes: both clocks go on, and timers that become due run, also those that these make. */
  advance(ms: number): void
  /** How many timers wait. */
  readonly waiting: number
}

interface WaitingTimer {
  readonly due: number
  readonly run: () => void
}

export function fakeClock(start: number = 1_700_000_000_000): FakeClock {
  let wall = start
  let elapsed = 0
  const timers = new Set<WaitingTimer>()

  const passTo = (moment: number): void => {
    wall += moment - elapsed
    elapsed = moment
  }
  const nextDue = (until: number): WaitingTimer | undefined => {
    let first: WaitingTimer | undefined
    for (const timer of timers) {
      if (timer.due <= until && (first === undefined || timer.due < first.due)) first = timer
    }
    return first
  }

  return {
    now: () => wall,
    after(delayMs, run) {
      const timer = { due: elapsed + Math.max(0, delayMs), run }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    set(ms) {
      wall = ms
    },
    advance(ms) {
      assert(ms >= 0, 'time passes forwards only; set() moves the wall clock back')
      const end = elapsed + ms
      for (let timer = nextDue(end); timer !== undefined; timer = nextDue(end)) {
        timers.delete(timer)
        // A timer that ran may itself have advanced the clock.
        passTo(Math.max(elapsed, timer.due))
        timer.run()
      }
      passTo(Math.max(elapsed, end))
    },
    get waiting() {
      return timers.size
    },
  }
}
