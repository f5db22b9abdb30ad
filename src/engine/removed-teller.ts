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
  #removedFrom: Position = 0
  #removedTo: Position = 0

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

  meetStub(stub: RemovedControl): void {
    const prefix = this.#prefix
    if (prefix === undefined || !stub.streams.some(([stream]) => stream.startsWith(prefix))) return
    this.#extend(Math.max(stub.from, this.#from), Math.min(stub.to, this.#to))
  }

  /** Called for each event that stands in the log; gives the range to tell before it. */
  meet(
    event: { readonly stream: string; readonly seq: Seq; readonly position: Position },
    matches: boolean,
    visible: boolean,
  ): RemovedRange | undefined {
    if (!this.isTelling) return undefined
    if (this.#prefix === undefined) {
      if (!visible) return undefined
      const from = this.#next
      this.#next = event.position + 1
      return from < event.position ? { removed: { from, to: event.position - 1 } } : undefined
    }
    if (!matches) return undefined
    if (visible) return this.#take()
    this.#extend(event.position, event.position)
    return undefined
  }

  atEnd(): RemovedRange | undefined {
    if (!this.isTelling) return undefined
    if (this.#prefix !== undefined) return this.#take()
    return this.#next <= this.#to ? { removed: { from: this.#next, to: this.#to } } : undefined
  }

  #extend(from: Position, to: Position): void {
    if (from > to) return
    this.#removedFrom = this.#removedFrom === 0 ? from : Math.min(this.#removedFrom, from)
    this.#removedTo = Math.max(this.#removedTo, to)
  }

  #take(): RemovedRange | undefined {
    if (this.#removedFrom === 0) return undefined
    const range = { removed: { from: this.#removedFrom, to: this.#removedTo } }
    this.#removedFrom = 0
    this.#removedTo = 0
    return range
  }
}
