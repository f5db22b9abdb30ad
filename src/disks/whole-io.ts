// Reading and writing whole ranges: a disk may do less than it was asked for at a time, and these go on until it is done.
// The only loops of their kind, so that there is one rule for what a disk that does nothing means.

import type { DiskFile } from './disk.ts'

/** How often in a row a disk may take nothing without saying why; beyond it, it is full as far as anybody can tell. */
const stallsMax = 3
const chunkBytes = 262_144

/** Reads exactly into.length bytes, or fewer at the end of the file; returns the count. */
export async function readFully(file: DiskFile, into: Uint8Array, at: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const count = await file.read(done === 0 ? into : into.subarray(done), at + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Writes all of `from`, however the disk slices it. */
export async function writeFully(file: DiskFile, from: Uint8Array, at: number): Promise<void> {
  let done = await file.write(from, at)
  let stalls = 0
  while (done < from.length) {
    const count = await file.write(from.subarray(done), at + done)
    stalls = count === 0 ? stalls + 1 : 0
    if (stalls > stallsMax) throw Object.assign(new Error('write made no progress'), { code: 'ENOSPC' })
    done += count
  }
}

/** The bytes of file[from, to), or up to where the file ends, in pieces. A piece is valid until the next one is asked for. */
export async function* readPieces(
  file: DiskFile,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(chunkBytes, to - from)))
  for (let at = from; at < to; ) {
    const count = await readFully(file, buffer.subarray(0, Math.min(buffer.length, to - at)), at)
    if (count === 0) return
    yield buffer.subarray(0, count)
    at += count
  }
}
