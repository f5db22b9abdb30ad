// A segment as repair sees it: its good lines, and between them the runs of bytes that are none. Slower than the
// readers of sound logs, and never stopped by what it meets.

import type { Control } from '../../core/control.ts'
import type { ByteOffset } from '../../core/numbers.ts'
import {
  checkLine,
  ifJson,
  lineBytesMax,
  lineHasMore,
  lineKind,
  parseControlLine,
  parseEventLine,
  writeLine,
} from '../../core/record.ts'
import type { DiskFile } from '../../disks/disk.ts'
import { limits } from '../../limits.ts'
import type { RawEvent } from '../../stores/store.ts'
import { LineReader } from '../line-reader.ts'
import { isControl, isEvent } from '../verify/record-shape.ts'

export interface GoodLine {
  readonly offset: ByteOffset
  /** With its newline; a copy. */
  readonly bytes: Buffer
  readonly sum: number
  /** It follows the line before; true behind damage, where nobody can say. */
  readonly isLinked: boolean
  readonly more: boolean
  readonly event: RawEvent | undefined
  readonly control: Control | undefined
}

export interface BadRun {
  readonly offset: ByteOffset
  readonly bad: true
}

export interface LineSpan {
  readonly from: ByteOffset
  readonly to: ByteOffset
  /** Sum of the line before; undefined when it can't be known. */
  readonly sum: number | undefined
}

export async function* segmentLines(file: DiskFile, span: LineSpan): AsyncGenerator<GoodLine | BadRun> {
  const lines = new LineReader(file, { from: span.from, to: span.to, chunkBytes: limits.pageBytes })
  let sum = span.sum
  let isBad = false
  while (await lines.load()) {
    while (lines.next()) {
      const line = goodLine(lines, sum)
      if (line === undefined && !isBad) yield { offset: lines.offset, bad: true }
      if (line !== undefined) yield line
      isBad = line === undefined
      sum = line?.sum
    }
  }
  if (lines.consumed < span.to && !isBad) yield { offset: lines.consumed, bad: true }
}

function goodLine({ buffer, start, end, offset }: LineReader, before: number | undefined): GoodLine | undefined {
  const line = checkLine(buffer, start, end)
  const content = line === undefined ? undefined : contentOf(buffer, start, end)
  if (line === undefined || content === undefined) return undefined
  return {
    offset,
    bytes: Buffer.from(buffer.subarray(start, end + 1)),
    sum: line.sum,
    isLinked: before === undefined || before === line.link,
    more: lineHasMore(buffer, start, end),
    event: content.event,
    control: content.control,
  }
}

function contentOf(buffer: Buffer, start: number, end: number): { event?: RawEvent; control?: Control } | undefined {
  const text = buffer.toString('utf8', start, end)
  switch (lineKind(buffer, start)) {
    case 'event': {
      const event = ifJson(() => parseEventLine(text, false))
      return event !== undefined && isEvent(event) ? { event } : undefined
    }
    case 'control': {
      const control = ifJson(() => parseControlLine(text))?.control
      return control === undefined || isControl(control) === false ? undefined : { control }
    }
    default:
      return undefined
  }
}

/** A record as a line, still linked to nothing. */
export function bodyLine(body: string): Buffer {
  const bytes = Buffer.allocUnsafe(lineBytesMax(body))
  return Buffer.from(bytes.subarray(0, writeLine(bytes, 0, body, 0, 'link').end))
}
