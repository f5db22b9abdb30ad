// Blobs in memory: content by digest, and who claims what no event names yet.
//
// Each staging is a claim of its own. It ends when its owner gives it up or when an append that names the blob takes
// effect (one claim per append, the oldest first); a refused append ends none, so that it can be tried again.

import { contentDigest } from '../../core/content-digest.ts'
import { HoldfastError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { Batch, StagedBlob } from '../store.ts'

export interface BlobState {
  readonly content: Uint8Array
  /** An event has named it. */
  named: boolean
  readonly claims: Set<symbol>
}

export type BlobMap = Map<string, BlobState>

export function stage(blobs: () => BlobMap, content: Uint8Array): StagedBlob {
  const digest = contentDigest(content)
  const claim = Symbol(digest)
  const known = blobs().get(digest)
  if (known === undefined) blobs().set(digest, { content, named: false, claims: new Set([claim]) })
  else known.claims.add(claim)
  return {
    digest,
    bytes: content.length,
    release() {
      const blob = blobs().get(digest)
      if (blob?.claims.delete(claim) && blob.claims.size === 0 && !blob.named) blobs().delete(digest)
    },
  }
}

export function endClaims(blobs: BlobMap, batch: Batch): void {
  for (const event of batch.events) {
    for (const digest of event.blobs ?? []) {
      const claims = blobs.get(digest)?.claims
      for (const oldest of claims ?? []) {
        claims?.delete(oldest)
        break
      }
    }
  }
}

export async function collect(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of content instanceof Uint8Array ? [content] : content) {
    bytes += chunk.length
    if (bytes > limits.blobBytesMax) {
      throw new HoldfastError('TOO_LARGE', `a blob is larger than ${limits.blobBytesMax} bytes`, {
        hint: 'Store it in parts.',
        details: { bytesMax: limits.blobBytesMax },
      })
    }
    // A copy, since the caller may go on using its buffer while the rest arrives.
    chunks.push(Uint8Array.from(chunk))
  }
  return Buffer.concat(chunks)
}

/** Copies of the content, so that nobody can change what is stored. */
export function* chunksOf(blobs: BlobMap, digest: string): Generator<Uint8Array, void, undefined> {
  const blob = blobs.get(digest)
  if (blob === undefined) {
    throw new HoldfastError('BLOB_MISSING', `blob ${digest} is not stored`, { details: { digest } })
  }
  for (let at = 0; at < blob.content.length; at += limits.chunkBytesMax) {
    yield Uint8Array.from(blob.content.subarray(at, at + limits.chunkBytesMax))
  }
}
