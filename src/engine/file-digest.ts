// The SHA-256 by which a segment is known: over its bytes from the first on.

import { createHash, type Hash } from 'node:crypto'
import type { ByteOffset } from '../core/numbers.ts'
import type { DiskFile } from '../disks/disk.ts'
import { readPieces } from '../disks/whole-io.ts'

/** Over the first `bytes` of the file, or over all of a shorter one; can be continued. */
export async function digestOf(file: DiskFile, bytes: ByteOffset): Promise<Hash> {
  const hash = createHash('sha256')
  for await (const piece of readPieces(file, { from: 0, to: bytes })) hash.update(piece)
  return hash
}
