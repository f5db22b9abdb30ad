// Blobs: what events name must have a record in the log, and its content must be there and be what the digest says.
// Chunk files that no record names are told as notes: they cost room.

import { createHash } from 'node:crypto'
import type { BlobControl } from '../../core/control.ts'
import { ifJson, lineEnd, lineKind, parseControlLine, parseEventLine } from '../../core/record.ts'
import type { Disk, DiskFile } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { readFully } from '../../disks/whole-io.ts'
import { limits } from '../../limits.ts'
import { blobPath, folders, isPart } from '../layout.ts'
import { LineReader } from '../line-reader.ts'
import { looking } from './disk-trouble.ts'
import type { Findings } from './findings.ts'
import type { LinePlace, LogFold } from './log-fold.ts'
import type { Pace } from './pace.ts'
import { SampledMap } from './sampled-map.ts'

const chunksMax = 200_000

export interface BlobParts {
  readonly disk: Disk
  readonly fold: LogFold
  readonly findings: Findings
  readonly pace: Pace
  readonly isVisible: (event: { readonly stream: string; readonly seq: number; readonly position: number }) => boolean
  /** Staged by this process and not in the journal yet. */
  readonly isClaimed: (digest: string) => boolean
  /** Files of the log, with how much of each is journal. */
  readonly segments: readonly { readonly path: string; readonly from: number; readonly to: number }[]
}

interface Trouble {
  readonly kind: 'blob-missing' | 'blob-damaged'
  readonly file: string
  readonly why: string
}

/** Returns how many blobs are there and whole. */
export async function checkBlobs(parts: BlobParts): Promise<number> {
  return new BlobCheck(parts).run()
}

class BlobCheck {
  readonly #parts: BlobParts
  readonly #chunks: SampledMap<true> = new SampledMap(chunksMax)
  readonly #trouble = new Map<string, Trouble>()
  #whole = 0

  constructor(parts: BlobParts) {
    this.#parts = parts
  }

  async run(): Promise<number> {
    const { fold } = this.#parts
    for (const [digest, place] of fold.blobs) await this.#checkRecord(digest, place)
    for (const [digest, place] of fold.named) {
      if (fold.blobs.has(digest) || !fold.blobs.covers(digest)) continue
      this.#trouble.set(digest, { kind: 'blob-missing', file: place.file, why: 'the log has no record of it' })
    }
    // Content may go when retention has hidden all events that name it: what is missing counts only if one is visible.
    const visible = await this.#visiblyNamed()
    for (const [digest, trouble] of this.#trouble) if (visible.has(digest)) this.#tell(digest, trouble)
    await this.#checkFolder()
    return this.#whole
  }

  #tell(digest: string, trouble: Trouble): void {
    const what = trouble.kind === 'blob-missing' ? 'is missing' : 'is damaged'
    const message = `blob ${digest} ${what} (${trouble.why}): reading it fails; putting the same content again restores it`
    this.#parts.findings.damage(trouble.kind, trouble.file, message, { repair: 'blob' })
  }

  async #checkRecord(digest: string, place: LinePlace): Promise<void> {
    const { findings, pace } = this.#parts
    const looked = await looking(findings, place.file, () => this.#recordAt(place))
    const record = looked.value
    if (record?.digest !== digest) return // it moved since the scan, with all that it says
    if (record.chunks === undefined) {
      this.#whole++ // its content stands in the record, and was checked with it
      return
    }
    pace.expect(record.bytes)
    const trouble = await this.#checkChunks(record, record.chunks)
    if (trouble === undefined) this.#whole++
    else this.#trouble.set(digest, trouble)
  }

