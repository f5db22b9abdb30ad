// What a writer works with, and whom it tells: the store that owns it puts these together.

import type { Disk } from '../disks/disk.ts'
import type { HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { ActiveSegment } from './active-segment.ts'
import type { BlobStaging } from './append-task.ts'
import type { DurableMark } from './durable-mark.ts'
import type { State } from './state.ts'

/** What is told to the store that owns the writer. */
export interface WriterEvents {
  /** The durable position or the durable state rose. */
  durable(): void
  /** Awaited before a segment is sealed. */
  beforeSeal(): Promise<void>
  /** `old` is sealed and everything in it is durable; appends now go to `next`. */
  sealed(old: ActiveSegment, next: ActiveSegment): void
  failed(error: HoldfastError): void
}

export interface WriterParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly state: State
  readonly active: ActiveSegment
  readonly mark: DurableMark
  readonly blobs: BlobStaging
  readonly fence: number
  readonly journal: string
  readonly epoch: string
  readonly segmentBytes: number
  readonly events: WriterEvents
}
