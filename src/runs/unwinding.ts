// The end of a run that failed or was cancelled, when its tools did what can be undone: their compensations, the newest
// first, one after the other. Then the run ends as it was about to.

import type { Waiting } from './ask.ts'
import type { RunEvent } from './run-event.ts'
import { Undo, type UndoHost, type UndoTerms } from './undo.ts'

export class Unwinding {
  readonly #left: Undo[]
  readonly #done: string[] = []
  readonly #whenDone: () => void
  #isStarted = false

  constructor(execution: UndoHost, owed: readonly UndoTerms[], whenDone: () => void) {
    this.#left = owed.map((terms) => new Undo(execution, terms))
    this.#whenDone = whenDone
  }

  /** Keys of what was undone, in that order. */
  get compensated(): readonly string[] {
    return this.#done
  }

  get waiting(): Waiting | undefined {
    return this.#left[0]?.waiting
  }

  met(event: RunEvent): void {
    const [undo] = this.#left
    if (undo === undefined || undo.key !== event.data.key) return
    const end = undo.met(event)
    if (end === undefined) return
    if (end.is === 'undone') this.#done.push(undo.key)
    this.#left.shift()
    this.#goOn()
  }

  /** Called once, when history is met to its end. */
  start(): void {
    this.#isStarted = true
    this.#goOn()
  }

  stop(reason: unknown): void {
    this.#left[0]?.stop(reason)
  }

  #goOn(): void {
    if (!this.#isStarted) return
    const [undo] = this.#left
    if (undo === undefined) this.#whenDone()
    else undo.start()
  }
}
