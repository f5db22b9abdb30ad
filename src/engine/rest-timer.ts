// When nothing more comes, a last witness is written, so that a crash later finds no tail that could be doubted. This
// notices that nothing more comes.

import type { Clock, Timer } from '../host/clock.ts'

const restMs = 20

export interface Restless {
  /** Rises with every write. */
  readonly writes: number
  /** Whether something is on its way, or will be. */
  readonly hasPending: boolean
  /** Whether something durable still stands without a witness above it. */
  readonly wantsWitness: boolean
  witness(): Promise<void>
}

export class RestTimer {
  readonly #clock: Clock
  readonly #writer: Restless
  #timer: Timer | undefined

  constructor(clock: Clock, writer: Restless) {
    this.#clock = clock
    this.#writer = writer
  }

  /** Asks for a witness once a while has passed without a write. */
  start(): void {
    if (this.#timer !== undefined) return
    const { writes } = this.#writer
    this.#timer = this.#clock.after(restMs, () => {
      this.#timer = undefined
      if (!this.#writer.wantsWitness) return
      if (writes !== this.#writer.writes || this.#writer.hasPending) return this.start()
      // Safe to leave alone: when it fails the writer latches and says so at the next call.
      void this.#writer.witness().catch(() => undefined)
    })
  }

  cancel(): void {
    this.#timer?.cancel()
  }
}
