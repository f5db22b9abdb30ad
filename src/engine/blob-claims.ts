// Who needs which blobs and chunks although no event in the journal may name them yet. Each staging takes a claim of
// its own, on the chunks as they are written and on the blob when it is complete. A claim ends when its owner gives it
// up or when an append that names the blob takes effect (the oldest claim of the blob then).
//
// Invariant: while hold() runs, no claim ends as far as collecting goes. Whoever collects looks at the state first and
// at the claims later, and a blob that moved from the one to the other in between would be seen in neither.

import type { BlobControl } from '../core/control.ts'
import { assert, HoldfastError, never } from '../errors.ts'
import { limits } from '../limits.ts'

/** What one staging needs kept. */
export class Claim {
  readonly chunks: Set<string> = new Set()
  ended = false
}

interface Staged {
  readonly control: BlobControl
  readonly memoryBytes: number
  readonly claims: Set<Claim>
}

export class BlobClaims {
  readonly #staged: Map<string, Staged> = new Map()
  readonly #chunks: Map<string, number> = new Map()
  #memoryBytes = 0
  #holders = 0
  /** Ended while somebody held: they count until nobody holds any more. */
  readonly #heldDigests: Set<string> = new Set()
  readonly #heldClaims: Set<Claim> = new Set()

  staged(digest: string): BlobControl | undefined {
    return this.#staged.get(digest)?.control
  }

  isClaimed(digest: string): boolean {
    return this.#staged.has(digest) || this.#heldDigests.has(digest)
  }

  isChunkClaimed(digest: string): boolean {
    return this.#chunks.has(digest)
  }

  claimChunk(claim: Claim, digest: string): void {
    assert(!claim.chunks.has(digest), 'a staging claims a chunk once')
    claim.chunks.add(digest)
    this.#chunks.set(digest, (this.#chunks.get(digest) ?? 0) + 1)
  }

  /** The claim now is one on this blob. QUEUE_FULL when too much is staged that no append has named. */
  claimBlob(claim: Claim, control: BlobControl): void {
    const known = this.#staged.get(control.digest)
    if (known !== undefined) {
      known.claims.add(claim)
      return
    }
    const memoryBytes = memoryBytesOf(control)
    if (this.#memoryBytes + memoryBytes > limits.queueBytesMax) throw queueFull(this.#staged.size, this.#memoryBytes)
    this.#memoryBytes += memoryBytes
    this.#staged.set(control.digest, { control, memoryBytes, claims: new Set([claim]) })
  }

  /** Ends a claim; on a blob when there is a digest, else on chunks of content that never became one. */
  end(claim: Claim, digest: string | undefined): void {
    if (claim.ended) return
    claim.ended = true
    if (digest !== undefined) this.#endOnBlob(claim, digest)
    if (this.#holders > 0) this.#heldClaims.add(claim)
    else this.#endOnChunks(claim)
  }

  endOldest(digest: string): void {
    const [oldest] = this.#staged.get(digest)?.claims ?? []
    if (oldest !== undefined) this.end(oldest, digest)
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#holders++
    try {
      return await work()
    } finally {
      this.#holders--
      if (this.#holders === 0) this.#letGo()
    }
  }

  #letGo(): void {
    this.#heldDigests.clear()
    for (const claim of this.#heldClaims) this.#endOnChunks(claim)
    this.#heldClaims.clear()
  }

  #endOnBlob(claim: Claim, digest: string): void {
    const staged = this.#staged.get(digest)
    assert(staged !== undefined, 'a blob is staged as long as it has a claim')
    staged.claims.delete(claim)
    if (this.#holders > 0) this.#heldDigests.add(digest)
    if (staged.claims.size > 0) return
    this.#staged.delete(digest)
    this.#memoryBytes -= staged.memoryBytes
  }

  #endOnChunks(claim: Claim): void {
    for (const digest of claim.chunks) {
      const left = (this.#chunks.get(digest) ?? never('a claimed chunk is counted')) - 1
      if (left === 0) this.#chunks.delete(digest)
      else this.#chunks.set(digest, left)
    }
  }
}

/** What a staged record takes in memory, roughly: a chunk's digest is 64 characters. */
function memoryBytesOf(control: BlobControl): number {
  return 256 + (control.data?.length ?? 0) + (control.chunks?.length ?? 0) * 128
}

function queueFull(count: number, bytes: number): HoldfastError {
  return new HoldfastError('QUEUE_FULL', `${count} blobs with ${bytes} bytes in memory are staged and not named yet`, {
    hint: 'Append the events that name them, or give them up, before putting more.',
  })
}
