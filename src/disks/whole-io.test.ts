import { describe, expect, it } from 'vitest'
import type { DiskFile } from './disk.ts'
import { memoryDisk } from './memory-disk.ts'
import { readFully, readPieces, writeFully } from './whole-io.ts'

/** Does at most three bytes at a time. */
async function shortFile(): Promise<DiskFile> {
  const file = await memoryDisk().open('a', { mode: 'write', create: 'exclusive' })
  return {
    ...file,
    size: () => file.size(),
    read: (into, at) => file.read(into.subarray(0, 3), at),
    write: (from, at) => file.write(from.subarray(0, 3), at),
  }
}

describe('whole reads and writes', () => {
  it('go on after short counts, to the end of the file', async () => {
    const file = await shortFile()
    await writeFully(file, Buffer.from('0123456789'), 2)
    const into = Buffer.alloc(20)
    expect(await readFully(file, into, 4)).toBe(8)
    expect(into.toString('latin1', 0, 8)).toBe('23456789')
  })

  it('take a disk that takes nothing without a reason for full', async () => {
    const file: DiskFile = { ...(await shortFile()), write: () => Promise.resolve(0) }
    await expect(writeFully(file, Buffer.from('0'), 0)).rejects.toMatchObject({ code: 'ENOSPC' })
  })

  it('forgive a disk that takes nothing now and then', async () => {
    const file = await shortFile()
    let calls = 0
    const halting: DiskFile = {
      ...file,
      write: (from, at) => (++calls % 3 === 0 ? file.write(from, at) : Promise.resolve(0)),
    }
    await writeFully(halting, Buffer.from('0123456789'), 0)
    expect(await file.size()).toBe(10)
  })

  it('give a range in pieces, as far as the file goes', async () => {
    const file = await shortFile()
    const content = Buffer.alloc(700_000, 'holdfast')
    await writeFully({ ...file, write: (from, at) => file.write(from, at) }, content, 0)
    const pieces: Buffer[] = []
    for await (const piece of readPieces(file, { from: 1, to: 1_000_000 })) pieces.push(Buffer.from(piece))
    expect(pieces.length).toBeGreaterThan(1)
    expect(Buffer.concat(pieces).equals(content.subarray(1))).toBe(true)
  })
})
