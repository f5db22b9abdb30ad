// What a run's function has asked for, held against what the journal says that it had asked for: how changed code is
// noticed before it does something else than the record says.
//
// A turn is what the function does between two deliveries; it is named by the seq of the event that began it. An event
// that the driver appended holds which keys had been asked for since the driver's event before it, and the last turn of
// which that is known to be all (`seen`). So, at that event, a replay must have asked for the same keys in those turns: a
// key too many is other code, a key that is missing may still come (when the function waits for something that is not the
// run's), or is other code.

import type { Seq } from '../core/numbers.ts'

export type AskVerdict =
  | { readonly is: 'same' }
  /** Recorded, and not asked for so far. */
  | { readonly is: 'missing'; readonly recorded: readonly string[] }
  /** Asked for, and not in the record. */
  | { readonly is: 'other'; readonly recorded: readonly string[]; readonly asked: readonly string[] }

export class AskLog {
  /** Asked for, and not yet in an event that was met: key → turn. */
  readonly #unrecorded: Map<string, Seq> = new Map()
  /** In an event that was met, and not yet asked for. */
  readonly #unasked: Set<string> = new Set()
  /** Asked for, and not yet in an event that was made. */
  readonly #unwritten: Set<string> = new Set()

  ask(key: string, turn: Seq): void {
    if (this.#unasked.delete(key)) return
    this.#unrecorded.set(key, turn)
    this.#unwritten.add(key)
  }

  /** For the next event that is made: what it has to record. */
  takeUnwritten(): readonly string[] {
    const keys = [...this.#unwritten]
    this.#unwritten.clear()
    return keys
  }

  /** An event of the driver is met, in history or after it became durable. */
  meet(asked: readonly string[]): void {
    for (const key of asked) {
      this.#unwritten.delete(key)
      if (!this.#unrecorded.delete(key)) this.#unasked.add(key)
    }
  }

  judge(seen: Seq): AskVerdict {
    if (this.#unrecorded.size === 0 && this.#unasked.size === 0) return { is: 'same' }
    const asked: string[] = []
    for (const [key, turn] of this.#unrecorded) if (turn <= seen) asked.push(key)
    const recorded = [...this.#unasked]
    if (asked.length > 0) return { is: 'other', recorded, asked }
    return recorded.length > 0 ? { is: 'missing', recorded } : { is: 'same' }
  }
}
