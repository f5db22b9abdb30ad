import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { putFile } from '../testing/sample-journal.ts'
import { BackwardLines } from './backward-lines.ts'

/** The lines of text[from, to) with their offsets, as they are given, and how much was left. */
async function backward(text: string, from: number, to: number, chunkBytes: number) {
  const disk = memoryDisk()
  await putFile(disk, 'f', Buffer.from(text))
  const file = await disk.open('f', { mode: 'read' })
  const lines = new BackwardLines(file, { from, to, chunkBytes })
  const found: [number, string][] = []
  while (await lines.load()) {
    while (lines.previous()) found.push([lines.offset, lines.buffer.toString('utf8', lines.start, lines.end)])
  }
  return { found, left: lines.left }
}

describe('lines, from the last one back', () => {
  it('are those of the range, whatever is read at a time', async () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(texts, fc.nat(12), fc.integer({ min: 1, max: 30 }), async (lines, skipped, chunkBytes) => {
        const offsets: [number, string][] = []
        let at = 0
        for (const line of lines) {
          offsets.push([at, line])
          at += line.length + 1
        }
        const from = offsets[Math.min(skipped, offsets.length)]?.[0] ?? at
        const expected = offsets.filter(([offset]) => offset >= from).reverse()
        const text = lines.map((line) => `${line}\n`).join('')
        expect(await backward(text, from, at, chunkBytes)).toEqual({ found: expected, left: from })
      }),
    )
  })
  it('end where no line ends', async () => {
    expect(await backward('one\ntwo', 0, 7, 3)).toEqual({ found: [], left: 7 })
  })
  it('of a file that has become shorter are not what a buffer held before', async () => {
    const { found, left } = await backward('one\ntwo\n', 0, 30, 10)
    expect([found, left]).toEqual([[], 30])
  })
})
