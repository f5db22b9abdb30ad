// Blobs as users see them: content is put once, and its reference stands inside the data of events.
//
// A blob lives as long as an event that is retained names it. Until then it is kept for the process that put it.

import { BlobRef, isBlobDigest } from '../core/blob-ref.ts'
import type { Store } from '../stores/store.ts'
import { invalidArgument } from './argument.ts'

export type BlobContent = Uint8Array | string | AsyncIterable<Uint8Array>

export class Blobs {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Text is stored as UTF-8. The same content is stored once. */
  async put(content: BlobContent): Promise<BlobRef> {
    const { digest, bytes } = await this.#store.stageBlob(bytesOf(content))
    return new BlobRef(digest, bytes)
  }

  /** The whole content. Rejects with BLOB_MISSING. */
  async get(blob: BlobRef | string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of this.stream(blob)) {
      chunks.push(chunk)
      bytes += chunk.length
    }
    const content = new Uint8Array(bytes)
    let at = 0
    for (const chunk of chunks) {
      content.set(chunk, at)
      at += chunk.length
    }
    return content
  }

  stream(blob: BlobRef | string): AsyncIterable<Uint8Array> {
    return this.#store.readBlob(digestOf(blob))
  }

  async has(blob: BlobRef | string): Promise<boolean> {
    return (await this.#store.blob(digestOf(blob))) !== undefined
  }
}

function bytesOf(content: BlobContent): Uint8Array | AsyncIterable<Uint8Array> {
  if (typeof content === 'string') return Buffer.from(content)
  if (content instanceof Uint8Array) return content
  if (typeof content === 'object' && content !== null && Symbol.asyncIterator in content) return content
  throw invalidArgument('the content of a blob', 'bytes, text, or an async iterable of bytes')
}

function digestOf(blob: BlobRef | string): string {
  if (blob instanceof BlobRef) return blob.digest
  if (isBlobDigest(blob)) return blob
  throw invalidArgument('the blob', 'a reference that put() returned, or its digest')
}
