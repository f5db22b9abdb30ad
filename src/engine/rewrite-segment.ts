// Writes sealed segments anew without the events that are no longer part of the history, and puts the result in their
// place (FORMAT.md, section 8). The order is what makes it safe: the new file is durable under a temporary name, then the log
// says durably that it replaces the old ones, and only then it takes the first one's name and the others go. A crash in
// between is finished at the next opening (rewrites.ts).

import type { RewriteControl } from '../core/control.ts'
import { eventStart } from '../core/event-line.ts'
import type { ByteOffset, Seq, TimeMs } from '../core/numbers.ts'
import { controlBody, lineKind, parseControlLine } from '../core/record.ts'
import { assert, never } from '../errors.ts'
import { limits } from '../limits.ts'
import { headerLine } from './active-segment.ts'
import { type Covering, writeIndex } from './cover.ts'
import { digestOf } from './file-digest.ts'
import { folders } from './layout.ts'
import { LineReader } from './line-reader.ts'
import { LineWriter } from './line-writer.ts'
import { isLive } from './live-control.ts'
import { RemovedStub } from './removed-stub.ts'
import { putInPlace, removeReplaced } from './rewrites.ts'
import { damaged, type Segment, sealedOf } from './segment.ts'
import { ActiveIndex } from './segment-index.ts'
import type { BlobPlace } from './state.ts'
import { stateKeys } from './state-keys.ts'
import type { Entry } from './tables/entry.ts'
import { giveTurn } from './upkeep-turn.ts'
import { removeIfThere } from './whole-file.ts'
import type { Writer } from './writer.ts'

export interface RewriteLog extends Covering {
  readonly writer: Writer
}

export interface Rewritten {
  readonly bytesFreed: number
  /** What the state tables must learn together with the catalog: it follows from no record of the log. */
  readonly derived: readonly Entry[]
}

/** Replaces adjacent sealed segments by one. */
export async function rewriteSegments(
  log: RewriteLog,
  segments: readonly Segment[],
  reason: string,
): Promise<Rewritten> {
  const rewriting = new Rewriting(log, segments)
  for (const segment of segments) segment.enter()
  try {
    return await rewriting.run(reason)
  } finally {
    for (const segment of segments) await segment.leave()
  }
}

/** A line that matches its checksum, where the reader has it. */
interface FoundLine {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly sum: number
}

class Rewriting {
  readonly #log: RewriteLog
  readonly #segments: readonly Segment[]
  readonly #first: Segment
  readonly #isOldest: boolean
  readonly #index: ActiveIndex = new ActiveIndex()
  readonly #stub: RemovedStub = new RemovedStub()
  readonly #movedBlobs: Map<string, BlobPlace> = new Map()
  readonly #derived: Map<string, string | null> = new Map()

  constructor(log: RewriteLog, segments: readonly Segment[]) {
    const first = segments[0]
    assert(first !== undefined, 'a rewrite has something to rewrite')
    this.#log = log
    this.#segments = segments
    this.#first = first
    this.#isOldest = log.catalog.all[0] === first
  }

