// Chunk files that something else changes while they are looked at.

import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { putFile } from '../testing/sample-journal.ts'
import { ChunkFiles, sha256 } from './chunk-files.ts'
import { blobPath } from './layout.ts'

const content = Buffer.alloc(1_000, 'content')
const digest = sha256(content)

describe('a chunk', () => {
  it('that loses its end just as it is read is damaged, and written anew by whoever puts it', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const files = new ChunkFiles(disk)
    await files.put(digest, content)
    const losingItsEnd = async <T>(work: () => Promise<T>): Promise<T> => {
      const reading = hold('read', (path) => path === blobPath(digest))
      const result = work()
      await reading.reached
      await putFile(disk, blobPath(digest), content.subarray(0, 600))
      reading.release()
      return result
    }
    const details = { file: blobPath(digest), offset: 0, kind: 'blob-digest' }
    const damage = { code: 'DAMAGED', details }
    await expect(losingItsEnd(() => files.read(digest, content.length))).rejects.toMatchObject(damage)
    await files.put(digest, content)
    await losingItsEnd(() => files.put(digest, content))
    expect(await files.read(digest, content.length)).toEqual(content)
  })
})
