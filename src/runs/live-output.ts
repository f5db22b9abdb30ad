// What a run's function shows while it is at work (run.emitLive): told to who follows now, and never recorded.
//
// Invariant: what was said before the newest event of history isn't said again. An event of the driver names the last turn
// that its process had finished by then: whatever that turn showed, it has shown. What follows from the end of history is
// life, so a new run and one that goes on say it alike.

import type { Seq } from '../core/numbers.ts'
import type { Journal } from '../journal.ts'
import { liveType } from './run-event.ts'

interface LiveHost {
  readonly host: { readonly journal: Journal }
  readonly terms: { readonly stream: string }
  readonly isLive: boolean
  readonly isOver: boolean
}

export class LiveOutput {
  readonly #execution: LiveHost
  #unsaid: { readonly turn: Seq; readonly tell: () => void }[] = []

  constructor(execution: LiveHost) {
    this.#execution = execution
  }

  /** Throws what can't be told, in a replay as in life: the function goes the same way. */
  tell(output: unknown, turn: Seq): void {
    const { host, terms, isLive, isOver } = this.#execution
    const tell = host.journal.prepareBroadcast(terms.stream, { type: liveType, data: { output } })
    if (isOver) return
    if (isLive) tell()
    else this.#unsaid.push({ turn, tell })
  }

  /** An event of the driver is met that had seen this one. */
  seen(seq: Seq): void {
    if (this.#unsaid.length > 0) this.#unsaid = this.#unsaid.filter(({ turn }) => turn > seq)
  }

  /** History is met to its end. */
  live(): void {
    for (const { tell } of this.#unsaid) tell()
    this.#unsaid = []
  }
}
