// How much of a segment is still part of the readable history: what retention decides by. A segment that nothing can have
// been removed from is not read.

import { eventStart } from '../core/event-line.ts'
import type { ByteOffset, Position, Seq } from '../core/numbers.ts'
import { lineKind } from '../core/record.ts'
import { limits } from '../limits.ts'
import { LineReader } from './line-reader.ts'
import { type LogView, readableBytes } from './log-view.ts'
import { damaged, type Segment } from './segment.ts'
import { giveTurn, type UpkeepView } from './upkeep-turn.ts'

export interface Survey {
  readonly visibleEvents: number
  readonly visibleBytes: number
  readonly hiddenEvents: number
  readonly hiddenBytes: number
  /** Hidden because their stream was truncated or deleted, not by age or size. */
  readonly deletedEvents: number
}

export async function survey(log: UpkeepView, segment: Segment): Promise<Survey> {
  if (segment.facts.isResidue === true)
    return { visibleEvents: 0, visibleBytes: 0, hiddenEvents: 0, hiddenBytes: 0, deletedEvents: 0 }
  if (!(await isTouched(log, segment, log.state.scalars)))
    return { visibleEvents: 1, visibleBytes: 1, hiddenEvents: 0, hiddenBytes: 0, deletedEvents: 0 }
  return segment.with(async (file) => {
    const counts = { visibleEvents: 0, visibleBytes: 0, hiddenEvents: 0, hiddenBytes: 0, deletedEvents: 0 }
    const header = await segment.header()
    const to: ByteOffset = readableBytes(segment, log.durableEnd())
    const lines = new LineReader(file, { from: header.bytes, to, chunkBytes: limits.upkeepPieceBytes })
    while (await lines.load()) {
      while (lines.next()) {
        const { buffer, start, end, offset } = lines
        if (lines.check() === undefined) {
          throw damaged(log.disk, segment.path, offset, 'line-checksum', 'the line does not match its checksum')
        }
        if (lineKind(buffer, start) !== 'event') continue
        const event = eventStart(buffer, start, end)
        if (log.state.isVisible(event)) {
          counts.visibleEvents++
          counts.visibleBytes += end - start + 1
        } else {
          counts.hiddenEvents++
          counts.hiddenBytes += end - start + 1
          if ((log.state.scalars.truncating.get(event.stream) ?? 0) > event.seq) counts.deletedEvents++
        }
      }
      await giveTurn(log)
    }
    return counts
  })
}

/** Below the cut, or holding a stream that is truncated and whose events may still stand here. */
export async function isTouched(
  log: LogView,
  segment: Segment,
  removal: { readonly cut: Position; readonly truncating: ReadonlyMap<string, Seq> },
): Promise<boolean> {
  const { cut, truncating } = removal
  if (segment.facts.first < cut) return true
  if (truncating.size === 0) return false
  return log.indexes.with(segment, async (index) => {
    for (const [stream, before] of truncating) {
      const places = await index.places(stream)
      if (places !== undefined && places.first < before) return true
    }
    return false
  })
}
