// Blobs that this process has staged and no append has named yet. Small content waits in memory and rides in the group
// that names it; larger content goes to the database at once, in chunks that blobs share, protected by a claim: a row with
// an expiry, so that retention in another process leaves it alone, and a process that died leaves nothing for ever.
//
// Each staging is a claim of its own. It ends when its owner gives it up or when an append that names the blob takes
// effect (one claim per append); a refused append ends none, so that it can be tried again.

import { createHash } from 'node:crypto'
import { contentDigest } from '../../core/content-digest.ts'
import type { Decision } from '../../core/decide.ts'
import type { TimeMs } from '../../core/numbers.ts'
import { Chunker } from '../../engine/chunker.ts'
import { HoldfastError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { Batch, StagedBlob } from '../store.ts'
import type { Claim, GroupWrite, SqlBackend } from './backend.ts'
import type { StagedContent } from './judging.ts'
import { nextTurn } from './next-turn.ts'
import type { ChunkRow } from './rows.ts'
import { blobsNamedBy } from './wanted.ts'

/** A claim outlives its process by at most this. Who stages content and names it later than that stages it again. */
const claimMs = 86_400_000
/** Chunks written in one transaction. */
const pieceBytes = 1_048_576
/** Small content that waits in memory. */
const heldBytesMax: number = limits.queueBytesMax

interface Staged {
  readonly bytes: number
  /** undefined: it stands in the database. */
  readonly data: Uint8Array | undefined
  claims: number
}

export interface BlobWriting {
  readonly owner: string
  now(): TimeMs
  /** In the turn of those who write. */
  write<T>(work: (backend: SqlBackend) => Promise<T>): Promise<T>
}

type Told = readonly { readonly batch: Batch; readonly outcome: Decision }[]

export class StagedBlobs implements StagedContent {
  readonly #writing: BlobWriting
  readonly #staged: Map<string, Staged> = new Map()
  #heldBytes = 0

  constructor(writing: BlobWriting) {
    this.#writing = writing
  }

  staged(digest: string): { readonly bytes: number; readonly data: Uint8Array | undefined } | undefined {
    return this.#staged.get(digest)
  }

  get all(): ReadonlyMap<string, { readonly bytes: number }> {
    return this.#staged
  }

  async stage(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StagedBlob> {
    const arriving = new Arriving(this.#writing, this.#claim())
    try {
      for await (const part of content instanceof Uint8Array ? slices(content) : content) await arriving.take(part)
      const { digest, bytes, data } = await arriving.end(() => this.#add(arriving.digest, arriving.bytes, undefined))
      if (data !== undefined) this.#add(digest, bytes, data)
      return this.#handle(digest, bytes)
    } catch (error) {
      await arriving.abandon()
      throw error
    }
  }

  /** Which of this owner's claims a group ends, if it is committed. */
  ending(told: Told): GroupWrite['claimsEnded'] {
    const { owner } = this.#writing
    const digests: string[] = []
    for (const [digest, count] of endedBy(told)) {
      const blob = this.#staged.get(digest)
      if (blob !== undefined && blob.data === undefined && blob.claims <= count) digests.push(digest)
    }
    return { owner, digests }
  }

  /** It was committed. */
  settle(told: Told): void {
    for (const [digest, count] of endedBy(told)) this.#drop(digest, count)
  }

  clear(): void {
    this.#staged.clear()
  }

  #add(digest: string, bytes: number, data: Uint8Array | undefined): void {
    const known = this.#staged.get(digest)
    if (known !== undefined) known.claims++
    else {
      if (this.#heldBytes > heldBytesMax) throw tooMuchHeld(this.#heldBytes)
      this.#staged.set(digest, { bytes, data, claims: 1 })
      this.#heldBytes += data?.length ?? 0
    }
  }

  /** True when nothing claims it here any more. */
  #drop(digest: string, count: number): boolean {
    const blob = this.#staged.get(digest)
    if (blob === undefined) return false
    blob.claims -= count
    if (blob.claims > 0) return false
    this.#staged.delete(digest)
    this.#heldBytes -= blob.data?.length ?? 0
    return blob.data === undefined
  }

  #handle(digest: string, bytes: number): StagedBlob {
    let isReleased = false
    const release = (): void => {
      if (isReleased) return
      isReleased = true
      if (!this.#drop(digest, 1)) return
      const end = async (backend: SqlBackend): Promise<void> => {
        if (!this.#staged.has(digest)) await backend.endClaims(this.#writing.owner, [digest])
      }
      // A claim whose row could not be removed ends by itself.
      this.#writing.write(end).catch(() => undefined)
    }
    return { digest, bytes, release }
  }

  #claim(): Claim {
    const { owner } = this.#writing
    return { owner, until: this.#writing.now() + claimMs }
  }
}

function* slices(content: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes)
}

function endedBy(told: Told): ReadonlyMap<string, number> {
  const ended = new Map<string, number>()
  for (const { batch, outcome } of told) {
    if (outcome.kind !== 'commit' && outcome.kind !== 'duplicate') continue
    for (const digest of blobsNamedBy(batch)) ended.set(digest, (ended.get(digest) ?? 0) + 1)
  }
  return ended
}

/** Content on its way: held while it is small, written in pieces from then on. */
class Arriving {
  readonly #writing: BlobWriting
  readonly #claim: Claim
  readonly #hash = createHash('sha256')
  readonly #small: Uint8Array[] = []
  readonly #chunker: Chunker = new Chunker()
  #pending: ChunkRow[] = []
  #pendingBytes = 0
  #id: number | undefined
  bytes = 0
  digest = ''

  constructor(writing: BlobWriting, claim: Claim) {
    this.#writing = writing
    this.#claim = claim
  }

  async take(part: Uint8Array): Promise<void> {
    const wasSmall = this.bytes <= limits.blobInlineBytesMax
    this.bytes += part.length
    if (this.bytes > limits.blobBytesMax) throw tooLarge()
    this.#hash.update(part)
    if (this.bytes <= limits.blobInlineBytesMax) {
      // A copy, since the caller may go on using its buffer while the rest arrives.
      this.#small.push(Uint8Array.from(part))
      return
    }
    if (wasSmall) for (const held of this.#small.splice(0)) this.#cut(held)
    this.#cut(part)
    if (this.#pendingBytes >= pieceBytes) await this.#writePending()
  }

  /** `claimed` is called in the turn in which the claim became the named blob's. */
  async end(claimed: () => void): Promise<{ digest: string; bytes: number; data: Uint8Array | undefined }> {
    const { bytes } = this
    this.digest = this.#hash.digest('hex')
    const { digest } = this
    if (bytes <= limits.blobInlineBytesMax) return { digest, bytes, data: Buffer.concat(this.#small) }
    const last = this.#chunker.end()
    if (last !== undefined) this.#add(last)
    await this.#writePending()
    await this.#writing.write(async (backend) => {
      if (this.#id !== undefined) await backend.finishBlob(this.#id, { digest, bytes }, this.#claim)
      this.#id = undefined
      claimed()
    })
    return { digest, bytes, data: undefined }
  }

  async abandon(): Promise<void> {
    const id = this.#id
    if (id === undefined) return
    this.#id = undefined
    // What stays behind has no name, and goes with a retention when its claim has run out.
    await this.#writing.write((backend) => backend.abandonBlob(id)).catch(() => undefined)
  }

  #cut(part: Uint8Array): void {
    for (const chunk of this.#chunker.push(part)) this.#add(chunk)
  }

  #add(data: Buffer): void {
    this.#pending.push({ digest: contentDigest(data), data })
    this.#pendingBytes += data.length
  }

  async #writePending(): Promise<void> {
    const chunks = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    if (chunks.length === 0) return
    this.#id ??= await this.#writing.write((backend) => backend.beginBlob(this.#claim))
    const id = this.#id
    await this.#writing.write((backend) => backend.addChunks(id, chunks))
    await nextTurn()
  }
}

function tooLarge(): HoldfastError {
  return new HoldfastError('TOO_LARGE', `a blob is larger than ${limits.blobBytesMax} bytes`, {
    hint: 'Store it in parts.',
    details: { bytesMax: limits.blobBytesMax },
  })
}

function tooMuchHeld(bytes: number): HoldfastError {
  return new HoldfastError('QUEUE_FULL', `${bytes} bytes of staged content wait for an append that names them`, {
    hint: 'Append the events that name what was staged, or release it.',
  })
}
