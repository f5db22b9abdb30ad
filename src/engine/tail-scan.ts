// Looks at the end of the active segment and says what is there: the facts on which recovery decides.

import type { ByteOffset, Position } from '../core/numbers.ts'
import { checkLine, lineHasMore, lineKind } from '../core/record.ts'
import type { TailFacts } from '../core/recovery-table.ts'
import type { DiskFile } from '../disks/disk.ts'
import { limits } from '../limits.ts'
import { LineReader } from './line-reader.ts'

export interface TailStart {
  /** Where to begin: behind the header, or at the published durable place. */
  readonly from: ByteOffset
  /** Known durable up to here: the end of the carried lines, or `from`. */
  readonly witness: ByteOffset
  /** Newest position below `from`. */
  readonly position: Position
}

export interface Tail extends TailFacts {
  /** Newest position below the witness. */
  readonly position: Position
  /** Where the first line stands that is not what was written; undefined when there is none. */
  readonly badAt: ByteOffset | undefined
}

const witnessStart: Buffer = Buffer.from('{"control":"witness"')

export async function scanTail(file: DiskFile, fileBytes: ByteOffset, start: TailStart): Promise<Tail> {
  const scan = new TailScan(start)
  if (start.from > fileBytes) return scan.facts(fileBytes, fileBytes)
  const lines = new LineReader(file, { from: start.from, to: fileBytes, chunkBytes: limits.pageBytes })
  while (await lines.load()) {
    while (lines.next()) scan.take(lines.buffer, lines.start, lines.end, lines.offset)
  }
  return scan.facts(fileBytes, lines.consumed)
}

class TailScan {
  #witness: ByteOffset
  #complete: ByteOffset
  #above: 'nothing' | 'witnesses' | 'records' = 'nothing'
  #pendingAbove: 'nothing' | 'witnesses' | 'records' = 'nothing'
  #badAt: ByteOffset | undefined
  #previousSum: number | undefined
  /** Newest position seen, and the one below the witness. */
  #position: Position
  #witnessPosition: Position

  constructor(start: TailStart) {
    this.#witness = start.witness
    this.#complete = start.from
    this.#position = start.position
    this.#witnessPosition = start.position
  }

  take(buffer: Buffer, start: number, end: number, offset: ByteOffset): void {
    const line = checkLine(buffer, start, end)
    const linked = line !== undefined && (this.#previousSum === undefined || this.#previousSum === line.link)
    if (line === undefined || !linked) this.#badAt ??= offset
    if (line === undefined) return
    if (line.join === 'sync') this.#meetWitness(offset)
    if (this.#badAt !== undefined) return
    this.#previousSum = line.sum
    this.#count(buffer, start, end, offset)
  }

  /** A group begins here, so everything before was durable: also what is damaged now. */
  #meetWitness(offset: ByteOffset): void {
    if (offset < this.#witness) return
    this.#witness = offset
    this.#witnessPosition = this.#position
    this.#above = 'nothing'
    this.#pendingAbove = 'nothing'
  }

  #count(buffer: Buffer, start: number, end: number, offset: ByteOffset): void {
    const isWitness = buffer.compare(witnessStart, 0, witnessStart.length, start, start + witnessStart.length) === 0
    if (lineKind(buffer, start) === 'event')
      this.#position = Number.parseInt(buffer.toString('latin1', start + 12, start + 29), 10)
    if (offset < this.#witness) this.#witnessPosition = this.#position
    else if (!isWitness) this.#pendingAbove = 'records'
    else if (this.#pendingAbove === 'nothing') this.#pendingAbove = 'witnesses'
    if (lineHasMore(buffer, start, end)) return
    this.#complete = offset + (end - start) + 1
    this.#above = this.#pendingAbove
  }

  facts(fileBytes: ByteOffset, consumed: ByteOffset): Tail {
    if (consumed < fileBytes) this.#badAt ??= consumed
    return {
      fileBytes,
      witness: this.#witness,
      complete: this.#complete,
      above: this.#above,
      position: this.#witnessPosition,
      badAt: this.#badAt,
    }
  }
}
