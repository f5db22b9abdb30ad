// The runs that rest in memory. There is room for so many; who has rested longest makes room for who comes. But where so many
// come that even the one who has rested longest has just come, it is the newcomer that leaves: it would be pushed out soon
// anyway, and the less of a run's life is kept the less memory a burst of them takes.

import type { Clock } from '../host/clock.ts'
import { limits } from '../limits.ts'

export interface Resting {
  passivate(): void
}

export class RestingRuns {
  readonly #max: number
  readonly #clock: Clock
  /** Since when they rest; in the order in which they came to rest. */
  readonly #runs: Map<Resting, number> = new Map()

  constructor(max: number, clock: Clock) {
    this.#max = max
    this.#clock = clock
  }

  add(run: Resting): void {
    const now = this.#clock.now()
    if (this.#runs.size < this.#max) {
      this.#runs.set(run, now)
      return
    }
    const [oldest] = this.#runs
    // One that leaves at once isn't put in: a map grows by what goes through it, too.
    if (oldest === undefined || now - oldest[1] < limits.runsRestMinMs) {
      run.passivate()
      return
    }
    this.#runs.delete(oldest[0])
    this.#runs.set(run, now)
    oldest[0].passivate()
  }

  delete(run: Resting): void {
    this.#runs.delete(run)
  }
}
