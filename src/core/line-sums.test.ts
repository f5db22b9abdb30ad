import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { areLinesSound } from './line-sums.ts'
import { checkLine, lineEnd, writeLine } from './record.ts'

const bodies = fc.array(
  fc.oneof(
    fc.string({ minLength: 1, maxLength: 60 }),
    fc.integer({ min: 4_080, max: 9_000 }).map((n) => 'x'.repeat(n)),
  ),
  { minLength: 1, maxLength: 8 },
)

function linesOf(texts: readonly string[]): Buffer {
  const bytes = Buffer.alloc(100_000)
  let at = 0
  let link = 7
  for (const text of texts) {
    const { end, sum } = writeLine(bytes, at, text.replaceAll('\n', ' '), link, at === 0 ? 'sync' : 'link')
    at = end
    link = sum
  }
  return bytes.subarray(0, at)
}

/** Each line by itself. */
function areSoundAlone(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; ) {
    const end = lineEnd(bytes, at)
    if (end < 0 || checkLine(bytes, at, end) === undefined) return false
    at = end + 1
  }
  return true
}

function areChainedAlone(bytes: Buffer, link: number): boolean {
  let sum = link
  for (let at = 0; at < bytes.length; ) {
    const end = lineEnd(bytes, at)
    const line = end < 0 ? undefined : checkLine(bytes, at, end)
    if (line === undefined || line.link !== sum) return false
    sum = line.sum
    at = end + 1
  }
  return true
}

describe('lines that are checked together', () => {
  it('are sound when each of them is', () => {
    fc.assert(
      fc.property(bodies, (texts) => {
        const bytes = linesOf(texts)
        expect(areLinesSound(bytes, 0, bytes.length)).toBe(true)
      }),
    )
  })
  it('are sound whatever their length: around where they begin to be checked alone, too', () => {
    for (let length = 4_090; length <= 4_100; length++) {
      const bytes = linesOf(['{"a":1', 'x'.repeat(length), '{"b":2'])
      expect(areLinesSound(bytes, 0, bytes.length), `${length} bytes`).toBe(true)
    }
  })
  it('are not when any bit of a body or a sum is another one', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(7), (texts, where, bit) => {
        const bytes = linesOf(texts)
        const at = where % (bytes.length - 1) // the last newline ends the range
        bytes[at] = (bytes[at] as number) ^ (1 << bit)
        // A flip of a link, or of the name of the last field, is no matter of sums: the tail is looked at as well.
        if (!areSoundAlone(bytes) && isOfSums(bytes, at)) expect(areLinesSound(bytes, 0, bytes.length)).toBe(false)
      }),
      { numRuns: 1_000 },
    )
  })
  it('and are to follow each other are sound when each is by itself and does, whichever bit is another one', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(8), (texts, where, bit) => {
        const bytes = linesOf(texts)
        const at = where % (bytes.length - 1)
        if (bit < 8) bytes[at] = (bytes[at] as number) ^ (1 << bit)
        expect(areLinesSound(bytes, 0, bytes.length, 7)).toBe(areChainedAlone(bytes, 7))
      }),
      { numRuns: 1_000 },
    )
  })
  it('do not follow each other when one of them is missing, or the one before them is another', () => {
    const bytes = linesOf(['{"a":1', '{"b":2', '{"c":3'])
    expect(areLinesSound(bytes, 0, bytes.length, 7)).toBe(true)
    expect(areLinesSound(bytes, 0, bytes.length, 8)).toBe(false)
    const second = lineEnd(bytes, 0) + 1
    const third = lineEnd(bytes, second) + 1
    const without = Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)])
    expect(areLinesSound(without, 0, without.length)).toBe(true)
    expect(areLinesSound(without, 0, without.length, 7)).toBe(false)
  })
  it('of which one is no line are not', () => {
    const bytes = linesOf(['{"a":1', '{"b":2'])
    const second = lineEnd(bytes, 0) + 1
    expect(areLinesSound(bytes.subarray(second - 5), 0, bytes.length - second + 5)).toBe(false)
    bytes[second - 25] = 0x67 // a letter in the first line's sum that is no digit
    expect(areLinesSound(bytes, 0, bytes.length)).toBe(false)
  })
})

/** Whether the byte stands in a body or in the digits of a sum. */
function isOfSums(bytes: Buffer, at: number): boolean {
  const end = lineEnd(bytes, at)
  const fromEnd = end - at
  return end >= 0 && (fromEnd > 36 || (fromEnd <= 28 && fromEnd > 20))
}
