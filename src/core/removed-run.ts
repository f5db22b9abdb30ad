// What stands in an export where events stood: one run of positions without a retained event, as `removed` records. The
// same removals give the same records, whichever store they are told from. Pure.
//
// A record moves the heads of its streams to its end. Of a stream that is gone altogether the last seq therefore gets a
// record of its own, at the position where it stood: so its head comes back as it was.

import type { RemovedControl, SeqRangeTuple } from './control.ts'
import type { Position, Seq } from './numbers.ts'
import { compareUtf8 } from './utf8-order.ts'

/** One record names at most so many streams; a longer list takes several records. */
const streamsPerRecord = 2_000
/** A run that names more streams is told in pieces, so that memory stays bounded. */
const streamsMax = 20_000

export class RemovedRun {
  #from: Position = 0
  #to: Position = 0
  #count = 0
  #streams: Map<string, { from: Seq; to: Seq }> = new Map()

  get isEmpty(): boolean {
    return this.#from === 0
  }

  get isFull(): boolean {
    return this.#streams.size >= streamsMax
  }

  get streams(): ReadonlyMap<string, { readonly from: Seq; readonly to: Seq }> {
    return this.#streams
  }

  addPositions(from: Position, to: Position, count: number): void {
    this.#from = this.#from === 0 ? from : Math.min(this.#from, from)
    this.#to = Math.max(this.#to, to)
    this.#count += count
  }

  addSeqs(stream: string, from: Seq, to: Seq): void {
    const known = this.#streams.get(stream)
    if (known === undefined) this.#streams.set(stream, { from, to })
    else {
      known.from = Math.min(known.from, from)
      known.to = Math.max(known.to, to)
    }
  }

  /** The records, and an empty run again. `heads`: of streams of which nothing is retained. */
  take(heads: ReadonlyMap<string, { readonly seq: Seq; readonly position: Position }>): readonly RemovedControl[] {
    const shared: SeqRangeTuple[] = []
    const ends: RemovedControl[] = []
    for (const [stream, { from, to }] of [...this.#streams].sort(([a], [b]) => compareUtf8(a, b))) {
      const head = heads.get(stream)
      if (head === undefined || head.seq !== to || head.position === this.#to) shared.push([stream, from, to])
      else {
        const { position } = head
        if (from < to) shared.push([stream, from, to - 1])
        // Of a run that is told in pieces, an earlier one may have told the count.
        const count = ends.length < this.#count ? 1 : 0
        ends.push({ control: 'removed', from: position, to: position, count, streams: [[stream, to, to]] })
      }
    }
    const records: RemovedControl[] = []
    const count = Math.max(0, this.#count - ends.length)
    for (let at = 0; at === 0 || at < shared.length; at += streamsPerRecord) {
      const streams = shared.slice(at, at + streamsPerRecord)
      records.push({ control: 'removed', from: this.#from, to: this.#to, count: at === 0 ? count : 0, streams })
    }
    this.#from = 0
    this.#to = 0
    this.#count = 0
    this.#streams = new Map()
    return [...records, ...ends.sort((a, b) => a.from - b.from)]
  }
}
