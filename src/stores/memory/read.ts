// Reading: pages over the retained events of one stream, of streams by prefix, or of all.
//
// A page is built from the state as it is at that moment and the next one starts from a number, never from an index:
// retention between two pages moves indexes, not numbers. A read ends at what was newest when it began, so a reader
// in step with a writer comes to an end.

import { parseEventLine } from '../../core/record.ts'
import { clipSpans, type RemovedBlock, type Span } from '../../core/removed-blocks.ts'
import { limits } from '../../limits.ts'
import type { RawEvent, ReadItem, ReadQuery, Selector } from '../store.ts'
import type { MemoryState, StoredEvent } from './state.ts'

/** Inclusive bounds: seqs when one stream is read, else positions. */
type Window = Span

interface Step {
  readonly item: ReadItem
  /** The number that it reaches, in the direction of reading. */
  readonly at: number
  readonly bytes: number
  readonly isEvent: boolean
}

/** `open` gives the state, or throws CLOSED. */
export async function* readPages(
  open: () => MemoryState,
  query: ReadQuery,
): AsyncGenerator<readonly ReadItem[], void, undefined> {
  const forward = query.direction === 'forward'
  let window: Window = {
    from: Math.max(1, query.from ?? 1),
    to: Math.min(query.to ?? Number.MAX_SAFE_INTEGER, newest(open(), query.select)),
  }
  let left = query.limit ?? Number.MAX_SAFE_INTEGER
  while (left > 0 && window.from <= window.to) {
    const page = buildPage(open(), query, window, left)
    if (page.items.length > 0) yield page.items
    if (page.reached === undefined) return
    left -= page.events
    window = forward ? { from: page.reached + 1, to: window.to } : { from: window.from, to: page.reached - 1 }
  }
}

interface Page {
  readonly items: readonly ReadItem[]
  readonly events: number
  /** Where to go on; undefined when there is nothing more. */
  readonly reached: number | undefined
}

function buildPage(state: MemoryState, query: ReadQuery, window: Window, left: number): Page {
  const items: ReadItem[] = []
  let bytes = 0
  let events = 0
  const steps = query.direction === 'forward' ? forwardSteps(state, query, window) : backwardSteps(state, query, window)
  for (const step of steps) {
    items.push(step.item)
    bytes += step.bytes
    if (step.isEvent) events++
    if (events === left || items.length === limits.pageEventsMax || bytes >= limits.pageBytes) {
      return { items, events, reached: step.at }
    }
  }
  return { items, events, reached: undefined }
}

function* forwardSteps(state: MemoryState, query: ReadQuery, window: Window): Generator<Step, void, undefined> {
  const list = candidates(state, query.select)
  const numberOf = numbering(query.select)
  const removed = query.tellRemoved === true ? removedIn(state, query.select, window) : []
  let told = 0
  for (let index = firstAtLeast(list, window.from, numberOf); index < list.length; index++) {
    const event = list[index] as StoredEvent
    const at = numberOf(event)
    if (at > window.to) break
    for (; told < removed.length && (removed[told] as Window).from < at; told++) yield gap(removed[told] as Window)
    if (isSelected(event, query)) yield found(event, at, query)
  }
  for (; told < removed.length; told++) yield gap(removed[told] as Window)
}

function* backwardSteps(state: MemoryState, query: ReadQuery, window: Window): Generator<Step, void, undefined> {
  const list = candidates(state, query.select)
  const numberOf = numbering(query.select)
  for (let index = firstAtLeast(list, window.to + 1, numberOf) - 1; index >= 0; index--) {
    const event = list[index] as StoredEvent
    const at = numberOf(event)
    if (at < window.from) return
    if (isSelected(event, query)) yield found(event, at, query)
  }
}

function gap(range: Window): Step {
  return { item: { removed: { from: range.from, to: range.to } }, at: range.to, bytes: 0, isEvent: false }
}

function found(event: StoredEvent, at: number, query: ReadQuery): Step {
  return { item: parseStored(event, query.withText === true), at, bytes: event.bytes, isEvent: true }
}

export function parseStored(event: StoredEvent, withText: boolean): RawEvent {
  return parseEventLine(`${event.text.slice(0, -1)},"sum":"${event.sum}","link":"00000000"}`, withText)
}

function candidates(state: MemoryState, select: Selector): readonly StoredEvent[] {
  return select.kind === 'stream' ? (state.streams.get(select.stream)?.events ?? []) : state.events
}

function numbering(select: Selector): (event: StoredEvent) => number {
  return select.kind === 'stream' ? (event) => event.seq : (event) => event.position
}

function newest(state: MemoryState, select: Selector): number {
  return select.kind === 'stream' ? state.lastSeq(select.stream) : state.position
}

function isSelected(event: StoredEvent, query: ReadQuery): boolean {
  if (query.select.kind === 'prefix' && !event.stream.startsWith(query.select.prefix)) return false
  return query.types === undefined || query.types.has(event.type)
}

/** Index of the first event whose number is at least this. */
function firstAtLeast(list: readonly StoredEvent[], number: number, numberOf: (event: StoredEvent) => number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (numberOf(list[middle] as StoredEvent) < number) low = middle + 1
    else high = middle
  }
  return low
}

function removedIn(state: MemoryState, select: Selector, window: Window): readonly Window[] {
  if (select.kind === 'stream') {
    const stream = state.streams.get(select.stream)
    if (stream === undefined) return []
    const earliest = stream.events[0]?.seq ?? stream.seq + 1
    return clipSpans([{ from: 1, to: earliest - 1 }], window)
  }
  return clipSpans(
    state.removed.filter((block) => concerns(block, select, window)),
    window,
  )
}

function concerns(block: RemovedBlock, select: Selector, window: Window): boolean {
  if (select.kind !== 'prefix') return true
  for (const [stream, { from, to }] of block.streams) {
    if (from <= window.to && to >= window.from && stream.startsWith(select.prefix)) return true
  }
  return false
}
