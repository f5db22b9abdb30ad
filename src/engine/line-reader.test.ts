import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { alteredFile } from '../testing/altered-disk.ts'
import { putFile } from '../testing/sample-journal.ts'
import { LineReader } from './line-reader.ts'

/** The lines with their offsets, and what was consumed. */
async function linesOf(text: string, range: { from: number; to: number; chunkBytes: number; ahead: boolean }) {
  const disk = memoryDisk()
  await putFile(disk, 'f', Buffer.from(text))
  const file = await disk.open('f', { mode: 'read' })
  const lines = new LineReader(file, range)
  const found: [number, string][] = []
  while (await lines.load()) {
    while (lines.next()) found.push([lines.offset, lines.buffer.toString('utf8', lines.start, lines.end)])
  }
  return { found, consumed: lines.consumed, exhausted: lines.exhausted }
}

describe('lines', () => {
  it('are the same whether the next piece is read ahead or not', async () => {
    const lengths = fc.oneof(fc.nat(40), fc.nat(40), fc.integer({ min: 15_000, max: 60_000 }))
    const texts = fc.array(lengths, { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 30_000 }), fc.nat(20), async (lines, chunkBytes, torn) => {
        const text = lines.map((length, index) => `${String(index % 10).repeat(length)}\n`).join('') + 'x'.repeat(torn)
        const expected: [number, string][] = []
        let at = 0
        for (const [index, length] of lines.entries()) {
          expected.push([at, String(index % 10).repeat(length)])
          at += length + 1
        }
        for (const ahead of [false, true]) {
          const told = await linesOf(text, { from: 0, to: text.length, chunkBytes, ahead })
          expect(told).toEqual({ found: expected, consumed: at, exhausted: true })
        }
      }),
      { numRuns: 60 },
    )
  })
  it('end where the file does, though the range goes on', async () => {
    for (const ahead of [false, true]) {
      const told = await linesOf('one\ntwo\n', { from: 0, to: 100, chunkBytes: 4, ahead })
      expect(told).toMatchObject({ consumed: 8, exhausted: false })
    }
  })
  it('fail when they are needed, not before', async () => {
    const disk = memoryDisk()
    await putFile(disk, 'f', Buffer.from(`${'a'.repeat(5_000)}\n`.repeat(4)))
    const inner = await disk.open('f', { mode: 'read' })
    let reads = 0
    const file = alteredFile(inner, {
      read: async (into, at) => {
        reads++
        if (reads > 1) throw new Error('as planned')
        return inner.read(into, at)
      },
    })
    const lines = new LineReader(file, { from: 0, to: 20_004, chunkBytes: 8_192, ahead: true })
    expect([await lines.load(), lines.next(), lines.next(), reads]).toEqual([true, true, false, 2])
    await expect(lines.load()).rejects.toThrow('as planned')
  })
})
