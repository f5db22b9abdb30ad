// Which part of the journal a read goes through, and which events in it are wanted.

import type { Position, Seq } from '../core/numbers.ts'
import type { ReadItem, ReadQuery } from '../stores/store.ts'
import type { DurableEnd, LogView } from './log-view.ts'

export interface ReadRange {
  readonly from: Position
  readonly to: Position
  readonly end: DurableEnd
}

/** Fixed when the read begins; undefined when there is nothing to read. */
export function rangeOf(view: LogView, query: ReadQuery): ReadRange | undefined {
  const end = view.durableEnd()
  const range = { from: Math.max(1, query.from ?? 1), to: Math.min(query.to ?? end.position, end.position), end }
  return range.from > range.to ? undefined : range
}

/** Whether some events of the range are not wanted. */
export function isSelective({ select, types }: ReadQuery): boolean {
  return select.kind === 'prefix' || types !== undefined
}

export function matchesStream({ select }: ReadQuery, stream: string): boolean {
  return select.kind !== 'prefix' || stream.startsWith(select.prefix)
}

export function matchesType({ types }: ReadQuery, event: { readonly type: string }): boolean {
  return types === undefined || types.has(event.type)
}

/** Whether the event is to be given, wherever it stands. */
export function isWanted(
  view: LogView,
  query: ReadQuery,
  event: { readonly stream: string; readonly seq: Seq; readonly position: Position; readonly type: string },
): boolean {
  return matchesType(query, event) && matchesStream(query, event.stream) && view.state.isVisible(event)
}

/** Items until `left` events are among them. */
export function takeUpTo<Item extends ReadItem>(items: readonly Item[], left: number): readonly Item[] {
  if (items.length <= left) return items
  let events = 0
  for (const [index, item] of items.entries()) {
    if (events === left) return items.slice(0, index)
    if (!('removed' in item)) events++
  }
  return items
}

export function countEvents(items: readonly ReadItem[]): number {
  let events = 0
  for (const item of items) if (!('removed' in item)) events++
  return events
}
