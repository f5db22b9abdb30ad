// One segment file of the log, as readers hold it: opened when first needed, its header checked against what the
// catalog says, closed when nobody uses it any more. A rewritten segment is a new object: whoever still reads the old
// one goes on with the old file's descriptor and the old index, which belong together.

import { type ParsedHeader, parseHeader } from '../core/header.ts'
import type { ByteOffset, Position } from '../core/numbers.ts'
import { lineEnd } from '../core/record.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { readFully } from '../disks/whole-io.ts'
import { assert, HoldfastError } from '../errors.ts'
import { segmentPath } from './layout.ts'
import type { SegmentIndex } from './segment-index.ts'
import type { TableDescription } from './tables/table-writer.ts'

export interface SegmentFacts {
  readonly name: string
  readonly number: number
  /** First position that it may hold. */
  readonly first: Position
  /** How much of the file is journal; undefined for the active segment, which grows. */
  readonly sealed: { readonly bytes: ByteOffset; readonly sha256: string } | undefined
  /** What vouches for the segment's index on disk, when there is one. */
  readonly index?: TableDescription | undefined
  /** Events that stand in it; undefined for the active segment. */
  readonly events?: number
  /** Retention left no event in it, only what still says something. */
  readonly isResidue?: boolean
}

/** Of a segment that does not grow any more. */
export function sealedOf({ name, sealed }: SegmentFacts): NonNullable<SegmentFacts['sealed']> {
  assert(sealed !== undefined, `segment ${name} is sealed`)
  return sealed
}

const headerBytesMax = 8192

export class Segment {
  /** Replaced as a whole when more becomes known of the same file (its index). */
  facts: SegmentFacts
  readonly #disk: Disk
  readonly #used: (segment: Segment) => void
  #opening: Promise<DiskFile> | undefined
  #users = 0
  #retired = false
  #header: ParsedHeader | undefined
  /** Where it ended, when it was sealed after this object was taken for the active segment: its facts stay those. */
  sealedAt: ByteOffset | undefined
  /** Set and read by SegmentIndexes. */
  index: Promise<SegmentIndex> | undefined

  /** `used` is told of every use, so that somebody can close what rests (OpenSegments). */
  constructor(disk: Disk, facts: SegmentFacts, used: (segment: Segment) => void) {
    this.#disk = disk
    this.facts = facts
    this.#used = used
  }

  get path(): string {
    return segmentPath(this.facts.name)
  }

  /** The file for the time of `use`. Throws DAMAGED when it is missing or not what the catalog says. */
  async with<T>(use: (file: DiskFile) => Promise<T>): Promise<T> {
    this.enter()
    try {
      return await use(await this.file())
    } finally {
      await this.leave()
    }
  }

  enter(): void {
    this.#users++
    this.#used(this)
  }

  async leave(): Promise<void> {
    this.#users--
    if (this.#retired && this.#users === 0) await this.#closeAll()
  }

  /** Whether it can be closed and opened again at will: nobody uses it, and its index isn't only in memory. */
  get mayRest(): boolean {
    return this.#users === 0 && this.facts.index !== undefined
  }

  /** Only when it may. It is opened again by whoever uses it next. */
  rest(): Promise<void> {
    return this.#closeAll()
  }

  /** Between enter() and leave(). */
  file(): Promise<DiskFile> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async header(): Promise<ParsedHeader> {
    await this.file()
    return this.#header as ParsedHeader
  }

  /** Nothing new may use it; its file is closed once the last user left. */
  async retire(): Promise<void> {
    this.#retired = true
    if (this.#users === 0) await this.#closeAll()
  }

  async #closeAll(): Promise<void> {
    await this.#closeFile()
    await this.closeIndex()
  }

  async closeIndex(): Promise<void> {
    const index = this.index
    this.index = undefined
    await index?.then((opened) => opened.close()).catch(() => undefined) // as with the file
  }

  async #open(): Promise<DiskFile> {
    let file: DiskFile
    try {
      file = await this.#disk.open(this.path, { mode: 'read' })
    } catch (error) {
      this.#opening = undefined
      if (errorCodeOf(error) !== 'ENOENT') throw error
      throw damaged(
        this.#disk,
        this.path,
        0,
        'segment-missing',
        'the segment is not there, though the log needs it',
        error,
      )
    }
    try {
      this.#header = await readHeader(file, `${this.#disk.label}/${this.path}`)
      this.#checkHeader()
      return file
    } catch (error) {
      this.#opening = undefined
      await file.close()
      throw error
    }
  }

  #checkHeader(): void {
    const header = this.#header?.header
    const { number, first } = this.facts
    if (header !== undefined && header.segment === number && header.first === first) return
    const found = header === undefined ? 'no valid header' : `the header of segment ${header.segment}`
    throw damaged(
      this.#disk,
      this.path,
      0,
      'segment-header',
      `expected the header of segment ${number}, found ${found}`,
    )
  }

  async #closeFile(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    if (opening === undefined) return
    // Never opened, and whoever waited was told; or the closing failed: a descriptor for reading has nothing to lose.
    await opening.then((file) => file.close()).catch(() => undefined)
  }
}

/** The header at the beginning of a segment file; undefined when there is no valid one. */
export async function readHeader(file: DiskFile, label: string): Promise<ParsedHeader | undefined> {
  const bytes = Buffer.alloc(headerBytesMax)
  const count = await readFully(file, bytes, 0)
  const end = lineEnd(bytes.subarray(0, count), 0)
  return end < 0 ? undefined : parseHeader(bytes, end, label)
}

/** DAMAGED, with its place. `kind` is the same word that verify uses for the finding. */
export function damaged(
  disk: Disk,
  path: string,
  offset: number,
  kind: string,
  what: string,
  cause?: unknown,
): HoldfastError {
  return new HoldfastError('DAMAGED', `${disk.label}/${path} at byte ${offset}: ${what}`, {
    hint: 'Run verify() to see all findings. Restore a backup, or choose what to give up with repair().',
    details: { file: path, offset, kind },
    ...(cause === undefined ? {} : { cause }),
  })
}