  async run(reason: string): Promise<Rewritten> {
    const { disk, catalog, writer } = this.#log
    const old = await this.#oldDigests()
    const written = await this.#writePart(reason)
    const sealed = await this.#sealedAs()
    const base = { control: 'rewrite', reason, old, sha256: written.sha256, bytes: written.bytes, sealed } as const
    let rewrite: RewriteControl | undefined
    await writer.control((time: TimeMs) => {
      rewrite = { ...base, time }
      return [rewrite]
    })
    assert(rewrite !== undefined, 'the record was made when it was laid out')
    // A reader that meets the new file must find the record that vouches for it when it opens the log anew, also behind a
    // power cut that the new name survived and the published place did not: so the log itself says that it is durable.
    await writer.witness()
    await writer.shown()
    await putInPlace(disk, rewrite)
    await removeReplaced(disk, rewrite)

    const bytesBefore = this.#segments.reduce((sum, { facts }) => sum + sealedOf(facts).bytes, 0)
    const { name, number, first } = this.#first.facts
    const { events } = this.#index
    const sealedNow = { bytes: written.bytes, sha256: written.sha256 }
    const facts = { name, number, first, sealed: sealedNow, events, isResidue: events === 0 }
    // In one step, so that nobody looks for a blob in the new file where it stood in the old ones. It is still there:
    // only a retention takes a blob, and this is the one that runs.
    const segment = catalog.replace(this.#segments, facts)
    for (const [digest, place] of this.#movedBlobs) this.#derive(stateKeys.blob(digest), place)
    segment.index = Promise.resolve(this.#log.indexes.inMemory(this.#index, number))
    await this.#moveUses()
    await writeIndex(this.#log, segment)
    return { bytesFreed: bytesBefore - written.bytes, derived: [...this.#derived] }
  }

  async #oldDigests(): Promise<readonly (readonly [name: string, sha256: string])[]> {
    const old: [string, string][] = []
    for (const segment of this.#segments) {
      const { sha256 } = sealedOf(segment.facts)
      old.push([segment.facts.name, sha256 === '' ? await this.#digest(segment) : sha256])
    }
    return old
  }

  async #digest(segment: Segment): Promise<string> {
    return (await digestOf(await segment.file(), sealedOf(segment.facts).bytes)).digest('hex')
  }

  /** What the header behind the last of them says of it. */
  async #sealedAs(): Promise<readonly [name: string, bytes: number, sha256: string]> {
    const last = Math.max(...this.#segments.map(({ facts }) => facts.number))
    const next = this.#log.catalog.all.find(({ facts }) => facts.number > last)
    const previous = (await next?.with(() => next.header()))?.header.previous
    assert(previous !== null && previous !== undefined, 'a sealed segment has a successor that names it')
    return [previous.name, previous.bytes, previous.sha256]
  }

  async #writePart(reason: string): Promise<{ bytes: ByteOffset; sha256: string }> {
    const { disk } = this.#log
    const part = `${this.#first.path}.part`
    await removeIfThere(disk, part)
    const file = await disk.open(part, { mode: 'write', create: 'exclusive' })
    try {
      const header = await this.#first.header()
      const out = new LineWriter(file, { pieceBytes: limits.upkeepPieceBytes, syncEveryBytes: limits.upkeepSyncBytes })
      const line = headerLine({ ...header.header, carried: 0, rewritten: reason }, header.link)
      await out.addLine(line.bytes, line.sum)
      for (const segment of this.#segments) await this.#copy(segment, out)
      await this.#flushStub(out)
      const written = await out.finish()
      // The record to come says that this file is there: its name must be durable as well.
      await disk.syncDirectory(folders.segments)
      return written
    } finally {
      await file.close()
    }
  }

  async #copy(segment: Segment, out: LineWriter): Promise<void> {
    const previousOf = await this.#previousSegments(segment)
    const file = await segment.file()
    const header = await segment.header()
    const to = sealedOf(segment.facts).bytes
    const lines = new LineReader(file, { from: header.bytes, to, chunkBytes: limits.upkeepPieceBytes })
    while (await lines.load()) {
      while (lines.next()) {
        const { buffer, start, end, offset } = lines
        const line = lines.check()
        if (line === undefined) throw this.#damaged(segment, offset)
        const found = { buffer, start, end, sum: line.sum }
        if (lineKind(buffer, start) === 'event') await this.#copyEvent(found, out, previousOf)
        else await this.#copyControl(found, [segment.facts.number, offset], out)
      }
      await giveTurn(this.#log)
    }
    if (lines.consumed < to) throw this.#damaged(segment, lines.consumed)
  }

  #damaged(segment: Segment, offset: ByteOffset): Error {
    return damaged(this.#log.disk, segment.path, offset, 'line-checksum', 'the line does not match its checksum')
  }

  async #copyEvent(line: FoundLine, out: LineWriter, previousOf: ReadonlyMap<string, number>): Promise<void> {
    const event = eventStart(line.buffer, line.start, line.end)
    if (!this.#log.state.isVisible(event)) return this.#stub.addEvent(event)
    await this.#flushStub(out)
    this.#index.add(
      event,
      out.offset,
      previousOf.get(event.stream) ?? never('the index names each stream of its segment'),
    )
    this.#index.addBlobs(event.blobs)
    await out.moveLine(line.buffer, line)
  }

  async #copyControl(
    line: FoundLine,
    at: readonly [segment: number, offset: ByteOffset],
    out: LineWriter,
  ): Promise<void> {
    const { control } = parseControlLine(line.buffer.toString('utf8', line.start, line.end))
    if (control.control === 'removed') return this.#stub.addStub(control)
    const copy = Buffer.from(line.buffer.subarray(line.start, line.end + 1)) // the reader's buffer may be refilled meanwhile
    if (!(await isLive(this.#log.state, { control, at, isOldest: this.#isOldest }))) return
    if (control.control === 'blob' && control.data !== undefined) {
      const place = { bytes: control.bytes, at: [this.#first.facts.number, out.offset] } as const
      this.#movedBlobs.set(control.digest, place)
    }
    await out.moveLine(copy, { start: 0, end: copy.length - 1, sum: line.sum })
  }

  async #flushStub(out: LineWriter): Promise<void> {
    if (this.#stub.isEmpty) return
    for (const record of this.#stub.take()) {
      for (const [stream, , last] of record.streams) await this.#truncate(stream, last + 1)
      await out.addBody(controlBody(record, false))
    }
  }

  /** What is left of a stream begins behind what was removed of it: folding the stub says the same. */
  async #truncate(stream: string, before: Seq): Promise<void> {
    const key = stateKeys.truncated(stream)
    const known = (await this.#log.state.loadEntry<Seq>(key)) ?? 0
    if (known < before) this.#derive(key, before)
    else this.#derived.set(key, JSON.stringify(known))
  }

  async #previousSegments(segment: Segment): Promise<ReadonlyMap<string, number>> {
    const previous = new Map<string, number>()
    await this.#log.indexes.with(segment, async (index) => {
      for await (const page of index.streams())
        for (const [stream, places] of page) previous.set(stream, places.previous)
    })
    return previous
  }

  /** Some blobs are named by fewer segments now. */
  async #moveUses(): Promise<void> {
    const { number } = this.#first.facts
    for (const segment of this.#segments) {
      const named = await this.#log.indexes.with(segment, (index) => index.blobs())
      for (const digest of named) this.#derive(stateKeys.blobUse(digest, segment.facts.number), null)
    }
    for (const digest of this.#index.blobDigests) this.#derive(stateKeys.blobUse(digest, number), 1)
  }

  #derive(key: string, value: unknown): void {
    this.#log.state.setEntry(key, value)
    this.#derived.set(key, value === null ? null : JSON.stringify(value))
  }
}
