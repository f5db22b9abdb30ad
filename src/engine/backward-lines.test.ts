import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLine, lineEnd } from '../core/record.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { alteredFile } from '../testing/altered-disk.ts'
import { putFile } from '../testing/sample-journal.ts'
import { damageAt, soundLines } from '../testing/sound-lines.ts'
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
    const disk = memoryDisk()
    await putFile(disk, 'f', Buffer.from('one\ntwo\nsix\nten\nsum\nend\n'))
    const file = await disk.open('f', { mode: 'read' })
    let reads = 0
    const shortened = alteredFile(file, { read: async (into, at) => (++reads < 3 ? file.read(into, at) : 0) })
    const lines = new BackwardLines(shortened, { from: 0, to: 24, chunkBytes: 8 })
    const given: string[] = []
    while (await lines.load()) {
      while (lines.previous()) given.push(lines.buffer.toString('utf8', lines.start, lines.end))
    }
    expect(reads).toBe(3)
    const known = given.filter((line) => !line.includes('\0'))
    expect(known.slice(0, 2)).toEqual(['end', 'sum'])
    expect(new Set(known).size).toBe(known.length)
  })
})

describe('a line that is checked', () => {
  const lengths = Array.from({ length: 40 }, (_, index) => 100 + 37 * (index % 13))

  /** Of each line that was asked for, whether it is what is said of it alone. */
  async function areToldAsAlone(bytes: Buffer, range: { chunkBytes: number }, every: number) {
    const disk = memoryDisk()
    await putFile(disk, 'f', bytes)
    const lines = new BackwardLines(await disk.open('f', { mode: 'read' }), { ...range, from: 0, to: bytes.length })
    let count = 0
    while (await lines.load()) {
      while (lines.previous()) {
        if (count++ % every !== 0) continue // not every line is checked by everybody
        expect(lines.check()).toEqual(checkLine(bytes, lines.offset, lineEnd(bytes, lines.offset)))
      }
    }
    expect(count).toBe(lengths.length)
  }

  it.each([300, 1_000, 3_000, 5_000, 100_000])(
    'is sound or not as by itself, with %d bytes at a time, wherever the damage is and whoever else is checked',
    async (chunkBytes) => {
      const sound = soundLines(lengths)
      for (let at = 5; at < sound.length; at = sound.indexOf('\n', at) + 6) {
        const bytes = Buffer.from(sound)
        damageAt(bytes, at)
        for (const every of [1, 3]) {
          await areToldAsAlone(bytes, { chunkBytes }, every)
        }
      }
    },
  )
})
