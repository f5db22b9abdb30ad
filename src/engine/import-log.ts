// Import: lays out a whole log from records that have their numbers already, in an empty directory. Segments are written
// one after the other, each synced once when it is full, with its index and what it changed in the state tables; so memory
// holds one segment's worth of state. The identity is written last: until then the directory is no journal.
//
// What is checked here is what only the state can tell: that seqs, positions and times go on, and that the blobs are
// there. The form of each record was checked before (transfer/). Throws IMPORT_INVALID with the record's index.

import type { BlobControl, Control, RemovedControl } from '../core/control.ts'
import { eventStart } from '../core/event-start.ts'
import type { ByteOffset, Position, TimeMs } from '../core/numbers.ts'
import { controlBody } from '../core/record.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ImportRecord } from '../stores/store.ts'
import { ActiveSegment, headerLine } from './active-segment.ts'
import { Blobs } from './blobs.ts'
import { Catalog } from './catalog.ts'
import { coverSegment } from './cover.ts'
import { type Identity, writeIdentity } from './identity.ts'
import { folders, nextSegmentName, segmentName, segmentPath } from './layout.ts'
import { LineWriter } from './line-writer.ts'
import type { LogView } from './log-view.ts'
import { emptyScalars } from './note.ts'
import { makeFence } from './owner.ts'
import { previousSegmentOf } from './previous-segment.ts'
import { RecordCursor } from './record-cursor.ts'
import type { SegmentFacts } from './segment.ts'
import { ActiveIndex } from './segment-index.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import { State } from './state.ts'
import { stateKeys } from './state-keys.ts'
import { TableSet } from './tables/table-set.ts'

/** The first owner's: whoever opens the journal first goes on in its last segment. */
const firstFence = 1

export interface ImportPlan {
  readonly disk: Disk
  readonly identity: Omit<Identity, 'lock'>
  readonly segmentBytes: number
}

export async function importLog(plan: ImportPlan, pages: AsyncIterable<readonly ImportRecord[]>): Promise<void> {
  const { disk } = plan
  const cursor = new RecordCursor(pages)
  try {
    await disk.makeDirectory(folders.segments)
    await disk.makeDirectory(folders.fences)
    await makeFence(disk, firstFence)
    const state = new State(await TableSet.open(disk, { folder: folders.state, readOnly: false }), emptyScalars())
    try {
      await new LogImport(plan, cursor, state).run()
    } finally {
      await state.close({ isWriter: true })
    }
  } finally {
    await cursor.end()
  }
  await disk.syncDirectory(folders.segments)
  await disk.syncDirectory('')
  await writeIdentity(disk, { ...plan.identity, lock: disk.lockMechanism })
}

/** The segment that is being written. */
interface Growing {
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

class LogImport {
  readonly #plan: ImportPlan
  readonly #cursor: RecordCursor
  readonly #state: State
  readonly #catalog: Catalog
  readonly #indexes: SegmentIndexes
  readonly #blobs: Blobs
  #growing: Growing | undefined
  #previous: Finished | undefined
  #segments = 0
  /** Of the newest event. */
  #position: Position = 0
  #time: TimeMs = 0
  /** Events so far of a batch that goes on: a batch never spans two segments. */
  #batchEvents = 0

