// Lines with sound checksums and bodies of given lengths, and damage to them that leaves each line where it is: what checks
// many lines together must say of each what is said of it alone.

import { lineBytesMax, writeLine } from '../core/record.ts'

const newline = 0x0a

export function soundLines(bodyLengths: readonly number[]): Buffer {
  const bodies = bodyLengths.map((length, index) => String(index % 10).repeat(length))
  const bytes = Buffer.alloc(bodies.reduce((sum, body) => sum + lineBytesMax(body), 0))
  let at = 0
  let link = 0
  for (const body of bodies) {
    const { end, sum } = writeLine(bytes, at, body, link, 'link')
    at = end
    link = sum
  }
  return bytes.subarray(0, at)
}

/** Changes the byte there, and no line's length. */
export function damageAt(bytes: Buffer, at: number): void {
  if (bytes[at] !== newline) bytes[at] = bytes[at] === 0x78 ? 0x79 : 0x78
}
