// Reads a segment through and folds it: into the state, into an index of its places, into its SHA-256. Every line is
// checked alone and against the one before, so what was folded is what was written; the first line that isn't stops
// it with DAMAGED. Only whole batches are folded (the range ends at the end of one).

import type { Hash } from 'node:crypto'
import { eventStart } from '../core/event-start.ts'
import type { ByteOffset } from '../core/numbers.ts'
import { checkLine, lineKind, parseControlLine } from '../core/record.ts'
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
  const { disk, file, path, from, to, state, index, hash } = plan
  const lines = new LineReader(file, { from, to, chunkBytes: limits.pageBytes })
  let previous = plan.sum
  while (await lines.load()) {
    while (lines.next()) {
      const { buffer, start, end, offset } = lines
      const line = checkLine(buffer, start, end)
      if (line === undefined) throw damaged(disk, path, offset, 'line-checksum', 'the line does not match its checksum')
      if (line.link !== previous) {
        throw damaged(disk, path, offset, 'line-link', 'the line does not follow the one before it')
      }
      previous = line.sum
      hash?.update(buffer.subarray(start, end + 1))
      if (lineKind(buffer, start) === 'event') {
        const event = eventStart(buffer, start, end)
        const place = { stream: event.stream, seq: event.seq, position: event.position }
        const earlier = state === undefined ? undefined : previousSegment(state, event.stream, plan.number)
        index?.add({ ...place, offset }, earlier)
        const { blobs } = event
        if (blobs.length > 0) index?.addBlobs(blobs)
        state?.applyEvent({ ...place, time: event.time, segment: plan.number, blobs })
      } else if (state !== undefined) {
        await applyControl(buffer.toString('utf8', start, end), state, [plan.number, offset], path)
      }
    }
  }
  if (lines.consumed < to)
    throw damaged(disk, path, lines.consumed, 'line-incomplete', 'the segment ends within a line')
  return previous
}

/** Known only as far as memory knows the stream. A stub in this very segment says nothing of an earlier one. */
function previousSegment(state: State, stream: string, segment: number): number | undefined {
  const head = state.head(stream)
  if (head === undefined) return undefined
  return head === null || head.segment === segment ? 0 : head.segment
}

async function applyControl(
  text: string,
  state: State,
  at: readonly [segment: number, offset: ByteOffset],
  path: string,
): Promise<void> {
  const { control } = parseControlLine(text)
  for (const key of state.neededFor(control)) await state.loadEntry(key)
  if (!state.apply(control, at)) {
    throw new HoldfastError('NEWER_FORMAT', `${path} holds a record of an unknown kind: ${control.control}`, {
      hint: 'Upgrade holdfast to open this journal.',
    })
  }
}
