// What damage took, as far as the rest of the log tells: positions from the good lines before and behind, seqs from the
// streams' next events, or from the state tables where a stream has none behind. Memory holds all streams' heads: repair
// is no everyday work.

import type { SeqRangeTuple } from '../../core/control.ts'
import type { ByteOffset, Position, Seq } from '../../core/numbers.ts'
import type { Disk } from '../../disks/disk.ts'
import type { DurablePlace } from '../durable-mark.ts'
import { folders } from '../layout.ts'
import { kindPrefix } from '../state-keys.ts'
import { TableDamaged } from '../tables/table-damaged.ts'
import { TableSet } from '../tables/table-set.ts'
import { RangeSet } from '../verify/range-set.ts'
import { type FoundSegment, withFile } from './repair-scene.ts'
import { segmentLines } from './segment-lines.ts'

/** A place where lines are missing or can't be read. */
export interface DamagedPlace {
  readonly path: string
  readonly offset: ByteOffset
  /** Empty (from above to) when no position is known to be missing. */
  readonly from: Position
  readonly to: Position
  readonly streams: readonly SeqRangeTuple[]
}

interface Place {
  readonly path: string
  readonly offset: ByteOffset
  from: Position
  to: Position
  readonly streams: SeqRangeTuple[]
}

interface Head {
  readonly seq: Seq
  readonly position: Position
}

export async function findLost(
  disk: Disk,
  segments: readonly FoundSegment[],
  mark: DurablePlace | undefined,
): Promise<readonly DamagedPlace[]> {
  const search = new LostSearch()
  for (const segment of segments) await search.read(disk, segment)
  if (mark !== undefined && mark.segment === segments.at(-1)?.name) search.reach(mark.position)
  await search.askTables(disk)
  return search.places
}

class LostSearch {
  readonly places: Place[] = []
  readonly #heads: Map<string, Head> = new Map()
  readonly #stubs: RangeSet = new RangeSet()
  #position: Position = 0
  #open: Place | undefined

  async read(disk: Disk, { path, bytes, header }: FoundSegment): Promise<void> {
    const from = header?.bytes ?? 0
    await withFile(disk, path, async (file) => {
      for await (const line of segmentLines(file, { from, to: bytes, sum: header?.sum })) {
        if ('bad' in line || !line.isLinked) this.#meetDamage(path, line.offset)
        if ('bad' in line) continue
        if (line.event !== undefined) this.#meetEvent(line.event)
        if (line.control?.control === 'removed') {
          this.#stubs.add(line.control.from, line.control.to)
          for (const [stream, , seq] of line.control.streams) this.#raise(stream, { seq, position: line.control.to })
        }
      }
    })
  }

  #meetDamage(path: string, offset: ByteOffset): void {
    const place = { path, offset, from: 1, to: 0, streams: [] }
    this.places.push(place)
    this.#open ??= place
    // Several places before the next event share one gap, which goes to the first.
  }

  #meetEvent(event: { readonly stream: string; readonly seq: Seq; readonly position: Position }): void {
    this.#closeGap(event.position - 1)
    this.#position = event.position
    const before = this.#heads.get(event.stream)
    const lost = { from: (before?.seq ?? 0) + 1, to: event.seq - 1 }
    if (lost.from <= lost.to)
      this.#attribute(event.stream, lost, { above: before?.position ?? 0, below: event.position })
    this.#raise(event.stream, event)
  }

  #closeGap(to: Position): void {
    const place = this.#open
    const from = this.#position + 1
    this.#open = undefined
    if (place === undefined || from > to || this.#stubs.covers(from, to)) return
    place.from = from
    place.to = to
  }

  #raise(stream: string, head: Head): void {
    if ((this.#heads.get(stream)?.seq ?? 0) < head.seq)
      this.#heads.set(stream, { seq: head.seq, position: head.position })
  }

  #attribute(
    stream: string,
    seqs: { readonly from: Seq; readonly to: Seq },
    positions: { readonly above: Position; readonly below: Position },
  ): void {
    const place = this.places.find(({ from, to }) => from <= to && to > positions.above && from < positions.below)
    place?.streams.push([stream, seqs.from, seqs.to])
  }

  /** The log is known to have come to this position. */
  reach(position: Position): void {
    this.#closeGap(position)
  }

  /** Streams whose newest event was lost: the tables may still know how far they had come. */
  async askTables(disk: Disk): Promise<void> {
    const tables = await TableSet.open(disk, { folder: folders.state, readOnly: true })
    try {
      for await (const page of tables.scan({ prefix: kindPrefix.head })) {
        for (const [key, value] of page) {
          const [seq, position] = JSON.parse(value) as [number, number]
          const stream = key.slice(kindPrefix.head.length)
          const known = this.#heads.get(stream)
          const lost = { from: (known?.seq ?? 0) + 1, to: seq }
          if (lost.from <= lost.to) this.#attribute(stream, lost, { above: known?.position ?? 0, below: position + 1 })
        }
      }
    } catch (error) {
      if (!(error instanceof TableDamaged)) throw error // without the tables, less is known
    } finally {
      await tables.close()
    }
  }
}
