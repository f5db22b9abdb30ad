import { describe, expect, it } from 'vitest'
import type { DiskFile } from '../../disks/disk.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { readWhole, writeWhole } from './whole-io.ts'

/** Does at most three bytes at a time. */
async function shortFile(): Promise<DiskFile> {
  const file = await memoryDisk().open('a', { mode: 'write', create: 'exclusive' })
  return {
    ...file,
    read: (into, at) => file.read(into.subarray(0, 3), at),
    write: (from, at) => file.write(from.subarray(0, 3), at),
  }
}

describe('whole reads and writes', () => {
  it('go on after short counts, to the end of the file', async () => {
    const file = await shortFile()
    await writeWhole(file, Buffer.from('0123456789'), 2)
    const into = Buffer.alloc(20)
    expect(await readWhole(file, into, 4)).toBe(8)
    expect(into.toString('latin1', 0, 8)).toBe('23456789')
  })

  it('do not go round for ever when a disk takes nothing', async () => {
    const file: DiskFile = { ...(await shortFile()), write: () => Promise.resolve(0) }
    await expect(writeWhole(file, Buffer.from('0'), 0)).rejects.toMatchObject({ code: 'EIO' })
  })
})
