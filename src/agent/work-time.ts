// How long a loop was at work: while the model, the gate or a tool is called. Intervals that overlap count once, and
// waiting for people counts not at all.

import type { Clock } from '../host/clock.ts'

export class WorkTime {
  readonly #clock: Clock
  #calls = 0
  #since = 0
  #ms = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `signal`: aborted when the call is given up, though it may go on for ever. */
  async during<T>(signal: AbortSignal, call: () => T | Promise<T>): Promise<T> {
    let isOver = false
    const leave = (): void => {
      if (isOver) return
      isOver = true
      this.#note()
      this.#calls -= 1
    }
    this.#note()
    this.#calls += 1
    signal.addEventListener('abort', leave, { once: true })
    try {
      return await call()
    } finally {
      signal.removeEventListener('abort', leave)
      leave()
    }
  }

  /** What has gathered since it was last taken. */
  take(): number {
    this.#note()
    const ms = this.#ms
    this.#ms = 0
    return ms
  }

  #note(): void {
    const now = this.#clock.now()
    // A wall clock that was put back gives no time back.
    if (this.#calls > 0) this.#ms += Math.max(0, now - this.#since)
    this.#since = now
  }
}
