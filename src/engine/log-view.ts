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
  if (segment.facts.sealed !== undefined) return segment.facts.sealed.bytes
  return segment.facts.number === end.segment ? end.bytes : 0
}
