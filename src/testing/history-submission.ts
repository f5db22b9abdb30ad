// What the history checker keeps of each append, and how it compares an acknowledgement with the place that the order of
// calls gives.

import type { Batch, EventPlace, RawEvent, Receipt } from '../stores/store.ts'
import type { FindingKind, HistoryFinding } from './history-finding.ts'
import type { ExpectedEvent } from './history-model.ts'

export interface Submission {
  readonly number: number
  readonly batch: Batch
  readonly contents: readonly string[]
  /** Of the process that was told of it: after a crash that nobody looked behind, more than one. */
  readonly process: number
  fate: 'pending' | 'required' | 'refused'
  receipt: Receipt | undefined
}

/** A removal by retention that was begun. */
export interface Removal {
  /** pending: all or nothing of it has happened. */
  fate: 'pending' | 'done' | 'undone'
}

export interface Settled extends ExpectedEvent {
  /** Checksum and time, once they were seen: they never change. */
  sum: string | undefined
  time: number | undefined
  removal: Removal | undefined
}

/** Whether an acknowledgement named the places that the order of the calls gives. */
export function receiptFinding(
  { number, receipt }: Submission,
  expected: readonly EventPlace[],
): HistoryFinding | undefined {
  if (receipt === undefined) return undefined
  const isRight =
    receipt.events.length === expected.length &&
    receipt.events.every(({ stream, seq, position }, index) => {
      const place = expected[index]
      return place?.stream === stream && place.seq === seq && place.position === position
    })
  const last = expected.at(-1)
  if (isRight && (last === undefined || (receipt.position === last.position && receipt.seq === last.seq)))
    return undefined
  const told = receipt.events.map(placeText).join(', ')
  return finding(
    'misplaced',
    `submission ${number} was acknowledged at ${told}, but is at ${expected.map(placeText).join(', ')}`,
  )
}

export function contentOfFound(event: RawEvent): string {
  const { type, version, data, meta, blobs } = event
  return JSON.stringify([type, version, JSON.stringify(data), meta === undefined ? null : JSON.stringify(meta), blobs])
}

export function placeText({ stream, seq, position }: EventPlace): string {
  return `${stream}@${seq} (position ${position})`
}

export function finding(kind: FindingKind, message: string): HistoryFinding {
  return { kind, message }
}
