// The lines of a segment, in order, in bounded memory. It finds lines; what it means when one isn't what was written is for
// the caller to judge. Used by recovery, reading, verify and the making of an index alike.

import { areLinesSound } from '../core/line-sums.ts'
import type { ByteOffset } from '../core/numbers.ts'
import { type CheckedLine, checkLine, lineEnd, lineTail } from '../core/record.ts'
import type { DiskFile } from '../disks/disk.ts'
import { readFully } from '../disks/whole-io.ts'

/** No line that Holdfast writes is longer; what goes on longer without a newline is damage. */
export const lineBytesMax: number = 16_777_216

export interface LineRange {
  readonly from: ByteOffset
  readonly to: ByteOffset
  /** Bytes to read at a time. */
  readonly chunkBytes: number
  /** For who will read all of it: the next piece is read from the disk while the lines of this one are gone through. */
  readonly ahead?: boolean
}

/** A piece that is being read. It begins at `roomBytes` in its buffer: what the piece before left over goes in front of it. */
interface Ahead {
  readonly bytes: Buffer
  readonly at: ByteOffset
  readonly count: Promise<number>
}

const newline = 0x0a
/** Nearly all lines are shorter. */
const roomBytes = 16_384

/**
 *   while (await lines.load()) while (lines.next()) use(lines.buffer, lines.start, lines.end)
 *
 * `buffer` is reused: what is kept beyond the next load() must be copied.
 */
export class LineReader {
  readonly #file: DiskFile
  readonly #to: ByteOffset
  readonly #chunkBytes: number
  #bytes: Buffer
  /** File offset of #bytes[0]. */
  #base: ByteOffset
  #filled = 0
  #cursor = 0
  readonly #readsAhead: boolean
  #ahead: Ahead | undefined
  /** Up to here in the buffer lines were checked together, and were all sound or not. */
  #checkedTo = 0
  #areSound = false
  /** Of the piece before: nobody needs it any more. */
  #spare: Buffer | undefined
  /** The current line is buffer[start, end), without its newline. */
  start = 0
  end = 0

  constructor(file: DiskFile, range: LineRange) {
    this.#file = file
    this.#to = range.to
    this.#base = range.from
    this.#chunkBytes = range.chunkBytes
    this.#readsAhead = range.ahead === true
    this.#bytes = Buffer.allocUnsafe(Math.max(4096, Math.min(range.chunkBytes, range.to - range.from)))
  }

  get buffer(): Buffer {
    return this.#bytes
  }

  /** File offset of the current line. */
  get offset(): ByteOffset {
    return this.#base + this.start
  }

  /** File offset behind the last line that next() gave. */
  get consumed(): ByteOffset {
    return this.#base + this.#cursor
  }

  /** Offset in `buffer` behind the last line that next() gave. */
  get consumedInBuffer(): number {
    return this.#cursor
  }

  /** Whether the range was read to its end. Behind `consumed` there may be bytes without a newline. */
  get exhausted(): boolean {
    return this.#base + this.#filled >= this.#to
  }

  /** Reads on until there is at least one whole line; false when no whole line is left. */
  async load(): Promise<boolean> {
    for (;;) {
      if (lineEnd(this.#bytes.subarray(0, this.#filled), this.#cursor) >= 0) return true
      if (this.exhausted || this.#filled - this.#cursor > lineBytesMax) return false
      if (!(await this.#readMore())) return false
    }
  }

  async #readMore(): Promise<boolean> {
    this.#checkedTo = 0
    const more = await this.#readOn()
    if (this.#readsAhead && !this.exhausted) this.#beginAhead()
    return more
  }

  async #readOn(): Promise<boolean> {
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead !== undefined && this.#filled - this.#cursor <= roomBytes) return await this.#take(ahead)
    await ahead?.count // a long line: it is read once more, behind what is there of it
    this.#bytes.copyWithin(0, this.#cursor, this.#filled)
    this.#base += this.#cursor
    this.#filled -= this.#cursor
    this.#cursor = 0
    if (this.#bytes.length - this.#filled < this.#chunkBytes && this.#filled > 0) {
      const larger = Buffer.allocUnsafe(this.#filled + Math.max(this.#chunkBytes, this.#filled))
      this.#bytes.copy(larger, 0, 0, this.#filled)
      this.#bytes = larger
    }
    const at = this.#base + this.#filled
    const want = Math.min(this.#bytes.length - this.#filled, this.#to - at)
    const count = await readFully(this.#file, this.#bytes.subarray(this.#filled, this.#filled + want), at)
    this.#filled += count
    return count > 0
  }

  #beginAhead(): void {
    const at = this.#base + this.#filled
    const want = Math.min(this.#chunkBytes, this.#to - at)
    const bytes = this.#spare ?? Buffer.allocUnsafe(roomBytes + this.#chunkBytes)
    const count = readFully(this.#file, bytes.subarray(roomBytes, roomBytes + want), at)
    count.catch(() => undefined) // told when the piece is needed
    this.#ahead = { bytes, at, count }
  }

  async #take({ bytes, at, count }: Ahead): Promise<boolean> {
    const read = await count
    const left = this.#filled - this.#cursor
    this.#bytes.copy(bytes, roomBytes - left, this.#cursor, this.#filled)
    this.#spare = this.#bytes.length === bytes.length ? this.#bytes : undefined
    this.#bytes = bytes
    this.#base = at - roomBytes
    this.#cursor = roomBytes - left
    this.#filled = roomBytes + read
    return read > 0
  }

  /** The current line, checked alone; undefined when it isn't what was written. */
  check(): CheckedLine | undefined {
    if (this.start >= this.#checkedTo) this.#checkLoaded()
    return this.#areSound ? lineTail(this.#bytes, this.start, this.end) : checkLine(this.#bytes, this.start, this.end)
  }

  /** Whether all lines from the current one to the last one that is loaded are what was written, each behind the one before,
   * and the current one behind the line with this sum. If not, check() says where. */
  areChained(sum: number): boolean {
    return areLinesSound(this.#bytes, this.start, this.#loadedEnd(), sum)
  }

  #loadedEnd(): number {
    return this.#bytes.lastIndexOf(newline, this.#filled - 1) + 1
  }

  /** All lines from the current one on to the last one that is loaded. */
  #checkLoaded(): void {
    this.#checkedTo = this.#loadedEnd()
    this.#areSound = areLinesSound(this.#bytes, this.start, this.#checkedTo)
  }

  /** Moves to the next whole line in the buffer. */
  next(): boolean {
    const at = lineEnd(this.#bytes, this.#cursor)
    if (at < 0 || at >= this.#filled) return false
    this.start = this.#cursor
    this.end = at
    this.#cursor = at + 1
    return true
  }
}
