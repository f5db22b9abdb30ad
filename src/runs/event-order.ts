// A run's events in the order of its stream, wherever they come from: its history, the receipts of what its driver
// appended, and what the world appended meanwhile.
//
// Invariant: take() gives seq after seq without a hole and none twice.

import type { Seq } from '../core/numbers.ts'
import type { RunEvent } from './run-event.ts'

export class EventOrder {
  #next: Seq
  readonly #waiting: Map<Seq, RunEvent> = new Map()

  constructor(next: Seq) {
    this.#next = next
  }

  get next(): Seq {
    return this.#next
  }

  offer(event: RunEvent): void {
    if (event.seq >= this.#next) this.#waiting.set(event.seq, event)
  }

  take(): RunEvent | undefined {
    const event = this.#waiting.get(this.#next)
    if (event === undefined) return undefined
    this.#waiting.delete(this.#next)
    this.#next += 1
    return event
  }

  get hasNext(): boolean {
    return this.#waiting.has(this.#next)
  }

  /** The newest event of the stream that is known, if none before it is missing. */
  get known(): Seq {
    return this.#next - 1 + this.#waiting.size
  }

  /** Everything that was offered has been taken. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Whether an event waits for one before it. */
  get hasGap(): boolean {
    return this.#waiting.size > 0 && !this.#waiting.has(this.#next)
  }
}
