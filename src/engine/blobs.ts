// Blobs: content by digest, beside the events that name it. Small content rides in the log, in the batch that first
// names it; large content is cut into chunk files, which are durable before stage() resolves, so that an event never
// names what a power cut could take (G1).
//
// Whoever removes a blob's record must look at isClaimed() and forget the state's entry in one step, without waiting
// in between: then a later staging finds no entry and its append writes the record anew. stage() therefore keeps the
// record at hand even when the journal has the blob already.

import { createHash, type Hash } from 'node:crypto'
import type { BlobControl } from '../core/control.ts'
import type { Disk } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { BlobInfo, StagedBlob } from '../stores/store.ts'
import type { BlobStaging } from './append-task.ts'
import { BlobClaims, Claim } from './blob-claims.ts'
import { readBlobRecord } from './blob-record.ts'
import { ChunkFiles, sha256 } from './chunk-files.ts'
import { Chunker } from './chunker.ts'
import { blobPath } from './layout.ts'
import type { LogView } from './log-view.ts'
import { damaged } from './segment.ts'
import type { BlobPlace } from './state.ts'
import { stateKeys } from './state-keys.ts'
import { WorkWindow } from './work-window.ts'

/** Chunks that are on their way to the disk at once: syncing is waiting, and memory holds that many. */
const chunksInFlightMax = 4

export class Blobs implements BlobStaging {
  readonly #disk: Disk
  readonly #claims: BlobClaims = new BlobClaims()
  readonly #files: ChunkFiles
  /** Chunk files on their way out: who wants one of them waits and then writes it anew. */
  readonly #removing: Map<string, Promise<void>> = new Map()

  constructor(disk: Disk) {
    this.#disk = disk
    this.#files = new ChunkFiles(disk)
  }

  /** Durable when it resolves, but for content that rides in the log, which is durable with its batch. */
  async stage(content: Uint8Array | AsyncIterable<Uint8Array>, log: LogView): Promise<StagedBlob> {
    const claim = new Claim()
    try {
      const control = await this.#store(content, claim)
      // Appends that name it are judged by this entry; loaded now, they need not wait for it.
      await log.state.loadEntry<BlobPlace>(stateKeys.blob(control.digest))
      this.#claims.claimBlob(claim, control)
      const { digest, bytes } = control
      return { digest, bytes, release: () => this.#claims.end(claim, digest) }
    } catch (error) {
      this.#claims.end(claim, undefined)
      throw error
    }
  }

  staged(digest: string): BlobControl | undefined {
    return this.#claims.staged(digest)
  }

  /** An append that names these took effect: one claim on each ends. */
  settled(digests: readonly string[]): void {
    for (const digest of new Set(digests)) this.#claims.endOldest(digest)
  }

  isClaimed(digest: string): boolean {
    return this.#claims.isClaimed(digest)
  }

  isChunkClaimed(digest: string): boolean {
    return this.#claims.isChunkClaimed(digest)
  }

  /** Claims that end while `work` runs count until it is done. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.#claims.hold(work)
  }

  async info(digest: string, log: LogView): Promise<BlobInfo | undefined> {
    const known = this.staged(digest) ?? (await log.state.loadEntry<BlobPlace>(stateKeys.blob(digest)))
    return known === null ? undefined : { digest, bytes: known.bytes }
  }

  /** The content, each piece verified before it is given, and the whole at the end. */
  async *read(digest: string, log: LogView): AsyncGenerator<Uint8Array, void, undefined> {
    const staged = this.staged(digest)
    if (staged?.data !== undefined) {
      if (staged.bytes > 0) yield Buffer.from(staged.data, 'base64')
      return
    }
    const place: BlobPlace | null = staged ?? (await log.state.loadEntry<BlobPlace>(stateKeys.blob(digest)))
    if (place === null) throw blobMissing(digest)
    if (place.at === undefined) {
      yield* this.#readChunks(digest, place.chunks ?? [], log) // with neither, the digest tells
    } else {
      const content = await this.#readInline(digest, log)
      if (content.length > 0) yield content
    }
  }

  /**
   * Removes a chunk file; false when somebody claims it. The claims are looked at and the removal is noted in one step,
   * and a staging claims before it looks at the file, so neither can miss the other.
   */
  async removeChunk(digest: string): Promise<boolean> {
    if (this.#claims.isChunkClaimed(digest)) return false
    const removal = this.#files.remove(blobPath(digest))
    this.#removing.set(digest, removal)
    try {
      await removal
    } finally {
      this.#removing.delete(digest)
    }
    return true
  }

  /** Removes what a crash left of a chunk in the making; false when it is in the making now. */
  async removePart(path: string): Promise<boolean> {
    if (this.#files.isPartInUse(path)) return false
    await this.#files.remove(path)
    return true
  }

  async #store(content: Uint8Array | AsyncIterable<Uint8Array>, claim: Claim): Promise<BlobControl> {
    const intake = new ChunkIntake((digest, chunk) => this.#putChunk(claim, digest, chunk))
    let bytes = 0
    /** All content so far, while it may still be small enough for the log. */
    let small: Buffer | undefined = Buffer.alloc(0)
    try {
      for await (const piece of content instanceof Uint8Array ? [content] : content) {
        checkPiece(piece)
        bytes += piece.length
        if (bytes > limits.blobBytesMax) throw tooLarge()
        if (small !== undefined && bytes <= limits.blobInlineBytesMax) {
          small = Buffer.concat([small, piece])
        } else {
          if (small !== undefined) await intake.take(small)
          small = undefined
          await intake.take(piece)
        }
      }
      if (small !== undefined) {
        return { control: 'blob', digest: sha256(small), bytes, data: small.toString('base64') }
      }
      await intake.end()
    } finally {
      await intake.window.finished()
    }
    await this.#onDisk(() => this.#files.makeDurable(new Set([...claim.chunks].map(ChunkFiles.folderOf))))
    return { control: 'blob', digest: intake.whole.digest('hex'), bytes, chunks: intake.chunks }
  }

  async #putChunk(claim: Claim, digest: string, chunk: Uint8Array): Promise<void> {
    if (claim.chunks.has(digest)) return
    this.#claims.claimChunk(claim, digest)
    await this.#removing.get(digest)?.catch(() => undefined) // its caller is told; here it only must be over
    await this.#onDisk(() => this.#files.put(digest, chunk))
  }

  /** The disk's failures get a code of ours; those of the caller's source are passed on as they are. */
  async #onDisk(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const code = errorCodeOf(error)
      const isFull = code === 'ENOSPC' || code === 'EDQUOT'
      const message = `storing a blob in ${this.#disk.label} failed: ${(error as Error).message}`
      throw new HoldfastError(isFull ? 'DISK_FULL' : 'IO', message, {
        ...(isFull ? { hint: 'Free some space (retain() helps too), then put the content again.' } : {}),
        cause: error,
      })
    }
  }