  async #recordAt(place: LinePlace): Promise<BlobControl | undefined> {
    return withFile(this.#parts.disk, place.file, async (file) => {
      for (let size = 16_384; ; size *= 4) {
        const buffer = Buffer.allocUnsafe(size)
        const filled = buffer.subarray(0, await readFully(file, buffer, place.offset))
        const end = lineEnd(filled, 0)
        if (end >= 0) {
          const control = ifJson(() => parseControlLine(filled.toString('utf8', 0, end)))?.control
          return control?.control === 'blob' ? control : undefined
        }
        if (filled.length < size) return undefined
      }
    })
  }

  async #checkChunks(
    record: BlobControl,
    chunks: readonly (readonly [string, number])[],
  ): Promise<Trouble | undefined> {
    const whole = createHash('sha256')
    let total = 0
    let trouble: Trouble | undefined
    for (const [digest, bytes] of chunks) {
      this.#chunks.set(digest, true)
      trouble ??= await this.#checkChunk(digest, bytes, whole)
      total += bytes
      await this.#parts.pace.step(bytes)
    }
    if (trouble !== undefined) return trouble
    const isWhole = total === record.bytes && whole.digest('hex') === record.digest
    return isWhole
      ? undefined
      : { kind: 'blob-damaged', file: folders.blobs, why: 'its chunks together are not what its digest says' }
  }

  async #checkChunk(digest: string, bytes: number, whole: ReturnType<typeof createHash>): Promise<Trouble | undefined> {
    const file = blobPath(digest)
    let content: Buffer
    try {
      content = await withFile(this.#parts.disk, file, async (opened) => {
        const size = await opened.size()
        const buffer = Buffer.allocUnsafe(Math.min(size, bytes + 1))
        return buffer.subarray(0, await readFully(opened, buffer, 0))
      })
    } catch (error) {
      const code = errorCodeOf(error)
      if (code === undefined) throw error
      if (code === 'ENOENT') return { kind: 'blob-missing', file, why: 'a chunk file is not there' }
      return { kind: 'blob-damaged', file, why: `a chunk file can't be read (${code})` }
    }
    whole.update(content)
    if (content.length === bytes && createHash('sha256').update(content).digest('hex') === digest) return undefined
    return { kind: 'blob-damaged', file, why: 'a chunk file is not what was written' }
  }

  /** Of the digests in trouble, those that a visible event names. Costs another pass, but only when there is trouble. */
  async #visiblyNamed(): Promise<ReadonlySet<string>> {
    const visible = new Set<string>()
    if (this.#trouble.size === 0) return visible
    const { disk, segments, isVisible, findings, pace } = this.#parts
    for (const { path, from, to } of segments) {
      pace.expect(to - from)
      await looking(findings, path, () =>
        withFile(disk, path, async (file) => {
          const lines = new LineReader(file, { from, to, chunkBytes: limits.pageBytes })
          let before = from
          while (await lines.load()) {
            while (lines.next()) this.#meetEvent(lines, isVisible, visible)
            await pace.step(lines.consumed - before)
            before = lines.consumed
          }
        }),
      )
    }
    return visible
  }

  #meetEvent(lines: LineReader, isVisible: BlobParts['isVisible'], visible: Set<string>): void {
    const { buffer, start, end } = lines
    if (lineKind(buffer, start) !== 'event' || !buffer.subarray(start, end).includes('"blobs":[')) return
    try {
      const event = parseEventLine(buffer.toString('utf8', start, end), false)
      if (!isVisible(event)) return
      for (const digest of event.blobs) if (this.#trouble.has(digest)) visible.add(digest)
    } catch {
      // Damaged, which the scan has told.
    }
  }

  /** What lies in blobs/ beside the chunks that records name. */
  async #checkFolder(): Promise<void> {
    const { disk, findings } = this.#parts
    const list = async (path: string) => {
      try {
        return await disk.list(path)
      } catch (error) {
        if (errorCodeOf(error) === 'ENOENT') return []
        throw error
      }
    }
    const folder = await looking(findings, folders.blobs, () => list(folders.blobs))
    for (const { name, kind } of folder.value ?? []) {
      const path = `${folders.blobs}/${name}`
      if (kind !== 'directory' || !/^[0-9a-f]{2}$/.test(name)) {
        this.#tellStranger(path, name)
        continue
      }
      const files = await looking(findings, path, () => list(path))
      for (const file of files.value ?? []) this.#checkName(`${path}/${file.name}`, file.name, name, file.kind)
      await this.#parts.pace.step(0)
    }
  }

  #checkName(path: string, name: string, folder: string, kind: string): void {
    if (kind !== 'file' || !/^[0-9a-f]{64}$/.test(name) || !name.startsWith(folder)) {
      this.#tellStranger(path, name)
      return
    }
    const { fold, findings, isClaimed } = this.#parts
    // With damage in the log or a mere sample of its blobs, that no record names it says nothing.
    if (fold.breaks > 0 || fold.blobs.isSample || !this.#chunks.covers(name)) return
    if (this.#chunks.has(name) || isClaimed(name)) return
    findings.note('blob-orphan', path, 'no blob of the log is made of this file: it costs room, nothing else')
  }

  #tellStranger(path: string, name: string): void {
    if (isPart(name))
      this.#parts.findings.note('leftover', path, 'an unfinished file: it has no meaning and is removed in time')
    else this.#parts.findings.warning('foreign-file', path, 'Holdfast did not put this here', { repair: 'foreign' })
  }
}

async function withFile<T>(disk: Disk, path: string, use: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, { mode: 'read' })
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}
