// How events come to an execution: from its history, from the receipts of its own appends, from others. They are met one
// by one, in the order of the stream; where somebody else's event lies between two of which it knows, that one is read.
//
// Invariant: events are met in the order of the stream, none twice, and the next one when the one before has been met.

import type { Seq } from '../core/numbers.ts'
import { EventOrder } from './event-order.ts'
import type { RunEvent } from './run-event.ts'
import type { RunHistory } from './run-history.ts'

export interface IntakeHost {
  readonly isOver: boolean
  halt(error: unknown): void
}

export interface IntakeTerms {
  readonly history: Pick<RunHistory, 'events'>
  /** The next event comes when it resolves; at once, where it gives nothing. */
  readonly meet: (event: RunEvent) => Promise<void> | undefined
  /** All that is known of the stream was met. */
  readonly metAll: () => void
}

export class Intake {
  readonly #host: IntakeHost
  readonly #terms: IntakeTerms
  readonly #order: EventOrder = new EventOrder(2)
  #isPumping = false
  #isReadingGap = false
  /** What is missing was made by a driver: nothing is read for it. */
  #awaitsReceipt = false
  readonly #goOn = (): void => this.#meetOn()
  readonly #halt = (error: unknown): void => this.#host.halt(error)

  constructor(host: IntakeHost, terms: IntakeTerms) {
    this.#host = host
    this.#terms = terms
  }

  /** The number of the event that is met next. */
  get next(): Seq {
    return this.#order.next
  }

  /** The newest event of the stream that is known, if none before it is missing. */
  get known(): Seq {
    return this.#order.known
  }

  /** Everything that was offered has been taken. */
  get isEmpty(): boolean {
    return this.#order.isEmpty
  }

  get isPumping(): boolean {
    return this.#isPumping
  }

  /** It is met when its turn comes: in pump() or meetSome(). */
  offer(event: RunEvent): void {
    this.#awaitsReceipt = false
    this.#order.offer(event)
  }

  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    this.#meetOn()
  }

  // Without a promise of its own: of a step that just became durable, everything up to the function's turn is done at once.
  #meetOn(): void {
    try {
      const met = this.meetSome()
      if (met !== undefined) {
        met.then(this.#goOn, this.#halt)
        return
      }
      this.#isPumping = false
      if (this.#order.hasGap) {
        if (!this.#awaitsReceipt) this.#meetGap()
      } else this.#terms.metAll()
    } catch (error) {
      this.#halt(error)
    }
  }

  /** Up to one that takes its time, or all that there are. */
  meetSome(): Promise<void> | undefined {
    for (let event = this.#order.take(); event !== undefined && !this.#host.isOver; event = this.#order.take()) {
      const met = this.#terms.meet(event)
      if (met !== undefined) return met
    }
    return undefined
  }

  /** Meets what others have told the run by now. What a driver made comes with its receipt, if this is that driver. If another
   * one has taken the run over, it is not met: its intents are no calls of this one, which hears that it is shut out when
   * it appends or prolongs its lease. */
  meetNewest(hasRead: () => void): void {
    const readOn = async (): Promise<void> => {
      const events: RunEvent[] = []
      let isMissing = false
      // Whatever is offered from here on is a reason to look again.
      this.#awaitsReceipt = true
      for await (const event of this.#terms.history.events(this.#order.next)) {
        if (isOfDriver(event)) isMissing = true
        else events.push(event)
      }
      hasRead()
      for (const event of events) this.#order.offer(event)
      if (!isMissing) this.#awaitsReceipt = false
    }
    readOn().then(() => this.pump(), this.#halt)
  }

  /** Somebody else's event lies between two of which we know. */
  #meetGap(): void {
    if (this.#isReadingGap || this.#host.isOver) return
    this.#isReadingGap = true
    this.meetNewest(() => {
      this.#isReadingGap = false
    })
  }
}

/** Each event that a driver makes says what it had seen by then. */
function isOfDriver({ data }: RunEvent): boolean {
  return typeof data.seen === 'number'
}
