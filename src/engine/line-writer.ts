// Writes the lines of a new segment one after the other, linked and digested as they go, in large pieces. For files that
// get their name only when they are complete (rewritten segments, imports): nothing is durable before finish().

import { createHash } from 'node:crypto'
import type { ByteOffset } from '../core/numbers.ts'
import { lineBytesMax, relink, writeLine } from '../core/record.ts'
import type { DiskFile } from '../disks/disk.ts'
import { writeFully } from '../disks/whole-io.ts'

const pieceBytesDefault = 1_048_576

/** How a long file is written beside the appends of the same process and on the same disk. */
export interface LinePace {
  /** Digested and written at a time. */
  readonly pieceBytes?: number
  /** Synced at a time, not all at the end: an append's sync waits for what the disk is made to write by another. */
  readonly syncEveryBytes?: number
}

export class LineWriter {
  readonly #file: DiskFile
  readonly #hash = createHash('sha256')
  readonly #syncEveryBytes: number
  #unsynced = 0
  #buffer: Buffer
  #filled = 0
  #written: ByteOffset = 0
  #sum = 0

  constructor(file: DiskFile, pace: LinePace = {}) {
    this.#file = file
    this.#syncEveryBytes = pace.syncEveryBytes ?? Number.POSITIVE_INFINITY
    this.#buffer = Buffer.allocUnsafe(2 * (pace.pieceBytes ?? pieceBytesDefault))
  }

  /** Where the next line will stand. */
  get offset(): ByteOffset {
    return this.#written + this.#filled
  }

  /** A whole line that was laid out elsewhere (the header); links start from it. */
  async addLine(line: Buffer, sum: number): Promise<void> {
    await this.#makeRoom(line.length)
    line.copy(this.#buffer, this.#filled)
    this.#filled += line.length
    this.#sum = sum
  }

  /** A line of another segment, checked before: its body and sum stay, its link becomes the line before. */
  async moveLine(
    from: Buffer,
    range: { readonly start: number; readonly end: number; readonly sum: number },
  ): Promise<void> {
    const { start, end, sum } = range
    await this.#makeRoom(end - start + 1)
    from.copy(this.#buffer, this.#filled, start, end + 1)
    this.#filled += end - start + 1
    relink(this.#buffer, this.#filled - 1, this.#sum)
    this.#sum = sum
  }

  async addBody(body: string): Promise<void> {
    await this.#makeRoom(lineBytesMax(body))
    const { end, sum } = writeLine(this.#buffer, this.#filled, body, this.#sum, 'link')
    this.#filled = end
    this.#sum = sum
  }

  /** Everything is durable when it resolves. */
  async finish(): Promise<{ readonly bytes: ByteOffset; readonly sha256: string; readonly sum: number }> {
    await this.#flush()
    await this.#file.sync()
    return { bytes: this.#written, sha256: this.#hash.digest('hex'), sum: this.#sum }
  }

  async #makeRoom(needed: number): Promise<void> {
    if (this.#buffer.length - this.#filled >= needed) return
    await this.#flush()
    if (this.#buffer.length < needed) this.#buffer = Buffer.allocUnsafe(needed)
  }

  async #flush(): Promise<void> {
    const piece = this.#buffer.subarray(0, this.#filled)
    this.#hash.update(piece)
    await writeFully(this.#file, piece, this.#written)
    this.#written += piece.length
    this.#filled = 0
    this.#unsynced += piece.length
    if (this.#unsynced < this.#syncEveryBytes) return
    this.#unsynced = 0
    await this.#file.sync()
  }
}
