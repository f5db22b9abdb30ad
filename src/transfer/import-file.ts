// The file of an export, read back: bytes become records, each checked alone, against the line before, and in the end by
// counts and SHA-256. Whoever consumes the records must throw away what was made of them when this throws: only the end
// says that all of it is what was written.

import { isUtf8 } from 'node:buffer'
import { createHash, type Hash } from 'node:crypto'
import { checkLine, hex8, tailBytes } from '../core/record.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ImportRecord, VerifyProgress } from '../stores/store.ts'
import { type ExportHeader, type ExportTrailer, exportVersion, starts } from './format.ts'
import { type ImportPlace, importInvalid } from './import-invalid.ts'
import { type Line, linesOf } from './line-splitter.ts'
import { checkEventText, readControl } from './record-check.ts'

export interface ImportProgress {
  readonly bytesDone: number
  /** Known when the source is a file. */
  readonly bytesTotal: number | undefined
  readonly events: number
  /** How much of what was written has been read back: that begins when all is read, and ends the import. */
  readonly verified?: VerifyProgress
}

export interface ImportWork {
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((progress: ImportProgress) => void) | undefined
  readonly bytesTotal?: number | undefined
}

export class ImportFile {
  readonly #pages: AsyncGenerator<readonly Line[], void, undefined>
  readonly #work: ImportWork
  readonly #hash: Hash = createHash('sha256')
  #rest: readonly Line[] = []
  #sum = 0
  #events = 0
  #records = 0
  #blobs = 0
  #bytes = 0
  #trailer: ExportTrailer | undefined
  /** Of the page that was given last: what its consumer can be at. */
  #places: readonly ImportPlace[] = []
  #placesFrom = 0

  constructor(source: AsyncIterable<Uint8Array>, work: ImportWork = {}) {
    this.#pages = linesOf(source)
    this.#work = work
  }

