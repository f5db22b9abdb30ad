// What reading needs of a log: its segments, their indexes, the state, and how far it is durable. Writer and reader
// processes provide the same view, so there is one way of reading.

import type { ByteOffset, Position } from '../core/numbers.ts'
import type { Disk } from '../disks/disk.ts'
import type { Catalog } from './catalog.ts'
import type { Segment } from './segment.ts'
import type { SegmentIndexes } from './segment-indexes.ts'
import type { State } from './state.ts'

/** The end of what may be shown: fixed when a read begins, so that one read sees one state. */
export interface DurableEnd {
  readonly position: Position
  readonly segment: number
  readonly bytes: ByteOffset
}

export interface LogView {
  readonly disk: Disk
  readonly catalog: Catalog
  readonly indexes: SegmentIndexes
  readonly state: State
  durableEnd(): DurableEnd
}

/** Where reading of this segment ends. */
export function readableBytes(segment: Segment, end: DurableEnd): ByteOffset {
  const { number, sealed } = segment.facts
  if (sealed !== undefined) return sealed.bytes
  if (number === end.segment) return end.bytes
  return segment.sealedAt ?? 0 // nothing of what begins behind the end
}
