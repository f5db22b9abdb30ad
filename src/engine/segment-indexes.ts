// Gives any segment's index, from where it is quickest: memory for the active one, the table on disk, or else the
// segment read through once more. A table that is missing, stale or damaged costs time, never a wrong answer.

import type { Disk } from '../disks/disk.ts'
import { MemoryIndex } from './memory-index.ts'
import { replay } from './replay.ts'
import type { Segment } from './segment.ts'
import { ActiveIndex, type SegmentIndex } from './segment-index.ts'
import { TableIndex } from './table-index.ts'
import { BlockCache } from './tables/block-cache.ts'
import { TableDamaged } from './tables/table-damaged.ts'

const blockCacheBytes = 4_194_304

export class SegmentIndexes {
  readonly #disk: Disk
  readonly #cache: BlockCache = new BlockCache(blockCacheBytes)
  /** The number of the segment that held a stream's events before a given one: found by looking back. */
  readonly #previousOf: (stream: string, segment: number) => Promise<number>

  constructor(disk: Disk, previousOf: (stream: string, segment: number) => Promise<number>) {
    this.#disk = disk
    this.#previousOf = previousOf
  }

  inMemory(index: ActiveIndex, segment: number): SegmentIndex {
    return new MemoryIndex(index, (stream) => this.#previousOf(stream, segment))
  }

  of(segment: Segment): Promise<SegmentIndex> {
    segment.index ??= this.#open(segment)
    return segment.index
  }

  /** Runs `use` with the index; when the table turns out to be damaged, once more with one made from the segment. */
  async with<T>(segment: Segment, use: (index: SegmentIndex) => Promise<T>): Promise<T> {
    segment.enter()
    try {
      return await use(await this.of(segment))
    } catch (error) {
      if (!(error instanceof TableDamaged)) throw error
      return await use(await this.remake(segment))
    } finally {
      await segment.leave()
    }
  }

  /** From the segment itself, whatever the table says. */
  remake(segment: Segment): Promise<SegmentIndex> {
    segment.index = this.#make(segment)
    return segment.index
  }

  async #open(segment: Segment): Promise<SegmentIndex> {
    const description = segment.facts.index
    if (description === undefined) return this.#make(segment)
    try {
      return await TableIndex.open(this.#disk, description, this.#cache)
    } catch (error) {
      if (error instanceof TableDamaged) return this.#make(segment)
      throw error
    }
  }

  async #make(segment: Segment): Promise<SegmentIndex> {
    const { sealed, number } = segment.facts
    const index = new ActiveIndex()
    await segment.with(async (file) => {
      const header = await segment.header()
      const to = sealed?.bytes ?? (await file.size())
      const { path } = segment
      await replay({ disk: this.#disk, file, path, number, from: header.bytes, to, sum: header.sum, index })
    })
    return this.inMemory(index, number)
  }
}