  /** Of the whole file, once all records were given. */
  get trailer(): ExportTrailer {
    if (this.#trailer === undefined) throw importInvalid({ line: 1, offset: this.#bytes }, 'the file has no end')
    return this.#trailer
  }

  /** Comes first. */
  async header(): Promise<ExportHeader> {
    const page = await this.#next()
    const line = page?.[0]
    if (line === undefined) throw importInvalid({ line: 1, offset: 0 }, 'the file is empty')
    const header = readHeader(line)
    this.#take(line)
    this.#sum = 0
    this.#rest = page?.slice(1) ?? []
    return header
  }

  /** Then the records, to be consumed to the end. */
  async *records(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    for (let page = this.#rest; ; ) {
      const records = this.#page(page)
      if (records.length > 0) yield records
      this.tell()
      const next = await this.#next()
      if (next === undefined) break
      page = next
    }
    if (this.#trailer === undefined) {
      const line = this.#records + 2
      throw importInvalid({ line, offset: this.#bytes }, 'the file ends before its end: it was cut off')
    }
  }

  /** The place of a record that a store refused by its index. */
  located(error: unknown): unknown {
    if (!isHoldfastError(error, 'IMPORT_INVALID') || typeof error.details.index !== 'number') return error
    const { index, reason } = error.details
    const place = this.#places[index - this.#placesFrom] ?? { line: index + 2, offset: this.#bytes }
    return importInvalid(place, typeof reason === 'string' ? reason : error.message, error)
  }

  async close(): Promise<void> {
    await this.#pages.return()
  }

  async #next(): Promise<readonly Line[] | undefined> {
    throwIfAborted(this.#work.signal)
    const step = await this.#pages.next()
    throwIfAborted(this.#work.signal)
    return step.done === true ? undefined : step.value
  }

  /** `verified`: all was read, and so much of what was made of it has been verified. */
  tell(verified?: VerifyProgress): void {
    const { bytesTotal, progress } = this.#work
    const read = { bytesDone: this.#bytes, bytesTotal, events: this.#events }
    progress?.(verified === undefined ? read : { ...read, verified })
  }

  #page(lines: readonly Line[]): readonly ImportRecord[] {
    const records: ImportRecord[] = []
    const places: ImportPlace[] = []
    const from = this.#records
    for (const line of lines) {
      const record = this.#line(line)
      if (record === undefined) continue
      records.push(record)
      places.push(line)
    }
    this.#places = places
    this.#placesFrom = from
    return records
  }

  #line(line: Line): ImportRecord | undefined {
    if (this.#trailer !== undefined) throw importInvalid(line, 'something stands behind the end')
    const body = this.#checkedBody(line)
    if (body.startsWith(starts.trailer)) {
      this.#trailer = this.#readTrailer(line, body)
      return undefined
    }
    const record = this.#record(line, body)
    this.#records++
    this.#take(line)
    return record
  }

  #take({ bytes }: Line): void {
    this.#hash.update(bytes)
    this.#hash.update('\n')
    this.#bytes += bytes.length + 1
  }

  /** The line's text without its checksums. */
  #checkedBody(line: Line): string {
    const sums = checkedSums(line)
    if (sums.link !== this.#sum) throw importInvalid(line, 'it does not follow the line before it')
    this.#sum = sums.sum
    return `${line.bytes.toString('utf8', 0, line.bytes.length - tailBytes)}}`
  }

  #record(line: Line, body: string): ImportRecord {
    if (body.startsWith(starts.event)) {
      const wrong = checkEventText(body)
      if (wrong !== undefined) throw importInvalid(line, wrong)
      this.#events++
      return { event: { text: body, sum: hex8(this.#sum) } }
    }
    if (body.startsWith(starts.control)) {
      const control = readControl(body)
      if (typeof control === 'string') throw importInvalid(line, control)
      if (control.control === 'blob') this.#blobs++
      return { control: body }
    }
    if (body.startsWith(starts.chunk)) return { chunk: this.#chunk(line, body) }
    throw importInvalid(line, 'it is no line of an export')
  }

  #chunk(line: Line, body: string): string {
    const chunk = body.slice(starts.chunk.length, -2)
    const isBase64 = chunk.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(chunk) && body.endsWith('"}')
    if (!isBase64) throw importInvalid(line, 'the content of a blob is not base64')
    if (chunk.length > Math.ceil(limits.chunkBytesMax / 3) * 4) {
      throw importInvalid(line, `a part of a blob is larger than ${limits.chunkBytesMax} bytes`)
    }
    return chunk
  }

  #readTrailer(line: Line, body: string): ExportTrailer {
    const told = parse(line, body)
    const bytes = this.#bytes
    const sha256 = this.#hash.copy().digest('hex')
    const found = { events: this.#events, records: this.#records, blobs: this.#blobs, bytes, sha256 }
    for (const [field, value] of Object.entries(found)) {
      if (told[field] !== value) throw importInvalid(line, `the file is not what its end says of it (${field})`)
    }
    this.#take(line)
    return { ...found, bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }
}

function readHeader(line: Line): ExportHeader {
  const version = new RegExp(`^${starts.header}(\\d{1,15})[,}]`).exec(line.bytes.toString('latin1', 0, 64))?.[1]
  if (version === undefined) throw importInvalid(line, 'the file is no export of a journal')
  if (Number(version) > exportVersion) {
    throw new HoldfastError(
      'NEWER_FORMAT',
      `the export has format ${version}; this release reads up to ${exportVersion}`,
      {
        hint: 'Upgrade holdfast to import this file.',
        details: { version: Number(version) },
      },
    )
  }
  const { link } = checkedSums(line)
  const { journal, epoch, created } = parse(line, line.bytes.toString('utf8'))
  const isSound = isId(journal) && isId(epoch) && Number.isSafeInteger(created) && Number(version) === exportVersion
  if (link !== 0 || !isSound) throw importInvalid(line, 'the header is not one')
  return { journal, epoch, created: created as number }
}

function checkedSums(line: Line): { readonly sum: number; readonly link: number } {
  if (!line.isWhole) throw importInvalid(line, 'the file ends within a line: it was cut off')
  const checked = checkLine(line.bytes, 0, line.bytes.length)
  if (checked === undefined || checked.join !== 'link') throw importInvalid(line, 'it does not match its checksum')
  if (!isUtf8(line.bytes)) throw importInvalid(line, 'it is not UTF-8')
  return checked
}

function parse(line: Line, text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw importInvalid(line, 'it is not JSON', cause)
  }
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new HoldfastError('ABORTED', 'the import was stopped', {
      hint: 'Nothing of it is left; call it again.',
      cause: signal.reason as unknown,
    })
  }
}
