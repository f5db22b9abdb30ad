import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLine, lineEnd } from '../core/record.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { alteredFile } from '../testing/altered-disk.ts'
import { putFile } from '../testing/sample-journal.ts'
import { damageAt, soundLines } from '../testing/sound-lines.ts'
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
    await nextTurn() // a failure that nobody had taken up by now would end the process
    await expect(lines.load()).rejects.toThrow('as planned')
  })
})

describe('a line that is checked', () => {
  const lengths = Array.from({ length: 40 }, (_, index) => 100 + 37 * (index % 13))

  /** Of each line that was asked for, whether it is what is said of it alone. */
  async function areToldAsAlone(bytes: Buffer, range: { chunkBytes: number; ahead: boolean }, every: number) {
    const disk = memoryDisk()
    await putFile(disk, 'f', bytes)
    const lines = new LineReader(await disk.open('f', { mode: 'read' }), { ...range, from: 0, to: bytes.length })
    let count = 0
    while (await lines.load()) {
      while (lines.next()) {
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
          for (const ahead of [false, true]) await areToldAsAlone(bytes, { chunkBytes, ahead }, every)
        }
      }
    },
  )
})
