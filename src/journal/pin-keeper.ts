// A subscriber's pin: keeps retention by age from what it has still to read, and ends by itself some time after the
// subscriber is gone. It moves on as the subscriber does.

import type { Clock, Timer } from '../host/clock.ts'
import type { Selector, Store } from '../stores/store.ts'

export interface PinPlace {
  readonly pin: string
  readonly ttlMs: number
}

export class PinKeeper {
  readonly #store: Store
  readonly #clock: Clock
  readonly #place: PinPlace
  readonly #stream: string | undefined
  #from = 0
  #timer: Timer | undefined
  #isStopped = false

  constructor(host: { readonly store: Store; readonly clock: Clock }, place: PinPlace, select: Selector) {
    this.#store = host.store
    this.#clock = host.clock
    this.#place = place
    this.#stream = select.kind === 'stream' ? select.stream : undefined
  }

  /** Pins from this number on, and keeps the pin alive. */
  async start(from: number): Promise<void> {
    this.#from = from
    await this.#renew()
    this.#plan()
  }

  /** The next renewal pins from here. */
  moveTo(from: number): void {
    this.#from = from
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #plan(): void {
    if (this.#isStopped) return
    this.#timer = this.#clock.after(Math.ceil(this.#place.ttlMs / 3), () => {
      // A pin that can't be renewed ends by itself, and the subscriber is told what it loses; the store is what fails.
      this.#renew().then(
        () => this.#plan(),
        () => this.#plan(),
      )
    })
  }

  async #renew(): Promise<void> {
    const { pin, ttlMs } = this.#place
    const place = this.#stream === undefined ? {} : { stream: this.#stream }
    await this.#store.append({ events: [], pins: [{ pin, ...place, from: this.#from, ttlMs }], durability: 'eventual' })
  }
}
