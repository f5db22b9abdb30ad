// Checks many lines with one native call: a call for each costs more than the sum itself. What the sum over all bytes
// must be follows from what the lines say of themselves, because CRC-32 is linear: the sum of two parts is the sum of the
// first, moved on by the length of the second, plus the sum of the second. So the sums of bodies are taken from their lines,
// those of the short tails are calculated, and only the whole is read through.
// Invariant: a single wrong line is always found, as when it is checked alone; several that make up for each other would
// have to agree in 32 bits. Which line is wrong is for the caller to find out.

import { crc32 } from 'node:zlib'
import { isLinkedTo, lineEnd, lineSum, lineTail, tailBytes } from './record.ts'

const polynomial = 0xedb88320
/** Bodies of that length and longer are checked alone, which for them costs little. */
const longBody = 4_096
/** table[256 * n + byte]: what a byte becomes with n more bytes behind it. */
const table: Int32Array = new Int32Array(1_024)
/** x to the power of 8 n: what moves a sum on by n bytes. */
const powers: Int32Array = new Int32Array(longBody)

for (let byte = 0; byte < 256; byte++) {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (polynomial & -(value & 1))
  table[byte] = value
}
for (let at = 256; at < table.length; at++) table[at] = nextByte(table[at - 256] as number)
powers[0] = 0x80000000
for (let at = 1; at < powers.length; at++) powers[at] = nextByte(powers[at - 1] as number)

function nextByte(value: number): number {
  return (table[value & 0xff] as number) ^ (value >>> 8)
}

/** Whether each line of bytes[from, to) is what its own sum says. The range ends with a newline. With `link`, also whether
 * each has a valid tail and is linked to the one before, the first one to this sum. */
export function areLinesSound(bytes: Buffer, from: number, to: number, link?: number): boolean {
  let expected = 0
  let before = -1
  for (let at = from; at < to; ) {
    const end = lineEnd(bytes, at)
    const bodyEnd = end - tailBytes
    const sum = bodyEnd > at ? lineSum(bytes, end) : -1
    if (sum < 0) return false
    if (link !== undefined) {
      if (before < 0 ? lineTail(bytes, at, end)?.link !== link : !isLinkedTo(bytes, end, before)) return false
      before = end
    }
    if (bodyEnd - at < longBody) expected = product(powers[bodyEnd - at] as number, expected) ^ sum
    else {
      const body = bytes.subarray(at, bodyEnd)
      if (crc32(body) !== sum) return false
      expected = crc32(body, expected >>> 0)
    }
    expected = sumOver(expected, bytes, bodyEnd, end + 1)
    at = end + 1
  }
  return expected >>> 0 === crc32(bytes.subarray(from, to))
}

/** Of two polynomials, modulo the one of CRC-32. Without branches, which would be guessed wrong half of the time. */
function product(a: number, b: number): number {
  let result = 0
  let factor = b
  for (let bit = 31; bit >= 0; bit--) {
    result ^= factor & -((a >>> bit) & 1)
    factor = (factor >>> 1) ^ (polynomial & -(factor & 1))
  }
  return result
}

/** The sum `before`, gone on over some bytes: for few of them quicker than a native call. */
function sumOver(before: number, bytes: Buffer, from: number, to: number): number {
  let value = ~before
  let at = from
  for (; at + 4 <= to; at += 4) {
    value ^= word(bytes, at)
    const low = (table[768 + (value & 0xff)] as number) ^ (table[512 + ((value >>> 8) & 0xff)] as number)
    value = low ^ (table[256 + ((value >>> 16) & 0xff)] as number) ^ (table[value >>> 24] as number)
  }
  for (; at < to; at++) value = nextByte(value ^ (bytes[at] as number))
  return ~value
}

function word(bytes: Buffer, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
}
