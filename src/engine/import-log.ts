// Import: lays out a whole log from records that have their numbers already, in an empty directory, segment by segment; so
// memory holds one segment's worth of state. The identity is written last: until then the directory is no journal.
//
// What is checked here is what only the state can tell: that seqs, positions and times go on, and that the blobs are
// there. The form of each record was checked before (transfer/). Throws IMPORT_INVALID with the record's index.

import type { BlobControl, Control, RemovedControl } from '../core/control.ts'
import { eventStart } from '../core/event-line.ts'
import type { Position, TimeMs } from '../core/numbers.ts'
import { controlBody } from '../core/record.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ImportRecord } from '../stores/store.ts'
import { Blobs } from './blobs.ts'
import { writeIdentity } from './identity.ts'
import { firstFence, type Growing, type ImportPlan, ImportSegments } from './import-segments.ts'
import { folders } from './layout.ts'
import { emptyScalars } from './note.ts'
import { makeFence } from './owner.ts'
import { RecordCursor } from './record-cursor.ts'
import { State } from './state.ts'
import { stateKeys } from './state-keys.ts'
import { TableSet } from './tables/table-set.ts'

export async function importLog(plan: ImportPlan, pages: AsyncIterable<readonly ImportRecord[]>): Promise<void> {
  const { disk } = plan
  const cursor = new RecordCursor(pages)
  try {
    await disk.makeDirectory(folders.segments)
    await disk.makeDirectory(folders.fences)
    await makeFence(disk, firstFence)
    const state = new State(await TableSet.open(disk, { folder: folders.state, readOnly: false }), emptyScalars())
    try {
      const segments = new ImportSegments(plan, state)
      try {
        await new LogImport(plan, { segments, state }).take(cursor)
        await segments.seal()
      } finally {
        await segments.close()
      }
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

/** Lays out the records of one dump, or of several that follow one another. */
export class LogImport {
  readonly #state: State
  readonly #blobs: Blobs
  readonly #segments: ImportSegments
  #cursor: RecordCursor
  /** Of the newest event. */
  #position: Position
  #time: TimeMs
  /** Events so far of a batch that goes on, so there is one more to come. */
  #batchEvents = 0

  /** `position`: of the newest event of what the state knows already. */
  constructor(
    plan: ImportPlan,
    parts: { readonly segments: ImportSegments; readonly state: State },
    position: Position = 0,
  ) {
    this.#state = parts.state
    this.#segments = parts.segments
    this.#blobs = new Blobs(plan.disk)
    this.#cursor = new RecordCursor(noPages())
    this.#position = position
    this.#time = parts.state.scalars.time
  }

  /** Of the newest event. */
  get position(): Position {
    return this.#position
  }

  async take(cursor: RecordCursor): Promise<void> {
    this.#cursor = cursor
    while (await cursor.fill()) {
      for (let record = cursor.take(); record !== undefined; record = cursor.take()) await this.#take(record)
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
    const { position, stream, seq, time, type, blobs } = eventStart(bytes, 0, bytes.length)
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
    if (this.#batchEvents >= limits.batchEventsMax) throw this.#cursor.invalid('its batch is larger than any can be')
    this.#position = position
    this.#time = time
    const { index, lines, number } = growing
    const earlier = head === null || head.segment === number ? 0 : head.segment
    index.add({ stream, seq, position, type }, lines.offset, earlier)
    index.addBlobs(blobs)
    this.#state.applyEvent({ stream, seq, position, time, blobs }, number)
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
    const staged = await this.#blobs.stage(this.#contentOf(control), this.#segments.view())
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

  /** Where the record at this position goes: a batch never spans two segments. */
  #room(next: Position): Promise<Growing> {
    return this.#segments.room({ goesOn: this.#batchEvents > 0 && next === this.#position + 1 })
  }
}

async function* noPages(): AsyncGenerator<readonly ImportRecord[], void, undefined> {}
