// A blob as a reader process reads it, while the writer's retention may move or take what the reader's log still names.
// What looks like damage or a missing blob is looked at once more in a log that is opened anew: what shows there is real.

import type { Blobs } from '../../engine/blobs.ts'
import { isHoldfastError } from '../../errors.ts'
import type { CurrentLog } from './current-log.ts'
import type { FileLog } from './file-log.ts'

/** Openings after the first look. The writer can be that quick twice, but not for ever. */
const openingsMax = 3

export async function* readBlobBesideWriter(
  { current, blobs }: { readonly current: CurrentLog; readonly blobs: Blobs },
  digest: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let given = 0
  let anew: FileLog | undefined
  for (let openings = 0; ; openings++) {
    try {
      if (openings > 0) anew = await current.openAnother()
      // The content of a digest is always the same, so another log's goes on where this one's ended.
      for await (const piece of behind(blobs.read(digest, anew ?? current.log), given)) {
        given += piece.length
        yield piece
      }
      return
    } catch (error) {
      if (openings === openingsMax || !isHoldfastError(error, 'DAMAGED', 'BLOB_MISSING')) throw error
      // A log that was just opened knows what is stored.
      if (openings > 0 && isHoldfastError(error, 'BLOB_MISSING')) throw error
    } finally {
      await anew?.close()
      anew = undefined
    }
  }
}

async function* behind(pieces: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = bytes
  for await (const piece of pieces) {
    if (piece.length > left) yield piece.subarray(left)
    left = Math.max(0, left - piece.length)
  }
}
