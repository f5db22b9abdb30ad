// Bytes from anywhere, cut into lines. Memory holds one line and one piece of the source, whatever the source claims: a
// line that goes on beyond the limit is refused when that much of it has come.

import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type ImportPlace, importInvalid } from './import-invalid.ts'

const newline = 0x0a

export interface Line extends ImportPlace {
  /** Without its newline. */
  readonly bytes: Buffer
  /** Whether a newline ended it. */
  readonly isWhole: boolean
}

/** All lines that came with one piece of the source, at a time. */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[], void, undefined> {
  let held: Buffer[] = []
  let heldBytes = 0
  let offset = 0
  let number = 1
  for await (const piece of source) {
    if (!(piece instanceof Uint8Array)) {
      throw new HoldfastError('INVALID_ARGUMENT', 'the source of an import must give bytes (Uint8Array)')
    }
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    const lines: Line[] = []
    let from = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, from)) {
      const part = bytes.subarray(from, end)
      const line = held.length === 0 ? part : Buffer.concat([...held, part])
      mustFit(line.length, { line: number, offset })
      lines.push({ line: number, offset, bytes: line, isWhole: true })
      number++
      offset += line.length + 1
      held = []
      heldBytes = 0
      from = end + 1
    }
    if (from < bytes.length) {
      // A copy: the source may use its buffer again.
      held.push(Buffer.from(bytes.subarray(from)))
      heldBytes += bytes.length - from
      mustFit(heldBytes, { line: number, offset })
    }
    if (lines.length > 0) yield lines
  }
  if (heldBytes > 0) yield [{ line: number, offset, bytes: Buffer.concat(held), isWhole: false }]
}

function mustFit(bytes: number, place: ImportPlace): void {
  if (bytes <= limits.importLineBytesMax) return
  throw importInvalid(place, `a line is longer than ${limits.importLineBytesMax} bytes`)
}
