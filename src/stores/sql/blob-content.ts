// The content of a blob, part by part, each checked before it is given, and the whole at the end. Never a wrong byte that
// isn't followed by DAMAGED: of chunked content each chunk is named by its own digest.

import { createHash } from 'node:crypto'
import { contentDigest } from '../../core/content-digest.ts'
import { HoldfastError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { nextTurn } from './next-turn.ts'
import { rowDamaged } from './row-sum.ts'
import type { Ask } from './walkers.ts'

const partBytes: number = limits.pageBytes

export async function* blobContent(
  ask: Ask,
  label: string,
  digest: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const row = await ask((reader) => reader.blob(digest))
  if (row === undefined) throw blobMissing(digest)
  if (row.data !== undefined) {
    if (row.data.length !== row.bytes || contentDigest(row.data) !== digest) throw blobDamaged(label, digest)
    if (row.data.length > 0) yield Uint8Array.from(row.data)
    return
  }
  const whole = createHash('sha256')
  let bytes = 0
  for (let from = 0; ; ) {
    const chunks = await ask((reader) => reader.chunks(digest, from, partBytes))
    if (chunks.length === 0) break
    for (const chunk of chunks) {
      if (contentDigest(chunk.data) !== chunk.digest) throw blobDamaged(label, digest)
      whole.update(chunk.data)
      bytes += chunk.data.length
      yield Uint8Array.from(chunk.data)
    }
    from += chunks.length
    await nextTurn()
  }
  if (bytes === row.bytes && whole.digest('hex') === digest) return
  // Collected since it was looked up, or really not what it was.
  if ((await ask((reader) => reader.blob(digest))) === undefined) throw blobMissing(digest)
  throw blobDamaged(label, digest)
}

function blobDamaged(label: string, digest: string): HoldfastError {
  return rowDamaged({ file: label, table: 'blob' }, `the content of blob ${digest} is not its own`)
}

export function blobMissing(digest: string): HoldfastError {
  return new HoldfastError('BLOB_MISSING', `blob ${digest} is not stored`, { details: { digest } })
}
