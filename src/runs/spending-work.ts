// What spends of a run's budgets: a step or a tool, which isn't begun while a limit is reached.
//
// Invariant: what history says of it is met all the same. Holding decides what begins, never what is told.

import type { AskWork, Settlement, Waiting } from './ask.ts'
import { type Budget, heldBecause } from './budget.ts'
import { type RunData, type RunEvent, runEvents } from './run-event.ts'

export interface SpendingHost {
  readonly budget: Budget
  make(type: string, data: RunData): void
}

export class SpendingWork implements AskWork {
  readonly answers: readonly string[]
  readonly #host: SpendingHost
  readonly #key: string
  readonly #work: AskWork
  #isStarted = false

  constructor(host: SpendingHost, key: string, work: AskWork) {
    this.#host = host
    this.#key = key
    this.#work = work
    this.answers = work.answers
    host.budget.admit(key, () => this.#released())
  }

  get waiting(): Waiting | undefined {
    const { budget } = this.#host
    if (!budget.isHeld(this.#key)) return this.#work.waiting
    const over = budget.over()
    if (over === undefined || !budget.isParked) return undefined
    return { state: 'parked', why: heldBecause(over) }
  }

  met(event: RunEvent): Settlement | undefined {
    const settlement = this.#work.met(event)
    // It had begun in another process, where it was asked for in time.
    if (settlement !== undefined) this.#host.budget.forget(this.#key)
    return settlement
  }

  start(): void {
    this.#isStarted = true
    const { budget } = this.#host
    if (!budget.isHeld(this.#key)) {
      this.#work.start()
      return
    }
    const over = budget.park()
    if (over !== undefined) this.#host.make(runEvents.parked, { ...over, why: heldBecause(over) })
  }

  stop(reason: unknown): void {
    this.#host.budget.forget(this.#key)
    this.#work.stop(reason)
  }

  /** The limit was raised: it begins, or is held by another one. */
  #released(): void {
    if (this.#isStarted) this.start()
  }
}
