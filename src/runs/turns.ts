// The turns of a run's function: what it does between two deliveries. A turn is named by the seq of the event that began it.
//
// Invariants: turns don't overlap; one ends when everything that follows from its beginning has run, which takes a whole turn
// of the event loop.

import { nextTick } from 'node:process'
import type { Seq, TimeMs } from '../core/numbers.ts'

const settled = Promise.resolve()

export class Turns {
  /** Seq of the event that was met last. */
  #seen: Seq = 1
  #time: TimeMs
  #isOn = false
  #isInTime = false
  readonly #ended: () => void
  readonly #isLateFromNow = (): void => {
    this.#isInTime = false
  }
  // A tick's callback comes when every promise callback that follows from this one has run. It is not queueMicrotask() that
  // calls this, which makes an object with a context of its own each time.
  readonly #lateWhenAllHaveRun = (): void => nextTick(this.#isLateFromNow)

  /** `ended` is called at the end of each. */
  constructor(time: TimeMs, ended: () => void) {
    this.#time = time
    this.#ended = ended
  }

  get seen(): Seq {
    return this.#seen
  }

  /** The time of the last event that the function has been told of. */
  get time(): TimeMs {
    return this.#time
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** What is asked for now follows from something of the function's own, and not from what it was told last. */
  get isLate(): boolean {
    return !this.#isInTime
  }

  meets(seq: Seq): void {
    this.#seen = seq
  }

  /** The function's time never goes back. */
  tells(time: TimeMs): void {
    this.#time = Math.max(this.#time, time)
  }

  /** What `begin` sets off, until nothing more follows from it. */
  take(begin: () => void): Promise<void> {
    this.#isOn = true
    this.#isInTime = true
    begin()
    void settled.then(this.#lateWhenAllHaveRun)
    return new Promise((resolve, reject) => {
      // Promise callbacks have all run when the loop comes here, however many followed from one another. The end is told
      // of here and not in a callback of the promise: so what was made is on its way before anything else is done.
      setImmediate(() => {
        this.#isOn = false
        this.#isInTime = false
        try {
          this.#ended()
          resolve()
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}
