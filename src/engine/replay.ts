// Reads a segment through and folds it: into the state, into an index of its places, into its SHA-256. Every line is
// checked alone and against the one before, so what was folded is what was written; the first line that isn't stops
// it with DAMAGED. Only whole batches are folded (the range ends at the end of one).

import type { Hash } from 'node:crypto'
import { commandStart } from '../core/command-line.ts'
import type { Control } from '../core/control.ts'
import { type EventStart, eventStart } from '../core/event-line.ts'
import type { ByteOffset } from '../core/numbers.ts'
import { lineKind, lineSum, parseControlLine } from '../core/record.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import { LineReader } from './line-reader.ts'
import { damaged } from './segment.ts'
import type { ActiveIndex } from './segment-index.ts'
import type { State } from './state.ts'

export interface ReplayPlan {
  readonly disk: Disk
  readonly file: DiskFile
  readonly path: string
  readonly number: number
  readonly from: ByteOffset
  readonly to: ByteOffset
  /** Sum of the line before `from`. */
  readonly sum: number
  readonly state?: State
  readonly index?: ActiveIndex
  readonly hash?: Hash
}

/** Returns the sum of the last line. */
export async function replay(plan: ReplayPlan): Promise<number> {
  const { disk, file, path, from, to, state, hash } = plan
  const lines = new LineReader(file, { from, to, chunkBytes: limits.pageBytes, ahead: true })
  const fold = new Fold(plan)
  while (await lines.load()) {
    const loadedFrom = lines.consumedInBuffer
    fold.beginPiece()
    for (let waiting = fold.lines(lines); waiting !== undefined; waiting = fold.lines(lines)) {
      for (const key of waiting.needed) await state?.loadEntry(key)
      fold.apply(waiting)
    }
    hash?.update(lines.buffer.subarray(loadedFrom, lines.consumedInBuffer))
  }
  if (lines.consumed < to)
    throw damaged(disk, path, lines.consumed, 'line-incomplete', 'the segment ends within a line')
  return fold.sum
}

/** A control record that can be applied when what it needs is in memory. */
interface WaitingControl {
  readonly control: Control
  readonly needed: readonly string[]
  readonly at: readonly [segment: number, offset: ByteOffset]
}

/** The part that runs for every line, without anything to wait for. */
class Fold {
  readonly #plan: ReplayPlan
  /** Sum of the last line. */
  sum: number
  /** Whether the lines of this piece were checked together and are sound; if not, each is checked when its turn comes, which
   * tells the first that isn't. Undefined before its first line. */
  #isChained: boolean | undefined

  constructor(plan: ReplayPlan) {
    this.#plan = plan
    this.sum = plan.sum
  }

  beginPiece(): void {
    this.#isChained = undefined
  }

  /** Folds the lines that are loaded. Stops at a control record that needs something of the state tables, and gives it. */
  lines(lines: LineReader): WaitingControl | undefined {
    const { state, number } = this.#plan
    while (lines.next()) {
      const { buffer, start, end } = lines
      this.#isChained ??= lines.areChained(this.sum)
      if (!this.#isChained) this.#check(lines)
      if (lineKind(buffer, start) === 'event') {
        this.#event(eventStart(buffer, start, end), lines.offset)
        continue
      }
      if (state === undefined) continue
      const command = commandStart(buffer, start, end)
      if (command !== undefined) {
        state.applyCommand(command)
        continue
      }
      const { control } = parseControlLine(buffer.toString('utf8', start, end))
      const waiting = { control, needed: state.neededFor(control), at: [number, lines.offset] } as const
      if (waiting.needed.length > 0) return waiting
      this.apply(waiting)
    }
    this.sum = lineSum(lines.buffer, lines.end)
    return undefined
  }

  #check(lines: LineReader): void {
    const line = lines.check()
    if (line === undefined) throw this.#damaged(lines, 'line-checksum', 'the line does not match its checksum')
    if (line.link !== this.sum) throw this.#damaged(lines, 'line-link', 'the line does not follow the one before it')
    this.sum = line.sum
  }

  #event(event: EventStart, offset: ByteOffset): void {
    const { state, index, number } = this.#plan
    const previous = state === undefined ? undefined : previousSegment(state, event.stream, number)
    index?.add(event, offset, previous)
    if (event.blobs.length > 0) index?.addBlobs(event.blobs)
    state?.applyEvent(event, number)
  }

  apply({ control, at }: WaitingControl): void {
    const { state, path } = this.#plan
    if (state?.apply(control, at) !== false) return
    throw new HoldfastError('NEWER_FORMAT', `${path} holds a record of an unknown kind: ${control.control}`, {
      hint: 'Upgrade holdfast to open this journal.',
    })
  }

  #damaged(lines: LineReader, kind: string, what: string): Error {
    return damaged(this.#plan.disk, this.#plan.path, lines.offset, kind, what)
  }
}

/** Known only as far as memory knows the stream. A stub in this very segment says nothing of an earlier one. */
export function previousSegment(state: State, stream: string, segment: number): number | undefined {
  const head = state.head(stream)
  if (head === undefined) return undefined
  return head === null || head.segment === segment ? 0 : head.segment
}
