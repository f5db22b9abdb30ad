// The lines of a segment from the newest to the oldest, in bounded memory: only what is asked for is read. Like LineReader,
// it finds lines; what it means when one isn't what was written is for the caller to judge.

import { areLinesSound } from '../core/line-sums.ts'
import type { ByteOffset } from '../core/numbers.ts'
import { type CheckedLine, checkLine, lineTail } from '../core/record.ts'
import type { DiskFile } from '../disks/disk.ts'
import { readFully } from '../disks/whole-io.ts'
import { type LineRange, lineBytesMax } from './line-reader.ts'

const newline = 0x0a

/**
 *   while (await lines.load()) while (lines.previous()) use(lines.buffer, lines.start, lines.end)
 *
 * The range begins and ends at the end of a line. `buffer` is reused: what is kept beyond the next load() must be copied.
 */
export class BackwardLines {
  readonly #file: DiskFile
  readonly #from: ByteOffset
  readonly #chunkBytes: number
  #bytes: Buffer
  /** File offset of #bytes[0]. */
  #base: ByteOffset
  /** Everything in #bytes before it is still to be given. */
  #cursor = 0
  /** The lines that are loaded, from the current one back, were checked together, and were all sound or not. */
  #areChecked = false
  #areSound = false
  /** The current line is buffer[start, end), without its newline. */
  start = 0
  end = 0

  constructor(file: DiskFile, { from, to, chunkBytes }: LineRange) {
    this.#file = file
    this.#from = from
    this.#base = to
    this.#chunkBytes = chunkBytes
    this.#bytes = Buffer.allocUnsafe(Math.min(chunkBytes, to - from))
  }

  get buffer(): Buffer {
    return this.#bytes
  }

  /** File offset of the current line. */
  get offset(): ByteOffset {
    return this.#base + this.start
  }

  /** File offset before which nothing was given yet: `from` when all of it was. */
  get left(): ByteOffset {
    return this.#base + this.#cursor
  }

  /** Reads back until there is at least one whole line; false when no whole line is left. */
  async load(): Promise<boolean> {
    while (this.#lineStart() < 0) {
      if (this.#base === this.#from || this.#cursor > lineBytesMax) return false
      await this.#readMore()
    }
    return true
  }

  /** Where the line before the cursor begins in the buffer; -1 when that isn't known, or there is none. */
  #lineStart(): number {
    if (this.#cursor === 0 || this.#bytes[this.#cursor - 1] !== newline) return -1
    const before = this.#cursor === 1 ? -1 : this.#bytes.lastIndexOf(newline, this.#cursor - 2)
    return before < 0 && this.#base > this.#from ? -1 : before + 1
  }

  async #readMore(): Promise<void> {
    const more = Math.min(this.#base - this.#from, Math.max(this.#chunkBytes, this.#cursor))
    const larger = this.#bytes.length < more + this.#cursor ? Buffer.allocUnsafe(more + this.#cursor) : this.#bytes
    this.#bytes.copy(larger, more, 0, this.#cursor)
    this.#bytes = larger
    // Lines that are not there any more are no lines: the rest of the buffer must not be taken for them.
    larger.fill(0, await readFully(this.#file, larger.subarray(0, more), this.#base - more), more)
    this.#base -= more
    this.#cursor += more
    this.#areChecked = false
  }

  /** The current line, checked alone; undefined when it isn't what was written. */
  check(): CheckedLine | undefined {
    if (!this.#areChecked) {
      this.#areChecked = true
      const first = this.#base === this.#from ? 0 : this.#bytes.indexOf(newline) + 1
      this.#areSound = areLinesSound(this.#bytes, first, this.end + 1)
    }
    return this.#areSound ? lineTail(this.#bytes, this.start, this.end) : checkLine(this.#bytes, this.start, this.end)
  }

  /** Moves to the whole line before, in the buffer. */
  previous(): boolean {
    const start = this.#lineStart()
    if (start < 0) return false
    this.start = start
    this.end = this.#cursor - 1
    this.#cursor = start
    return true
  }
}
