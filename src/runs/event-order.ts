// A run's events in the order of its stream, wherever they come from: its history, the receipts of what its driver
// appended, and what the world appended meanwhile.
//
// Invariant: take() gives seq after seq without a hole and none twice.

import type { Seq } from '../core/numbers.ts'
import type { RunEvent } from './run-event.ts'

export class EventOrder {
  #next: Seq
  /** The next one. Mostly there is no other, so that nothing has to be kept in order. */
  #first: RunEvent | undefined
  #behind: Map<Seq, RunEvent> | undefined

  constructor(next: Seq) {
    this.#next = next
  }

  get next(): Seq {
    return this.#next
  }

  offer(event: RunEvent): void {
    if (event.seq === this.#next) this.#first = event
    else if (event.seq > this.#next) {
      this.#behind ??= new Map()
      this.#behind.set(event.seq, event)
    }
  }

  take(): RunEvent | undefined {
    const event = this.#first
    if (event === undefined) return undefined
    this.#next += 1
    this.#first = this.#behind?.get(this.#next)
    if (this.#first !== undefined) this.#behind?.delete(this.#next)
    return event
  }

  get hasNext(): boolean {
    return this.#first !== undefined
  }

  /** The newest event of the stream that is known, if none before it is missing. */
  get known(): Seq {
    return this.#next - 1 + this.#size
  }

  /** Everything that was offered has been taken. */
  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** Whether an event waits for one before it. */
  get hasGap(): boolean {
    return this.#first === undefined && this.#size > 0
  }

  get #size(): number {
    return (this.#first === undefined ? 0 : 1) + (this.#behind?.size ?? 0)
  }
}
