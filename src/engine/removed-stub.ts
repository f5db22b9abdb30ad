// Gathers what a rewrite leaves out, so that a stub can stand in its place: the range of positions, how many events, and
// per stream the seqs.

import type { RemovedControl, SeqRangeTuple } from '../core/control.ts'
import type { Position, Seq } from '../core/numbers.ts'

/** One line names at most so many streams; a longer list takes several lines. */
const streamsPerLine = 2_000

export class RemovedStub {
  #from: Position = 0
  #to: Position = 0
  #count = 0
  readonly #streams: Map<string, { from: Seq; to: Seq }> = new Map()

  get isEmpty(): boolean {
    return this.#from === 0
  }

  addEvent(event: { readonly stream: string; readonly seq: Seq; readonly position: Position }): void {
    this.#addRange(event.position, event.position)
    this.#addSeqs(event.stream, event.seq, event.seq)
    this.#count++
  }

  /** A stub of an earlier rewrite. */
  addStub(stub: RemovedControl): void {
    this.#addRange(stub.from, stub.to)
    for (const [stream, from, to] of stub.streams) this.#addSeqs(stream, from, to)
    this.#count += stub.count
  }

  #addRange(from: Position, to: Position): void {
    this.#from = this.#from === 0 ? from : Math.min(this.#from, from)
    this.#to = Math.max(this.#to, to)
  }

  #addSeqs(stream: string, from: Seq, to: Seq): void {
    const known = this.#streams.get(stream)
    if (known === undefined) this.#streams.set(stream, { from, to })
    else {
      known.from = Math.min(known.from, from)
      known.to = Math.max(known.to, to)
    }
  }

  /** The records to write, and an empty stub again. Only the first carries the count. */
  take(): readonly RemovedControl[] {
    const streams = [...this.#streams].map(([stream, { from, to }]): SeqRangeTuple => [stream, from, to])
    const records: RemovedControl[] = []
    for (let at = 0; at === 0 || at < streams.length; at += streamsPerLine) {
      const count = at === 0 ? this.#count : 0
      const part = streams.slice(at, at + streamsPerLine)
      records.push({ control: 'removed', from: this.#from, to: this.#to, count, streams: part })
    }
    this.#from = 0
    this.#to = 0
    this.#count = 0
    this.#streams.clear()
    return records
  }
}
