// Copies a journal as of now while appends go on: identity, segments up to what is durable, chunk files of blobs, and the
// fence that the log names, so that the copy's own go on behind it. Caches stay behind. The copy is a journal like any
// other, and has a durable place of its own: all of it is durable, and whoever opens it for reading is to see all of it.
//
// Invariants: the copy appears whole and durable under its name, or not at all; every line is checked against its
// checksum and the line before, every sealed segment and chunk against its SHA-256, so a backup never holds damage.

import { createHash } from 'node:crypto'
import type { RewriteControl } from '../core/control.ts'
import type { ByteOffset } from '../core/numbers.ts'
import { checkLine } from '../core/record.ts'
import type { Directories, NewDirectory } from '../disks/directories.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { writeFully } from '../disks/whole-io.ts'
import { assert, HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { LongWork, VerifyProgress } from '../stores/store.ts'
import type { Blobs } from './blobs.ts'
import { ChunkFiles } from './chunk-files.ts'
import { DurableMark } from './durable-mark.ts'
import { type Identity, writeIdentity } from './identity.ts'
import { blobPath, folders } from './layout.ts'
import { LineReader } from './line-reader.ts'
import { type DurableEnd, type LogView, readableBytes } from './log-view.ts'
import { makeFence } from './owner.ts'
import { damaged, type Segment } from './segment.ts'
import type { BlobPlace } from './state.ts'
import { kindPrefix } from './state-keys.ts'
import { fullError, type NamedTarget, onTarget } from './target-error.ts'
import { WorkWindow } from './work-window.ts'

export interface BackupSource {
  readonly log: LogView & { readonly identity: Identity }
  readonly blobs: Blobs
}

/** Chunks on their way at once: syncing is waiting. */
const chunksInFlightMax = 4

/** TARGET_NOT_EMPTY, TARGET_IS_FILE, LOCKED, NO_PERMISSION; DAMAGED when the source is; ABORTED. */
export async function backupLog(
  source: BackupSource,
  to: string,
  work: LongWork<VerifyProgress>,
  directories: Directories,
): Promise<void> {
  const named: NamedTarget = { what: 'backup', to }
  const end = source.log.durableEnd()
  const segments = heldSegments(source.log, end)
  try {
    const target = await onTarget(named, () => directories.begin(to))
    try {
      await new Backup(source, target.disk, work).copy(segments, end)
      await onTarget(named, () => target.commit())
    } catch (error) {
      await discard(target)
      throw fullError(error, named)
    }
  } finally {
    for (const { segment } of segments) await segment.leave()
  }
}

interface HeldSegment {
  readonly segment: Segment
  readonly bytes: ByteOffset
}

/** What the log is made of at this moment. Held, so that a rewrite meanwhile doesn't close what is being read. */
function heldSegments(log: LogView, end: DurableEnd): readonly HeldSegment[] {
  const held = log.catalog.all.map((segment) => ({ segment, bytes: readableBytes(segment, end) }))
  for (const { segment } of held) segment.enter()
  return held
}

async function discard(target: NewDirectory): Promise<void> {
  try {
    await target.discard()
  } catch {
    // The failure that led here matters more; the next backup to the same place clears what is left.
  }
}

class Backup {
  readonly #source: BackupSource
  readonly #target: Disk
  readonly #work: LongWork<VerifyProgress>
  #bytesDone = 0
  #bytesTotal = 0

  constructor(source: BackupSource, target: Disk, work: LongWork<VerifyProgress>) {
    this.#source = source
    this.#target = target
    this.#work = work
  }

  async copy(segments: readonly HeldSegment[], end: DurableEnd): Promise<void> {
    this.#step(0)
    await this.#refuseUnfinished(segments)
    for (const { bytes } of segments) this.#bytesTotal += bytes
    for await (const [, bytes] of this.#chunks()) this.#bytesTotal += bytes

    await this.#target.makeDirectory(folders.segments)
    for (const held of segments) await this.#copySegment(held)
    await this.#target.syncDirectory(folders.segments)
    await this.#copyChunks()
    await this.#makeFence(segments)
    await this.#markDurable(segments, end)
    await writeIdentity(this.#target, this.#source.log.identity)
    this.#step(0)
  }

  async #makeFence(segments: readonly HeldSegment[]): Promise<void> {
    const newest = segments.at(-1)
    assert(newest !== undefined, 'a log has at least one segment')
    await this.#target.makeDirectory(folders.fences)
    await makeFence(this.#target, (await newest.segment.header()).header.fence)
  }

  /** A rewrite that is journaled but whose file has not taken its name: only the journal's own directory can finish it. */
  async #refuseUnfinished(segments: readonly HeldSegment[]): Promise<void> {
    const sealed = new Map(segments.map(({ segment: { facts } }) => [facts.name, facts.sealed?.sha256]))
    for await (const page of this.#source.log.state.scan<RewriteControl>(kindPrefix.rewrite)) {
      for (const [, { old, sha256: made }] of page) {
        // A rewrite can give what was there before, when what it merged with that had nothing to add.
        if (!old.some(([name, sha256], at) => sealed.get(name) === sha256 && (at > 0 || sha256 !== made))) continue
        throw new HoldfastError('LOCKED', `${this.#source.log.disk.label} is just being rewritten by retention`, {
          hint: 'Try again in a moment. If no process has the journal open, open it for writing once, which finishes this.',
        })
      }
    }
  }

  /** Tells how far it is, and stops when that was asked for. */
  #step(bytes: number): void {
    this.#bytesDone += bytes
    if (this.#work.signal?.aborted === true) {
      throw new HoldfastError('ABORTED', 'the backup was stopped', { hint: 'Nothing of it is left; call it again.' })
    }
    if (bytes > 0) this.#work.progress?.({ bytesDone: this.#bytesDone, bytesTotal: this.#bytesTotal })
  }

  async #copySegment({ segment, bytes }: HeldSegment): Promise<void> {
    const from = await segment.file()
    const into = await this.#target.open(segment.path, { mode: 'write', create: 'exclusive' })
    try {
      await this.#copyLines({ segment, from, into, bytes })
      await into.sync()
    } finally {
      await into.close()
    }
  }

  async #copyLines(copy: {
    readonly segment: Segment
    readonly from: DiskFile
    readonly into: DiskFile
    readonly bytes: ByteOffset
  }): Promise<void> {
    const { segment, from, into, bytes } = copy
    const { disk } = this.#source.log
    const hash = createHash('sha256')
    const lines = new LineReader(from, { from: 0, to: bytes, chunkBytes: limits.pageBytes })
    let previous: number | undefined
    while (await lines.load()) {
      const at = lines.consumed
      let start: number | undefined
      while (lines.next()) {
        previous = checkedSum(disk, segment.path, lines, previous)
        start ??= lines.start
      }
      const block = lines.buffer.subarray(start, lines.end + 1)
      hash.update(block)
      await writeFully(into, block, at)
      this.#step(block.length)
    }
    if (lines.consumed < bytes) {
      throw damaged(disk, segment.path, lines.consumed, 'line-incomplete', 'the segment ends within a line')
    }
    const sha256 = segment.facts.sealed?.sha256 ?? ''
    if (sha256 !== '' && hash.digest('hex') !== sha256) {
      throw damaged(disk, segment.path, 0, 'segment-digest', 'the segment is not the one that was sealed')
    }
  }

  async #markDurable(segments: readonly HeldSegment[], { position }: DurableEnd): Promise<void> {
    const last = segments.at(-1)
    assert(last !== undefined, 'a log has an active segment')
    const mark = await DurableMark.open(this.#target)
    try {
      await mark.settle({ segment: last.segment.facts.name, bytes: last.bytes, position })
    } finally {
      await mark.close()
    }
  }

  async #copyChunks(): Promise<void> {
    const files = new ChunkFiles(this.#target)
    const window = new WorkWindow(chunksInFlightMax)
    const touched = new Set<string>()
    try {
      for await (const [digest, bytes] of this.#chunks()) {
        // Blobs share chunks; one that is being copied twice at this moment is only written twice.
        if (!this.#target.existsNow(blobPath(digest))) {
          touched.add(ChunkFiles.folderOf(digest))
          await window.start(async () => files.put(digest, await this.#source.blobs.readChunk(digest, bytes)))
        }
        this.#step(bytes)
      }
    } finally {
      await window.finished()
    }
    await window.result()
    await files.makeDurable(touched)
  }

  /** The chunks of all blobs that the journal knows, some of them several times. */
  async *#chunks(): AsyncGenerator<readonly [digest: string, bytes: number]> {
    for await (const page of this.#source.log.state.scan<BlobPlace>(kindPrefix.blob)) {
      for (const [, { chunks }] of page) yield* chunks ?? []
    }
  }
}

function checkedSum(disk: Disk, path: string, lines: LineReader, previous: number | undefined): number {
  const line = checkLine(lines.buffer, lines.start, lines.end)
  if (line === undefined) {
    throw damaged(disk, path, lines.offset, 'line-checksum', 'the line does not match its checksum')
  }
  if (previous !== undefined && line.link !== previous) {
    throw damaged(disk, path, lines.offset, 'line-link', 'the line does not follow the one before it')
  }
  return line.sum
}
