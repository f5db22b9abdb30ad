// Reads the events at known places of a segment: those that an index names. Places that stand close together are read at
// once, others one by one. Whether what stands there is what the index said is for the caller to judge.

import { eventIn } from '../core/event-line.ts'
import type { ByteOffset } from '../core/numbers.ts'
import { checkLine, lineEnd, lineKind } from '../core/record.ts'
import type { DiskFile } from '../disks/disk.ts'
import { readFully } from '../disks/whole-io.ts'
import { limits } from '../limits.ts'
import type { RawEvent } from '../stores/store.ts'

/** To read so much for nothing is cheaper than to read twice. */
const holeBytesMax = 4_096
/** How much is read for the last line of a run at first; longer lines take a second read. */
const lineBytesGuess = 2_048
const longLineBytes = 65_536

export interface PlaceRange {
  /** Indices in the list of offsets, the last one exclusive. */
  readonly from: number
  readonly to: number
}

export class PlaceReader {
  readonly #file: DiskFile
  readonly #end: ByteOffset
  readonly #withText: boolean
  /** For a single line; events hold nothing of it. */
  #scratch: Buffer = Buffer.allocUnsafe(lineBytesGuess)

  /** `end`: where the readable part of the file ends. */
  constructor(file: DiskFile, end: ByteOffset, withText: boolean) {
    this.#file = file
    this.#end = end
    this.#withText = withText
  }

  /**
   * The events at these rising offsets, from the first on or from the last back, and undefined for one where no event stands.
   * It may stop early, when what it read is as large as a page should be; it gives at least one.
   */
  async read(
    offsets: readonly ByteOffset[],
    { from, to }: PlaceRange,
    backward: boolean,
  ): Promise<{ readonly events: readonly (RawEvent | undefined)[]; readonly bytes: number }> {
    const events: (RawEvent | undefined)[] = []
    let left: PlaceRange = { from, to }
    let bytes = 0
    while (left.from < left.to && bytes < limits.pageBytes) {
      const run = backward ? lastRun(offsets, left) : firstRun(offsets, left)
      const base = offsets[run.from] as ByteOffset
      const fill = this.#fill(base, Math.min(this.#end, (offsets[run.to - 1] as ByteOffset) + lineBytesGuess) - base)
      const filled = fill instanceof Promise ? await fill : fill // nothing is waited for that is there
      for (let count = 0; count < run.to - run.from; count++) {
        const offset = offsets[backward ? run.to - 1 - count : run.from + count] as ByteOffset
        const start = offset - base
        const newline = lineEnd(filled, start)
        const line = newline >= 0 ? undefined : await longLineAt(this.#file, offset, this.#end)
        if (newline >= 0) events.push(checkedEvent(filled, start, newline, this.#withText))
        else events.push(line === undefined ? undefined : checkedEvent(line, 0, line.length, this.#withText))
        bytes += newline >= 0 ? newline - start : (line?.length ?? 0)
      }
      left = backward ? { from, to: run.from } : { from: run.to, to }
    }
    return { events, bytes }
  }

  /** No promise where the disk answers at once. */
  #fill(base: ByteOffset, want: number): Buffer | Promise<Buffer> {
    const buffer = want === this.#scratch.length ? this.#scratch : Buffer.allocUnsafe(want)
    const count = this.#file.read(buffer, base)
    return count === want ? buffer : this.#fillRest(buffer, base, count)
  }

  async #fillRest(buffer: Buffer, base: ByteOffset, first: number | Promise<number>): Promise<Buffer> {
    const count = await first
    if (count === 0 || count === buffer.length) return buffer.subarray(0, count)
    return buffer.subarray(0, count + (await readFully(this.#file, buffer.subarray(count), base + count)))
  }
}

/** The places at the beginning that are read together. */
function firstRun(offsets: readonly ByteOffset[], { from, to }: PlaceRange): PlaceRange {
  let end = from + 1
  while (end < to && areNear(offsets, end - 1, end) && spanOf(offsets, from, end) <= limits.pageBytes) end++
  return { from, to: end }
}

/** The same at the end. */
function lastRun(offsets: readonly ByteOffset[], { from, to }: PlaceRange): PlaceRange {
  let start = to - 1
  while (start > from && areNear(offsets, start - 1, start) && spanOf(offsets, start - 1, to - 1) <= limits.pageBytes) {
    start--
  }
  return { from: start, to }
}

function areNear(offsets: readonly ByteOffset[], one: number, next: number): boolean {
  return spanOf(offsets, one, next) <= holeBytesMax
}

function spanOf(offsets: readonly ByteOffset[], one: number, other: number): number {
  return (offsets[other] as ByteOffset) - (offsets[one] as ByteOffset)
}

function checkedEvent(buffer: Buffer, start: number, end: number, withText: boolean): RawEvent | undefined {
  if (checkLine(buffer, start, end) === undefined || lineKind(buffer, start) !== 'event') return undefined
  return eventIn(buffer, start, end, withText)
}

/** The event that stands at this place, whatever its length; undefined when none does. */
export async function eventAtPlace(
  file: DiskFile,
  offset: ByteOffset,
  bytesEnd: ByteOffset,
): Promise<RawEvent | undefined> {
  const line = await longLineAt(file, offset, bytesEnd)
  return line === undefined ? undefined : checkedEvent(line, 0, line.length, false)
}

async function longLineAt(file: DiskFile, offset: ByteOffset, bytesEnd: ByteOffset): Promise<Buffer | undefined> {
  for (let size = longLineBytes; ; size *= 4) {
    const buffer = Buffer.allocUnsafe(Math.min(size, Math.max(0, bytesEnd - offset)))
    const filled = buffer.subarray(0, await readFully(file, buffer, offset))
    const end = lineEnd(filled, 0)
    if (end >= 0) return filled.subarray(0, end)
    if (filled.length < size) return undefined
  }
}