  constructor(plan: ImportPlan, cursor: RecordCursor, state: State) {
    this.#plan = plan
    this.#cursor = cursor
    this.#state = state
    this.#catalog = new Catalog(plan.disk)
    this.#indexes = new SegmentIndexes(plan.disk, (stream, segment) =>
      previousSegmentOf({ catalog: this.#catalog, indexes: this.#indexes, state }, stream, segment),
    )
    this.#blobs = new Blobs(plan.disk)
  }

  async run(): Promise<void> {
    try {
      while (await this.#cursor.fill()) {
        for (let record = this.#cursor.take(); record !== undefined; record = this.#cursor.take()) {
          await this.#take(record)
        }
      }
      if (this.#growing !== undefined) await this.#finish(this.#growing)
      await this.#beginForAppends()
    } finally {
      await this.#growing?.file.close()
      await this.#catalog.close()
    }
  }

  async #take(record: ImportRecord): Promise<void> {
    if (record.event !== undefined) await this.#takeEvent(record.event)
    else if (record.control !== undefined) await this.#takeControl(JSON.parse(record.control) as Control)
    else throw this.#cursor.invalid('it belongs to no blob')
  }

  // Events.

  async #takeEvent({ text }: NonNullable<ImportRecord['event']>): Promise<void> {
    const bytes = Buffer.from(text)
    const { position, stream, seq, time, blobs } = eventStart(bytes, 0, bytes.length)
    const more = text.endsWith(',"more":true}')
    if (position <= this.#position) throw this.#cursor.invalid(`position ${position} does not follow ${this.#position}`)
    if (time < this.#time) throw this.#cursor.invalid('its time is before that of its predecessor')
    const head = this.#state.head(stream) ?? (await this.#state.loadHead(stream))
    if (seq !== (head?.seq ?? 0) + 1) {
      throw this.#cursor.invalid(`seq ${seq} of stream ${JSON.stringify(stream)} does not follow ${head?.seq ?? 0}`)
    }
    for (const digest of blobs) await this.#mustHaveBlob(digest)
    const growing = await this.#room(position)
    this.#batchEvents = more && position === this.#position + 1 ? this.#batchEvents + 1 : more ? 1 : 0
    if (this.#batchEvents > limits.batchEventsMax) throw this.#cursor.invalid('its batch is larger than any can be')
    this.#position = position
    this.#time = time
    const { index, lines, number } = growing
    const earlier = head === null || head.segment === number ? 0 : head.segment
    index.add({ stream, seq, position, offset: lines.offset }, earlier)
    index.addBlobs(blobs)
    this.#state.applyEvent({ stream, seq, position, time, segment: number, blobs })
    await lines.addBody(text.slice(0, -1))
  }

  async #mustHaveBlob(digest: string): Promise<void> {
    if ((await this.#state.loadEntry(stateKeys.blob(digest))) !== null) return
    throw this.#cursor.invalid(`the blob ${digest} that it names is missing`)
  }

  // Control records.

  async #takeControl(control: Control): Promise<void> {
    // A rewrite record would name files to be removed: none comes from outside.
    assert(control.control !== 'rewrite' && control.control !== 'retain', 'the kind of the record was checked before')
    if (control.control === 'blob') return this.#takeBlob(control)
    if (control.control === 'removed') await this.#checkRemoved(control)
    await this.#addControl(control)
  }

  async #addControl(control: Control): Promise<void> {
    const growing = await this.#room(this.#state.scalars.position + 1)
    for (const key of this.#state.neededFor(control)) await this.#state.loadEntry(key)
    const isKnown = this.#state.apply(control, [growing.number, growing.lines.offset])
    assert(isKnown, 'the kind of the record was checked before')
    this.#batchEvents = 0
    await growing.lines.addBody(controlBody(control, false))
  }

  async #checkRemoved({ streams }: RemovedControl): Promise<void> {
    for (const [stream, first] of streams) {
      const head = await this.#state.loadHead(stream)
      const stands = head !== null && (await this.#state.loadEntry(stateKeys.truncated(stream))) !== head.seq + 1
      if (!stands && first === (head?.seq ?? 0) + 1) continue
      throw this.#cursor.invalid(`removed seqs of stream ${JSON.stringify(stream)} do not stand at its front`)
    }
  }

  async #takeBlob(control: BlobControl): Promise<void> {
    const { digest, bytes } = control
    if ((await this.#state.loadEntry(stateKeys.blob(digest))) !== null) {
      throw this.#cursor.invalid(`blob ${digest} comes a second time`)
    }
    const staged = await this.#blobs.stage(this.#contentOf(control), this.#view())
    try {
      if (staged.digest !== digest || staged.bytes !== bytes) {
        throw this.#cursor.invalid(`the content of blob ${digest} is not its own`)
      }
      const placed = this.#blobs.staged(digest)
      assert(placed !== undefined, 'what was just staged is staged')
      await this.#addControl(placed)
    } finally {
      staged.release()
    }
  }

  async *#contentOf({ digest, bytes, data }: BlobControl): AsyncGenerator<Uint8Array, void, undefined> {
    if (data !== undefined) return yield Buffer.from(data, 'base64')
    for (let left = bytes; left > 0; ) {
      const missing = `the content of blob ${digest} is missing`
      if (!(await this.#cursor.fill())) throw this.#cursor.invalid(missing, this.#cursor.index + 1)
      const chunk = this.#cursor.take()?.chunk
      if (chunk === undefined) throw this.#cursor.invalid(missing)
      const part = Buffer.from(chunk, 'base64')
      if (part.length === 0 || part.length > left) {
        throw this.#cursor.invalid(`the content of blob ${digest} has another length`)
      }
      left -= part.length
      yield part
    }
  }

  #view(): LogView {
    const { disk } = this.#plan
    const none = { position: 0, segment: 0, bytes: 0 }
    return { disk, catalog: this.#catalog, indexes: this.#indexes, state: this.#state, durableEnd: () => none }
  }

  // Segments.

  /** The segment that takes the next record; a full one is sealed, unless a batch goes on in it at `next`. */
  async #room(next: Position): Promise<Growing> {
    const goesOn = this.#batchEvents > 0 && next === this.#position + 1
    const growing = this.#growing
    if (growing !== undefined && (growing.lines.offset < this.#plan.segmentBytes || goesOn)) return growing
    if (growing !== undefined) await this.#finish(growing)
    this.#growing = await this.#begin()
    return this.#growing
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

  async #finish({ name, number, file, lines, index }: Growing): Promise<void> {
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
    const segment = this.#catalog.seal(
      { bytes: previous.bytes, sha256: previous.sha256, events: previous.index.events },
      facts,
    )
    segment.index = Promise.resolve(this.#indexes.inMemory(previous.index, previous.number))
    const { disk } = this.#plan
    const identity = { ...this.#plan.identity, lock: disk.lockMechanism }
    const covering = { disk, identity, catalog: this.#catalog, indexes: this.#indexes, state: this.#state }
    await coverSegment(covering, segment)
    await this.#state.tables.merge()
    await segment.closeIndex() // from here on it is read from its table
  }

  /** An empty segment for what is appended later, so that all that was imported is sealed. */
  async #beginForAppends(): Promise<void> {
    const { name, first } = this.#nextName()
    this.#segments++
    const link = this.#previous?.sum ?? 0
    const active = await ActiveSegment.create(this.#plan.disk, { name, header: this.#header(first), link })
    await active.file.close()
    await this.#enter({ name, number: this.#segments, first, sealed: undefined })
  }
}
