// Export: a journal as one file that is checksummed throughout (format.ts), consistent as of the call while appends go on.
// To a path it is all or nothing: written beside as `.part`, synced, then renamed. Memory holds a page.

import { createHash } from 'node:crypto'
import { hex8, lineBytesMax, writeLine } from '../core/record.ts'
import type { Files } from '../disks/files.ts'
import { assert, HoldfastError } from '../errors.ts'
import { type Clock, systemClock } from '../host/clock.ts'
import { limits } from '../limits.ts'
import type { ImportRecord, LongWork, Store } from '../stores/store.ts'
import { chunkBody, type ExportTrailer, exportHeaderBody, starts, trailerBody } from './format.ts'
import { type ByteWriter, type ExportSink, openSink } from './sink.ts'

export type { ExportSink } from './sink.ts'

export interface ExportProgress {
  readonly bytes: number
  readonly events: number
}

export interface ExportOptions extends LongWork<ExportProgress> {
  /** Whether a file that is there is replaced; otherwise it is refused with TARGET_NOT_EMPTY. */
  readonly overwrite?: boolean
  /** The source of time; that of this machine by default. */
  readonly clock?: Clock
  /** For exports to a path. */
  readonly files?: Files | undefined
}

/** `bytes` and `sha256` are of the whole file. */
export type ExportReport = ExportTrailer

/** To a path, or piped: a WritableStream (closed at the end) or a function that takes pieces and may be awaited. Throws
 * ABORTED, TARGET_NOT_EMPTY, NO_PERMISSION, DISK_FULL, IO, what the sink throws, and what reading the journal throws. */
export async function exportJournal(
  store: Store,
  to: string | ExportSink,
  options: ExportOptions = {},
): Promise<ExportReport> {
  throwIfAborted(options.signal)
  if (typeof to !== 'string') {
    const sink = openSink(to)
    try {
      const report = await writeExport(store, sink, options)
      await sink.end()
      return report
    } catch (error) {
      await sink.abort(error)
      throw error
    }
  }
  const { files, overwrite = false } = options
  if (files === undefined) {
    throw new HoldfastError('UNSUPPORTED', 'the journal was made without files to export to', {
      hint: 'Open the journal with open(), or export to a stream or function.',
    })
  }
  return files.writeWhole(to, { overwrite }, (write) => writeExport(store, { write }, options))
}

async function writeExport(
  store: Store,
  sink: Pick<ByteWriter, 'write'>,
  options: ExportOptions,
): Promise<ExportReport> {
  const { clock = systemClock, signal, progress } = options
  const { journalId, epoch } = store.identity()
  const lines = new ExportLines(sink)
  await lines.add(exportHeaderBody({ journal: journalId, epoch, created: clock.now() }), 0)
  lines.beginRecords()
  for await (const page of store.dump()) {
    throwIfAborted(signal)
    for (const record of page) {
      if (lines.isFull) await lines.flush()
      lines.addRecord(record)
    }
    progress?.({ bytes: lines.bytes, events: lines.events })
  }
  throwIfAborted(signal)
  const report = await lines.end()
  progress?.({ bytes: report.bytes, events: report.events })
  return report
}

class ExportLines {
  readonly #sink: Pick<ByteWriter, 'write'>
  #hash = createHash('sha256')
  #buffer: Buffer = Buffer.allocUnsafe(2 * limits.pageBytes)
  #filled = 0
  #flushed = 0
  #sum = 0
  events = 0
  #records = 0
  #blobs = 0

  constructor(sink: Pick<ByteWriter, 'write'>) {
    this.#sink = sink
  }

  get bytes(): number {
    return this.#flushed + this.#filled
  }

  get isFull(): boolean {
    return this.#filled >= limits.pageBytes
  }

  beginRecords(): void {
    this.#sum = 0
  }

  addRecord({ event, control, chunk }: ImportRecord): void {
    this.#records++
    if (event !== undefined) {
      this.events++
      this.#add(event.text.slice(0, -1))
      assert(hex8(this.#sum) === event.sum, 'a store gives an event with its own sum')
    } else if (control !== undefined) {
      if (control.startsWith(starts.blob)) this.#blobs++
      this.#add(control.slice(0, -1))
    } else this.#add(chunkBody(chunk ?? ''))
  }

  async add(body: string, link: number): Promise<void> {
    this.#sum = link
    this.#add(body)
    if (this.isFull) await this.flush()
  }

  #add(body: string): void {
    this.#makeRoom(lineBytesMax(body))
    const { end, sum } = writeLine(this.#buffer, this.#filled, body, this.#sum, 'link')
    this.#filled = end
    this.#sum = sum
  }

  #makeRoom(needed: number): void {
    if (this.#buffer.length - this.#filled >= needed) return
    const larger = Buffer.allocUnsafe(Math.max(this.#filled + needed, this.#buffer.length))
    this.#buffer.copy(larger, 0, 0, this.#filled)
    this.#buffer = larger
  }

  async end(): Promise<ExportReport> {
    await this.flush()
    const { events } = this
    const before = { events, records: this.#records, blobs: this.#blobs, bytes: this.#flushed }
    const body = trailerBody({ ...before, sha256: this.#hash.copy().digest('hex') })
    this.#add(body)
    await this.flush()
    return { ...before, bytes: this.#flushed, sha256: this.#hash.digest('hex') }
  }

  /** The sink gets a buffer of its own: it may keep it. */
  async flush(): Promise<void> {
    const piece = this.#buffer.subarray(0, this.#filled)
    if (piece.length === 0) return
    this.#buffer = Buffer.allocUnsafe(2 * limits.pageBytes)
    this.#filled = 0
    this.#flushed += piece.length
    this.#hash.update(piece)
    await this.#sink.write(piece)
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new HoldfastError('ABORTED', 'the export was stopped', {
      hint: 'Nothing of it is left at its path; call it again.',
      cause: signal.reason as unknown,
    })
  }
}
