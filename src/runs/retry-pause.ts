// The pause before something that has failed is tried again. Its end is recorded before it begins, so that a restarted run
// tries again at the same time.

import type { Clock, Timer } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { Waiting } from './ask.ts'
import { pauseMs, type RetryPolicy } from './retry.ts'
import { wakeAt } from './wake-at.ts'

export interface PauseHost {
  readonly host: { readonly clock: Clock; readonly random: Random }
  wake(): void
}

export class RetryPause {
  readonly #execution: PauseHost
  /** When the next attempt is due, while none is made. */
  #due: number | undefined
  #timer: Timer | undefined

  constructor(execution: PauseHost) {
    this.#execution = execution
  }

  /** `what` is tried again, in words. Undefined while there is no pause. */
  waiting(what: string): Waiting | undefined {
    if (this.#due === undefined) return undefined
    return { state: 'sleeping', why: `${what} again at ${new Date(this.#due).toISOString()}`, due: this.#due }
  }

  /** There is one from now on, after so many failures: when it is over, to be recorded. */
  decide(policy: RetryPolicy, failures: number): number {
    const { clock, random } = this.#execution.host
    this.#due = clock.now() + pauseMs(policy, failures, random)
    return this.#due
  }

  /** As it is recorded. */
  met(due: unknown): void {
    this.#due = Number(due)
  }

  /** Calls when it is over; at once when there is none. */
  pass(attempt: () => void): void {
    if (this.#due === undefined) {
      attempt()
      return
    }
    this.#timer = wakeAt(this.#execution.host.clock, this.#due, () => {
      this.#due = undefined
      this.#execution.wake()
      attempt()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }
}
