// Reads one segment through. Damage doesn't stop it: it goes on at the next newline, so everything that is still
// readable is counted, and a run of bytes that are no line is one finding at its beginning.

import { createHash } from 'node:crypto'
import type { Control } from '../../core/control.ts'
import type { ByteOffset } from '../../core/numbers.ts'
import { checkLine, ifJson, lineHasMore, lineKind, parseControlLine, parseEventLine } from '../../core/record.ts'
import type { DiskFile } from '../../disks/disk.ts'
import { readFully } from '../../disks/whole-io.ts'
import { limits } from '../../limits.ts'
import type { RawEvent } from '../../stores/store.ts'
import { LineReader } from '../line-reader.ts'
import { ActiveIndex } from '../segment-index.ts'
import type { Findings } from './findings.ts'
import type { LinePlace, LogFold } from './log-fold.ts'
import type { Pace } from './pace.ts'
import { isControl, isEvent } from './record-shape.ts'

export interface ScanPlan {
  readonly file: DiskFile
  readonly path: string
  /** 0 when the header doesn't say it. */
  readonly number: number
  /** Length of the header; 0 when it isn't valid, and then the first line is known to be damaged. */
  readonly headerBytes: ByteOffset
  readonly headerSum: number | undefined
  readonly to: ByteOffset
  /** The file ends before it should, which is told already: so is whatever is incomplete at its end. */
  readonly isShort: boolean
  /** Rewriting may take the end of a batch. */
  readonly wasRewritten: boolean
}

/** What its neighbours are held to: it is kept for every segment until the end. */
export interface ScanSums {
  /** Sum of the last line; undefined when that can't be read. */
  readonly lastSum: number | undefined
  /** Of all that was read; only when nothing was damaged. */
  readonly sha256: string | undefined
}

/** As large as the segment's index. */
export interface ScanResult {
  readonly sums: ScanSums
  readonly index: ActiveIndex
  /** Per stream that begins here: the newest earlier segment with an event of it, where that is known. */
  readonly previous: ReadonlyMap<string, number>
}

export interface ScanContext {
  readonly findings: Findings
  readonly fold: LogFold
  readonly pace: Pace
}

export function scanSegment(context: ScanContext, plan: ScanPlan): Promise<ScanResult> {
  return new SegmentScan(context, plan).run()
}

class SegmentScan {
  readonly #context: ScanContext
  readonly #plan: ScanPlan
  readonly #hash = createHash('sha256')
  readonly #index = new ActiveIndex()
  readonly #previous = new Map<string, number>()
  #sum: number | undefined
  #isDamaged = false
  /** Within bytes that are no lines, from here on; the finding comes at their end. */
  #badFrom: ByteOffset | undefined
  #badIsKnown = false
  #moreFrom: ByteOffset | undefined

  constructor(context: ScanContext, plan: ScanPlan) {
    this.#context = context
    this.#plan = plan
    this.#sum = plan.headerSum
    if (plan.headerBytes > 0) return
    this.#isDamaged = true
    this.#badFrom = 0
    this.#badIsKnown = true
    context.fold.broken()
  }

