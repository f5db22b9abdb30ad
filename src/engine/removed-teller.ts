// Tells what retention removed while a read passes it, so that no gap is silent. Positions are given out without a
// gap, so in a read of everything a gap is a removal; in a read by prefix, only stubs and hidden events of matching
// streams are.

import type { RemovedControl } from '../core/control.ts'
import type { Position, Seq } from '../core/numbers.ts'
import type { ReadQuery, RemovedRange } from '../stores/store.ts'

export class RemovedTeller {
  readonly isTelling: boolean
  readonly #prefix: string | undefined
  readonly #from: Position
  readonly #to: Position
  /** Everything below was given or told. */
  #next: Position
  #rangeFrom: Position = 0
  #rangeTo: Position = 0
  readonly #pending: RemovedRange[] = []

  constructor(query: ReadQuery, range: { readonly from: Position; readonly to: Position }) {
    this.isTelling = query.tellRemoved === true
    this.#prefix = query.select.kind === 'prefix' ? query.select.prefix : undefined
    this.#from = range.from
    this.#to = range.to
    this.#next = range.from
  }

  get readsStubs(): boolean {
    return this.isTelling && this.#prefix !== undefined
  }

  /** Nothing that was met is still to be told. */
  get isQuiet(): boolean {
    return this.#rangeFrom === 0 && this.#pending.length === 0
  }

  meetStub(stub: RemovedControl): void {
    const prefix = this.#prefix
    if (prefix === undefined || !stub.streams.some(([stream]) => stream.startsWith(prefix))) return
    this.#extend(Math.max(stub.from, this.#from), Math.min(stub.to, this.#to))
  }

  /** Called for each event that stands in the log, if it is telling; gives the ranges to tell before it. */
  meet(
    event: { readonly stream: string; readonly seq: Seq; readonly position: Position },
    matches: boolean,
    visible: boolean,
  ): readonly RemovedRange[] {
    if (this.#prefix === undefined) {
      if (!visible) return nothing
      const from = this.#next
      this.#next = event.position + 1
      return from < event.position ? [{ removed: { from, to: event.position - 1 } }] : nothing
    }
    if (!visible && matches) this.#extend(event.position, event.position)
    if (visible) this.#endRange()
    return visible && matches ? this.#take() : nothing
  }

  atEnd(): readonly RemovedRange[] {
    if (!this.isTelling) return nothing
    if (this.#prefix !== undefined) {
      this.#endRange()
      return this.#take()
    }
    return this.#next <= this.#to ? [{ removed: { from: this.#next, to: this.#to } }] : nothing
  }

  #extend(from: Position, to: Position): void {
    if (from > to) return
    this.#rangeFrom = this.#rangeFrom === 0 ? from : Math.min(this.#rangeFrom, from)
    this.#rangeTo = Math.max(this.#rangeTo, to)
  }

  /** An event that is there ends a range, also one of another stream: no range reaches over what is retained. */
  #endRange(): void {
    if (this.#rangeFrom === 0) return
    this.#pending.push({ removed: { from: this.#rangeFrom, to: this.#rangeTo } })
    this.#rangeFrom = 0
    this.#rangeTo = 0
  }

  #take(): readonly RemovedRange[] {
    return this.#pending.splice(0)
  }
}

const nothing: readonly RemovedRange[] = Object.freeze([])
