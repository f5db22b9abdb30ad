// What the cases on blobs store: bytes that look random and are the same every time, in every size at which a store may
// change its way of storing; and the steps of staging and naming them.

import { limits } from '../../limits.ts'
import type { Receipt, StagedBlob, Store } from '../../stores/store.ts'
import { batch, event } from './batches.ts'

/** Bytes that don't repeat, the same every time. */
export function content(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size)
  let state = seed
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

export async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await Promise.resolve()
    yield bytes.subarray(at, at + pieceBytes)
  }
}

export function name(store: Store, blob: StagedBlob | string, stream = 'a'): Promise<Receipt> {
  const digest = typeof blob === 'string' ? blob : blob.digest
  return store.append(batch([event(stream, { blobs: [digest] })]))
}

export async function keep(store: Store, bytes: Uint8Array, stream = 'a'): Promise<string> {
  const staged = await store.stageBlob(bytes)
  await name(store, staged, stream)
  return staged.digest
}

export async function isThere(store: Store, digest: string): Promise<boolean> {
  return (await store.blob(digest)) !== undefined
}

export const blobSizes: readonly (readonly [what: string, bytes: number])[] = [
  ['no byte', 0],
  ['one byte', 1],
  ['as much as fits the log', limits.blobInlineBytesMax],
  ['one byte more than fits the log', limits.blobInlineBytesMax + 1],
  ['one chunk', limits.chunkBytesMin],
  ['more than the largest chunk', limits.chunkBytesMax + 1],
  ['many chunks', 1_500_000],
]
