// Where a reader starts, and whether it can: cursors and numbers against what the journal still has.
//
// Numbers are seqs when one stream is read and positions otherwise; a cursor is always a position, with the epoch and
// the checksum of the event there. A cursor whose sum is all zeros stands where no event is (removed, or before the
// first) and is believed by its epoch and position alone.
//
// Rule: what was removed at the front, between where the reader stands and the earliest retained event, can't be
// honoured (older than retained). Holes further in are told as they are passed.

import { type CursorPlace, decodeCursor, encodeCursor } from '../core/cursor.ts'
import type { Position, Seq } from '../core/numbers.ts'
import type { RawEvent, ReadQuery, Selector, Store, StoreIdentity, StreamHead } from '../stores/store.ts'

export type ResetReason =
  | 'older-than-retained'
  | 'newer-than-newest'
  | 'other-epoch'
  | 'checksum-mismatch'
  | 'read-error'

/** The first number to read, or why there is none. */
export type Start = { readonly next: number } | { readonly reset: ResetReason }

const noSum = '00000000'

export function unverifiedCursor(store: Store, position: Position): string {
  return encodeCursor({ epoch: store.identity().epoch, position, sum: noSum })
}

/** Just before the earliest retained event. */
export function cursorAtStart(store: Store): string {
  return unverifiedCursor(store, store.head().earliest - 1)
}

/** Behind the newest durable event. */
export async function cursorAtEnd(store: Store): Promise<string> {
  const { position } = store.head()
  const event = position === 0 ? undefined : await eventAt(store, position)
  return encodeCursor({ epoch: store.identity().epoch, position, sum: event?.sum ?? noSum })
}

export async function streamHead(store: Store, stream: string): Promise<StreamHead> {
  return (await store.stream(stream)) ?? { stream, seq: 0, position: 0, earliest: 1 }
}

/** The earliest retained number and the newest of what is selected. */
export async function bounds(
  store: Store,
  select: Selector,
): Promise<{ readonly earliest: number; readonly newest: number }> {
  if (select.kind === 'stream') {
    const { earliest, seq } = await streamHead(store, select.stream)
    return { earliest, newest: seq }
  }
  const { earliest, position } = store.head()
  return { earliest, newest: position }
}

/** Whether events of the selection in [from, earliest) are gone. */
export async function isFrontLost(store: Store, select: Selector, from: number, earliest: number): Promise<boolean> {
  if (from >= earliest) return false
  if (select.kind !== 'prefix') return true
  return isRemovedIn(store, select.prefix, from, earliest - 1)
}

export async function startAfterNumber(store: Store, select: Selector, after: number): Promise<Start> {
  const { earliest, newest } = await bounds(store, select)
  if (after > newest) return { reset: 'newer-than-newest' }
  const next = after + 1
  return (await isFrontLost(store, select, next, earliest)) ? { reset: 'older-than-retained' } : { next }
}

export async function startAfterCursor(store: Store, select: Selector, cursor: string): Promise<Start> {
  const place = decodeCursor(cursor)
  if (!isHonoured(place, store.identity())) return { reset: 'other-epoch' }
  if (place.position > store.head().position) return { reset: 'newer-than-newest' }
  const event = place.position === 0 ? undefined : await eventAt(store, place.position)
  if (!isSameEvent(place, event)) return { reset: 'checksum-mismatch' }
  if (select.kind === 'stream') return startInStream(store, select.stream, { position: place.position, event })
  return startAfterNumber(store, select, place.position)
}

/** Of this history, or of one that this one goes on from, up to where it left that. */
function isHonoured({ epoch, position }: CursorPlace, identity: StoreIdentity): boolean {
  if (epoch === identity.epoch) return true
  return (identity.ancestors ?? []).some((ancestor) => ancestor.epoch === epoch && position <= ancestor.through)
}

function isSameEvent(place: CursorPlace, event: RawEvent | undefined): boolean {
  return event === undefined || place.sum === noSum || place.sum === event.sum
}

/** From a position to the seq that follows it in a stream. */
export async function startInStream(
  store: Store,
  stream: string,
  place: { readonly position: Position; readonly event: RawEvent | undefined },
): Promise<Start> {
  if (place.event?.stream === stream) return { next: place.event.seq + 1 }
  const head = await streamHead(store, stream)
  if (head.position <= place.position) return { next: head.seq + 1 }
  const next = await firstSeqBehind(store, head, place.position)
  // Behind a retained event of the stream, or behind none that ever was: nothing is lost in between.
  if (next > head.earliest || head.earliest === 1) return { next }
  const first = await firstOf(store, { select: { kind: 'stream', stream }, from: next, to: next })
  // Up to the event that comes next; where there is none, up to the newest of the stream, which is gone itself.
  const until = first === undefined ? head.position : first.position - 1
  const isLost = await isRemovedIn(store, stream, place.position + 1, until)
  return isLost ? { reset: 'older-than-retained' } : { next }
}

/** The stream's retained events rise in position, so the first one behind a position is found by halving. */
async function firstSeqBehind(store: Store, head: StreamHead, position: Position): Promise<Seq> {
  const select: Selector = { kind: 'stream', stream: head.stream }
  let low = head.earliest
  let high = head.seq + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const event = await firstOf(store, { select, from: middle, to: middle })
    // Not there: not durable yet, and so behind, or just removed, which the reader's next look finds.
    if (event !== undefined && event.position <= position) low = middle + 1
    else high = middle
  }
  return low
}

async function isRemovedIn(store: Store, prefix: string, from: Position, to: Position): Promise<boolean> {
  if (from > to) return false
  const pages = store.read({ select: { kind: 'prefix', prefix }, from, to, direction: 'forward', tellRemoved: true })
  for await (const page of pages) {
    if (page.some((item) => 'removed' in item)) return true
  }
  return false
}

export async function eventAt(store: Store, position: Position): Promise<RawEvent | undefined> {
  return firstOf(store, { select: { kind: 'all' }, from: position, to: position })
}

async function firstOf(store: Store, query: Omit<ReadQuery, 'direction'>): Promise<RawEvent | undefined> {
  for await (const page of store.read({ ...query, direction: 'forward', limit: 1 })) {
    for (const item of page) if (!('removed' in item)) return item
  }
  return undefined
}