  async run(): Promise<ScanResult> {
    const { headerBytes, to } = this.#plan
    await this.#hashHeader()
    let from = headerBytes
    for (;;) {
      const consumed = await this.#readLines(from)
      if (consumed >= to) break
      this.#meetBad(consumed)
      from = await this.#newlineFrom(consumed)
      if (from >= to) break
    }
    if (this.#plan.isShort) {
      this.#isDamaged = true
      this.#sum = undefined
      this.#badIsKnown = true
      this.#context.fold.broken()
    }
    this.#endBad(to)
    if (this.#moreFrom !== undefined && this.#sum !== undefined && !this.#plan.wasRewritten) {
      const message = 'the last batch of the segment is not complete: its end is missing'
      this.#context.findings.damage('batch-incomplete', this.#plan.path, message, {
        offset: this.#moreFrom,
        repair: 'cut',
      })
    }
    return {
      sums: { lastSum: this.#sum, sha256: this.#isDamaged ? undefined : this.#hash.digest('hex') },
      index: this.#index,
      previous: this.#previous,
    }
  }

  async #hashHeader(): Promise<void> {
    const header = Buffer.alloc(this.#plan.headerBytes)
    await readFully(this.#plan.file, header, 0)
    this.#hash.update(header)
    await this.#context.pace.step(header.length)
  }

  /** Until lines end; returns where. */
  async #readLines(from: ByteOffset): Promise<ByteOffset> {
    const lines = new LineReader(this.#plan.file, { from, to: this.#plan.to, chunkBytes: limits.pageBytes })
    let before = from
    while (await lines.load()) {
      const first = lines.consumedInBuffer
      while (lines.next()) this.#takeLine(lines)
      this.#hash.update(lines.buffer.subarray(first, lines.consumedInBuffer))
      await this.#context.pace.step(lines.consumed - before)
      before = lines.consumed
    }
    return before
  }

  /** Behind the next newline, when a line goes on for longer than any line may. */
  async #newlineFrom(from: ByteOffset): Promise<ByteOffset> {
    const { file, to } = this.#plan
    const buffer = Buffer.allocUnsafe(limits.pageBytes)
    for (let at = from; at < to; ) {
      const count = await readFully(file, buffer.subarray(0, Math.min(buffer.length, to - at)), at)
      if (count === 0) return to
      const newline = buffer.subarray(0, count).indexOf(0x0a)
      const taken = newline < 0 ? count : newline + 1
      await this.#context.pace.step(taken)
      at += taken
      if (newline >= 0) return at
    }
    return to
  }

  #takeLine(lines: LineReader): void {
    const { buffer, start, end, offset } = lines
    const line = checkLine(buffer, start, end)
    if (line === undefined) {
      this.#meetBad(offset)
      return
    }
    this.#endBad(offset)
    if (this.#sum !== undefined && line.link !== this.#sum) this.#brokenLink(offset)
    this.#sum = line.sum
    this.#moreFrom = lineHasMore(buffer, start, end) ? (this.#moreFrom ?? offset) : undefined
    this.#takeRecord(buffer, start, end, offset)
  }

  #meetBad(offset: ByteOffset): void {
    this.#sum = undefined
    this.#moreFrom = undefined
    if (this.#badFrom !== undefined) return
    this.#badFrom = offset
    this.#isDamaged = true
    this.#context.fold.broken()
  }

  #endBad(offset: ByteOffset): void {
    const from = this.#badFrom
    if (from === undefined) return
    const isKnown = this.#badIsKnown
    this.#badFrom = undefined
    this.#badIsKnown = false
    if (isKnown) return
    const message = `${offset - from} bytes are not what was written (the checksum doesn't match): the events in them are lost`
    this.#context.findings.damage('line-checksum', this.#plan.path, message, { offset: from, repair: 'excise' })
  }

  #brokenLink(offset: ByteOffset): void {
    this.#isDamaged = true
    this.#context.fold.broken()
    const message =
      'the line does not follow the one before it: lines between them are missing, or one of them is not from here'
    this.#context.findings.damage('line-link', this.#plan.path, message, { offset, repair: 'excise' })
  }

  #takeRecord(buffer: Buffer, start: number, end: number, offset: ByteOffset): void {
    const { path, number } = this.#plan
    const place: LinePlace = { file: path, segment: number, offset }
    const text = buffer.toString('utf8', start, end)
    switch (lineKind(buffer, start)) {
      case 'event':
        this.#takeEvent(
          ifJson(() => parseEventLine(text, false)),
          place,
        )
        break
      case 'control':
        this.#takeControl(ifJson(() => parseControlLine(text))?.control, place)
        break
      default:
        this.#strange(place, 'it is neither an event nor a control record')
    }
  }

  #takeEvent(event: RawEvent | undefined, place: LinePlace): void {
    if (event === undefined) {
      this.#strange(place, 'it is not JSON')
      return
    }
    if (!isEvent(event)) {
      this.#strange(place, 'it lacks fields that an event must have')
      return
    }
    const { stream, seq, position, type } = event
    const before = this.#context.fold.streams.get(stream)
    const isKnown = before?.stands === true && before.segment > 0 && before.breaks === this.#context.fold.breaks
    if (isKnown && !this.#index.byStream.has(stream)) this.#previous.set(stream, before.segment)
    this.#index.add({ stream, seq, position, type }, place.offset, 0)
    this.#index.addBlobs(event.blobs)
    this.#context.fold.takeEvent(event, place)
  }

  #takeControl(control: Control | undefined, place: LinePlace): void {
    if (control === undefined) {
      this.#strange(place, 'it is not JSON')
      return
    }
    const isWell = isControl(control)
    if (isWell === true) {
      this.#context.fold.takeControl(control, place)
    } else if (isWell === false) {
      this.#strange(place, `it lacks fields that a ${control.control} record must have`)
    } else {
      const message = `a record of an unknown kind, ${JSON.stringify(control.control)}: a newer release wrote it, and this one refuses the journal`
      this.#context.findings.damage('control-unknown', place.file, message, { offset: place.offset })
    }
  }

  #strange(place: LinePlace, why: string): void {
    this.#context.fold.broken()
    const message = `the line matches its checksum, but ${why}: no release of Holdfast wrote it`
    this.#context.findings.damage('line-content', place.file, message, { offset: place.offset, repair: 'excise' })
  }
}
