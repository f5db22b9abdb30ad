// The segments of an import: laid out one after the other, each synced once when it is full, with its index and what it
// changed in the state tables. The last one is empty, for what is appended later, so that all that was imported is sealed.

import { createHash } from 'node:crypto'
import type { ByteOffset, Position } from '../core/numbers.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { readFully } from '../disks/whole-io.ts'
import { isHoldfastError, never } from '../errors.ts'
import { ActiveSegment, headerLine } from './active-segment.ts'
import { Catalog } from './catalog.ts'
import type { Identity } from './identity.ts'
import type { KeptSegment } from './kept-segments.ts'
import { nextSegmentName, segmentName, segmentPath } from './layout.ts'
import { LineWriter } from './line-writer.ts'
import type { LogView } from './log-view.ts'
import { indexesOf } from './previous-segment.ts'
import { replay } from './replay.ts'
import type { SegmentFacts } from './segment.ts'
import { coverFolded } from './segment-fold.ts'
import { ActiveIndex } from './segment-index.ts'
import type { SegmentIndexes } from './segment-indexes.ts'
import type { State } from './state.ts'

/** The first owner's: whoever opens the journal first goes on in its last segment. */
export const firstFence = 1

export interface ImportPlan {
  readonly disk: Disk
  readonly identity: Omit<Identity, 'lock'>
  readonly segmentBytes: number
}

/** The segment that is being written. */
export interface Growing {
  readonly name: string
  readonly number: number
  readonly file: DiskFile
  readonly lines: LineWriter
  readonly index: ActiveIndex
}

/** A segment that is durable as a whole. */
interface Finished {
  readonly name: string
  readonly number: number
  readonly bytes: ByteOffset
  readonly sha256: string
  readonly sum: number
  readonly index: ActiveIndex
}

export class ImportSegments {
  readonly #plan: ImportPlan
  readonly #state: State
  readonly #catalog: Catalog
  readonly #indexes: SegmentIndexes
  #growing: Growing | undefined
  #previous: Finished | undefined
  #segments = 0

  constructor(plan: ImportPlan, state: State) {
    this.#plan = plan
    this.#state = state
    this.#catalog = new Catalog(plan.disk)
    this.#indexes = indexesOf({ disk: plan.disk, catalog: this.#catalog, state })
  }

  /** What was imported so far, for whoever must look something up. */
  view(): LogView {
    const { disk } = this.#plan
    const durableEnd = () => never('an import looks things up in the state, and reads no segment')
    return { disk, catalog: this.#catalog, indexes: this.#indexes, state: this.#state, durableEnd }
  }

  /** A segment of an earlier attempt, whole as its successor's header says, goes on being one: it is folded as if it were
   * written now. False when it isn't what was written; nothing can be kept from there on, and this is of no more use. */
  async keep({ name, header, bytes, sha256 }: KeptSegment): Promise<boolean> {
    const number = ++this.#segments
    const index = new ActiveIndex()
    await this.#enter({ name, number, first: header.header.first, sealed: undefined })
    const hash = createHash('sha256')
    const { disk } = this.#plan
    const file = await disk.open(segmentPath(name), { mode: 'read' })
    try {
      const from = header.bytes
      const line = Buffer.alloc(from)
      await readFully(file, line, 0)
      hash.update(line)
      const state = this.#state
      const range = {
        disk,
        file,
        path: segmentPath(name),
        number,
        from,
        to: bytes,
        sum: header.sum,
        state,
        index,
        hash,
      }
      const sum = await replay(range)
      this.#previous = { name, number, bytes, sha256, sum, index }
    } catch (error) {
      if (isHoldfastError(error, 'DAMAGED')) return false
      throw error
    } finally {
      await file.close()
    }
    return hash.digest('hex') === sha256
  }

  /** The next record begins another segment. */
  cut(): Promise<void> {
    return this.#finish()
  }

  /** The segment that takes the next record; a full one is sealed, unless a batch goes on in it. */
  async room(next: { readonly goesOn: boolean }): Promise<Growing> {
    const growing = this.#growing
    if (growing !== undefined && (growing.lines.offset < this.#plan.segmentBytes || next.goesOn)) return growing
    await this.#finish()
    this.#growing = await this.#begin()
    return this.#growing
  }

  /** All is sealed and durable when it resolves. */
  async seal(): Promise<void> {
    await this.#finish()
    await this.#beginForAppends()
  }

  async close(): Promise<void> {
    await this.#growing?.file.close()
    await this.#catalog.close()
  }

  #nextName(): { readonly name: string; readonly first: Position } {
    const first = this.#state.scalars.position + 1
    return {
      first,
      name: this.#previous === undefined ? segmentName(first, 0) : nextSegmentName(this.#previous.name, first),
    }
  }

  /** As the next segment's header begins. Its time is not after that of any event to come. */
  #header(first: Position) {
    const { journal, epoch } = this.#plan.identity
    const previous =
      this.#previous === undefined
        ? null
        : { name: this.#previous.name, bytes: this.#previous.bytes, sha256: this.#previous.sha256 }
    const { time } = this.#state.scalars
    return { journal, epoch, segment: this.#segments, first, fence: firstFence, time, previous }
  }

  async #begin(): Promise<Growing> {
    const { name, first } = this.#nextName()
    const number = ++this.#segments
    const file = await this.#plan.disk.open(segmentPath(name), { mode: 'write', create: 'exclusive' })
    try {
      const lines = new LineWriter(file)
      const line = headerLine({ ...this.#header(first), carried: 0 }, this.#previous?.sum ?? 0)
      await lines.addLine(line.bytes, line.sum)
      await this.#enter({ name, number, first, sealed: undefined })
      return { name, number, file, lines, index: new ActiveIndex() }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #finish(): Promise<void> {
    if (this.#growing === undefined) return
    const { name, number, file, lines, index } = this.#growing
    const { bytes, sha256, sum } = await lines.finish()
    this.#growing = undefined
    await file.close()
    this.#previous = { name, number, bytes, sha256, sum, index }
  }

  /** The segment joins the log, and the caches cover the one before. */
  async #enter(facts: SegmentFacts): Promise<void> {
    const previous = this.#previous
    if (previous === undefined) {
      this.#catalog.add(facts)
      return
    }
    const { bytes, sha256 } = previous
    const segment = this.#catalog.seal({ bytes, sha256, events: previous.index.events }, facts)
    segment.index = Promise.resolve(this.#indexes.inMemory(previous.index, previous.number))
    const { disk } = this.#plan
    const identity = { ...this.#plan.identity, lock: disk.lockMechanism }
    await coverFolded({ disk, identity, catalog: this.#catalog, indexes: this.#indexes, state: this.#state }, segment)
    await segment.closeIndex() // from here on it is read from its table
  }

  async #beginForAppends(): Promise<void> {
    const { name, first } = this.#nextName()
    this.#segments++
    const link = this.#previous?.sum ?? 0
    const active = await ActiveSegment.create(this.#plan.disk, { name, header: this.#header(first), link })
    await active.file.close()
    await this.#enter({ name, number: this.#segments, first, sealed: undefined })
  }
}