  async *#readChunks(
    digest: string,
    chunks: readonly (readonly [digest: string, bytes: number])[],
    log: LogView,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const whole = createHash('sha256')
    for (const [chunk, bytes] of chunks) {
      const content = await this.readChunk(chunk, bytes).catch(async (error: unknown) => {
        throw (await this.#isGone(digest, log)) ? blobMissing(digest) : error
      })
      whole.update(content)
      yield content
    }
    if (whole.digest('hex') === digest) return
    const first = blobPath(chunks[0]?.[0] ?? digest)
    throw damaged(this.#disk, first, 0, 'blob-digest', `the chunks in order are not blob ${digest}`)
  }

  /** One chunk's content, verified; DAMAGED when it is missing or isn't what its name says. */
  readChunk(digest: string, bytes: number): Promise<Buffer> {
    return this.#files.read(digest, bytes)
  }

  /** Whether retention took the blob while it was read. */
  async #isGone(digest: string, log: LogView): Promise<boolean> {
    return this.staged(digest) === undefined && (await log.state.loadEntry(stateKeys.blob(digest))) === null
  }

  /** A rewrite may move the record while it is looked for: then its place in the state has changed. */
  async #readInline(digest: string, log: LogView): Promise<Buffer> {
    let failure: unknown
    for (let before = ''; ; ) {
      const place = await log.state.loadEntry<BlobPlace>(stateKeys.blob(digest))
      if (place?.at === undefined) throw blobMissing(digest) // whatever failed before: retention took it meanwhile
      const at = place.at.join()
      if (at === before) throw failure
      before = at
      try {
        return await readBlobRecord(log, digest, { bytes: place.bytes, at: place.at })
      } catch (error) {
        failure = error
      }
    }
  }
}

/** Content on its way into chunk files: cut, digested, handed on a few at a time. */
class ChunkIntake {
  readonly whole: Hash = createHash('sha256')
  readonly window: WorkWindow = new WorkWindow(chunksInFlightMax)
  readonly chunks: (readonly [digest: string, bytes: number])[] = []
  readonly #put: (digest: string, chunk: Uint8Array) => Promise<void>
  #chunker: Chunker | undefined

  constructor(put: (digest: string, chunk: Uint8Array) => Promise<void>) {
    this.#put = put
  }

  async take(piece: Uint8Array): Promise<void> {
    this.#chunker ??= new Chunker()
    for (const chunk of this.#chunker.push(piece)) await this.#add(chunk)
  }

  async end(): Promise<void> {
    const rest = this.#chunker?.end()
    if (rest !== undefined) await this.#add(rest)
    await this.window.result()
  }

  async #add(chunk: Buffer): Promise<void> {
    this.whole.update(chunk)
    const digest = sha256(chunk)
    this.chunks.push([digest, chunk.length])
    await this.window.start(() => this.#put(digest, chunk))
  }
}

function checkPiece(piece: unknown): void {
  if (piece instanceof Uint8Array) return
  throw new HoldfastError('INVALID_ARGUMENT', 'the content of a blob must be bytes (Uint8Array)', {
    hint: 'Encode text first, for instance with new TextEncoder().',
  })
}

function tooLarge(): HoldfastError {
  return new HoldfastError('TOO_LARGE', `a blob is larger than ${limits.blobBytesMax} bytes`, {
    hint: 'Store it in parts.',
    details: { bytesMax: limits.blobBytesMax },
  })
}

function blobMissing(digest: string): HoldfastError {
  return new HoldfastError('BLOB_MISSING', `blob ${digest} is not stored`, {
    hint: 'It was never put, its claim was given up, or retention took it with the last event that named it.',
    details: { digest },
  })
}
