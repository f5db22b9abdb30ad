// What deciding over a batch needs to know, and what it makes of the batch's events.

import type { AgendaItem, ClaimQuery, EncodedEvent, EventPlace, LeaseState } from '../stores/store.ts'
import type { BlobControl, CommandControl } from './control.ts'
import type { Position, Seq, TimeMs } from './numbers.ts'

/** What deciding needs to know of a journal. Every name that the batch mentions has been looked up before, and the floor of
 * the leases where it changes leases. */
export interface DecisionView {
  /** Newest position given out. */
  readonly position: Position
  /** Time of the newest record. */
  readonly time: TimeMs
  /** Last seq of a stream; 0 when it never had an event. */
  lastSeq(stream: string): Seq
  command(id: string): CommandControl | undefined
  lease(name: string): LeaseState | undefined
  /** Through which seq a stream is released; 0 when it is not. */
  releasedThrough(stream: string): Seq
  hasBlob(digest: string): boolean
  /** The record of a blob that is staged but not yet in the journal. */
  stagedBlob(digest: string): BlobControl | undefined
  /** Entries that are due as a claim asks, by due time, then id, with what is known of their leases. Some that are held may
   * be left out. */
  due(claim: ClaimQuery): Iterable<DueItem>
}

export interface DueItem {
  readonly item: AgendaItem
  /** Of the entry's name; undefined: nobody has it. */
  readonly lease: LeaseState | undefined
}

export interface PlacedEvent extends EventPlace {
  readonly event: EncodedEvent
}
