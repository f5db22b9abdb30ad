// Reading: pages of bounded memory, each row checked, and removed ranges told where they are.
//
// A page is one look at the database, and the next one starts from a number: whatever retention does in between, nothing
// is given twice and nothing out of order. A read ends at what was durable when it began. What is removed between two
// looks shows as removed, because removal and its record are one transaction, and the record is looked at second.
// Invariant: in a read without filters a missing number is either recorded as removed, or DAMAGED is thrown.

import { clipSpans, type Span } from '../../core/removed-blocks.ts'
import { limits } from '../../limits.ts'
import type { ReadItem, ReadQuery, RemovedRange } from '../store.ts'
import { checkedEvent, eventDamaged } from './event-check.ts'
import { nextTurn } from './next-turn.ts'
import type { EventRow, HeadRow } from './rows.ts'
import { type Ask, type Bounds, numberOf, walkerFor } from './walkers.ts'

/** Ranges told in one page. */
const rangesMax = 1_024

export interface Reading {
  readonly label: string
  readonly ask: Ask
  /** Throws CLOSED once the store is. */
  mustBeOpen(): void
  /** The head as it is now. */
  head(): Promise<HeadRow>
}

export async function* readPages(
  reading: Reading,
  query: ReadQuery,
): AsyncGenerator<readonly ReadItem[], void, undefined> {
  reading.mustBeOpen()
  const { durable } = await reading.head()
  const newest = await newestOf(reading, query, durable)
  let bounds: Bounds = {
    from: Math.max(1, query.from ?? 1),
    to: Math.min(query.to ?? Number.MAX_SAFE_INTEGER, newest),
  }
  const forward = query.direction === 'forward'
  const walker = walkerFor(query, bounds, reading.ask)
  let left = query.limit ?? Number.MAX_SAFE_INTEGER
  while (left > 0 && bounds.from <= bounds.to) {
    reading.mustBeOpen()
    const step = await walker.next(bounds, left)
    const { rows } = step
    const limited = rows.length === left ? rows.at(-1) : undefined
    const covered = limited === undefined ? step.covered : numberOf(limited, query)
    const page = await buildPage(reading, query, { bounds, rows, covered })
    reading.mustBeOpen()
    if (page.items.length > 0) yield page.items
    if (page.covered === undefined) return
    left -= page.events
    bounds = forward ? { from: page.covered + 1, to: bounds.to } : { from: bounds.from, to: page.covered - 1 }
    if (left > 0 && bounds.from <= bounds.to) await nextTurn()
  }
}

async function newestOf(reading: Reading, { select }: ReadQuery, durable: number): Promise<number> {
  if (select.kind !== 'stream') return durable
  const row = await reading.ask((reader) => reader.stream(select.stream))
  if (row === undefined) return 0
  return row.position <= durable ? row.seq : durableSeq(reading, { stream: select.stream, seq: row.seq, durable })
}

/** Of a stream whose newest events are not durable yet. There are few: a flush is never far. */
async function durableSeq(
  reading: Reading,
  { stream, seq, durable }: { readonly stream: string; readonly seq: number; readonly durable: number },
): Promise<number> {
  for (let to = seq; ; ) {
    const scan = { select: { kind: 'stream', stream }, from: 1, to, direction: 'backward' } as const
    const { rows, ended } = await reading.ask((reader) =>
      reader.events({ ...scan, rowsMax: limits.pageEventsMax, bytesMax: limits.pageBytes }),
    )
    const found = rows.find(({ position }) => position <= durable)
    if (found !== undefined) return found.seq
    to = (rows.at(-1)?.seq ?? to + 1) - 1
    if (ended) return to
  }
}

interface Found {
  readonly bounds: Bounds
  readonly rows: readonly EventRow[]
  readonly covered: number | undefined
}

interface Page {
  readonly items: readonly ReadItem[]
  readonly events: number
  readonly covered: number | undefined
}

async function buildPage(reading: Reading, query: ReadQuery, found: Found): Promise<Page> {
  const options = { label: reading.label, withText: query.withText === true }
  if (isUnfiltered(query) && isGapless(query, found)) {
    // Nothing to tell: what was removed since is given as the event that was read.
    const { rows, covered } = found
    return { items: rows.map((row) => checkedEvent(row, options)), events: rows.length, covered }
  }
  if (query.direction === 'forward' && query.tellRemoved === true) {
    const { rows, covered, ranges } = await withRanges(reading, query, found)
    mustBeWhole(reading, query, { ...found, rows, covered }, ranges)
    return { items: merged(query, rows, ranges, options), events: rows.length, covered }
  }
  const { rows, covered } = found
  if (isUnfiltered(query)) {
    mustBeWhole(reading, query, found, await allRanges(reading, query, extent(query, found)))
  }
  return { items: rows.map((row) => checkedEvent(row, options)), events: rows.length, covered }
}

/** What the page extends over. */
function extent(query: ReadQuery, { bounds, covered }: Found): Bounds {
  if (covered === undefined) return bounds
  return query.direction === 'forward' ? { from: bounds.from, to: covered } : { from: covered, to: bounds.to }
}

async function withRanges(
  reading: Reading,
  query: ReadQuery,
  found: Found,
): Promise<{ rows: readonly EventRow[]; covered: number | undefined; ranges: readonly Span[] }> {
  const { rows, covered } = found
  const ranges = await rangesIn(reading, query, extent(query, found))
  const last = ranges.at(-1)
  if (last === undefined || ranges.length < rangesMax || last.to >= extent(query, found).to) {
    return { rows, covered, ranges }
  }
  // So many that the page ends with them.
  return { rows: rows.filter((row) => numberOf(row, query) <= last.to), covered: last.to, ranges }
}

async function rangesIn(reading: Reading, query: ReadQuery, { from, to }: Bounds): Promise<readonly Span[]> {
  const { select } = query
  if (select.kind === 'stream') {
    const row = await reading.ask((reader) => reader.stream(select.stream))
    return row === undefined ? [] : clipSpans([{ from: 1, to: row.earliest - 1 }], { from, to })
  }
  const prefix = select.kind === 'prefix' ? select.prefix : undefined
  const blocks = await reading.ask((reader) => reader.removed({ from, to, prefix, rowsMax: rangesMax }))
  return clipSpans(blocks, { from, to })
}

async function allRanges(reading: Reading, query: ReadQuery, { from, to }: Bounds): Promise<readonly Span[]> {
  const all: Span[] = []
  for (let at = from; at <= to; ) {
    const ranges = await rangesIn(reading, query, { from: at, to })
    all.push(...ranges)
    const last = ranges.at(-1)
    if (last === undefined || ranges.length < rangesMax) break
    at = last.to + 1
  }
  return all
}

/** Events in order, and before each the ranges that begin before it. What was removed after the events were read lies
 * inside a range and is given as the event that was read. */
function merged(
  query: ReadQuery,
  rows: readonly EventRow[],
  ranges: readonly Span[],
  options: { readonly label: string; readonly withText: boolean },
): readonly ReadItem[] {
  const items: ReadItem[] = []
  let next = 0
  let from = 0
  const tell = (before: number): void => {
    for (let range = ranges[next]; range !== undefined; range = ranges[next]) {
      const start = Math.max(range.from, from)
      if (start >= before) return
      const to = Math.min(range.to, before - 1)
      if (start <= to) items.push(removed(start, to))
      if (range.to >= before) return
      next++
    }
  }
  for (const row of rows) {
    const number = numberOf(row, query)
    tell(number)
    items.push(checkedEvent(row, options))
    from = number + 1
  }
  tell(Number.MAX_SAFE_INTEGER)
  return items
}

function removed(from: number, to: number): RemovedRange {
  return { removed: { from, to } }
}

/** Only these reads give every number. */
function isUnfiltered({ select, types }: ReadQuery): boolean {
  return select.kind !== 'prefix' && types === undefined
}

/** Every number that the page extends over has its event. */
function isGapless(query: ReadQuery, found: Found): boolean {
  const { rows } = found
  const { from, to } = extent(query, found)
  if (rows.length !== to - from + 1) return false
  const [first, step] = query.direction === 'forward' ? [from, 1] : [to, -1]
  return rows.every((row, index) => numberOf(row, query) === first + step * index)
}

function mustBeWhole(reading: Reading, query: ReadQuery, found: Found, ranges: readonly Span[]): void {
  if (!isUnfiltered(query)) return
  const { from, to } = extent(query, found)
  const numbers = found.rows.map((row) => numberOf(row, query))
  if (query.direction === 'backward') numbers.reverse()
  let expected = from
  let next = 0
  for (const number of [...numbers, to + 1]) {
    while (expected < number) {
      while (next < ranges.length && (ranges[next] as Span).to < expected) next++ // below the length
      const range = ranges[next]
      if (range === undefined || range.from > expected) throw missing(reading.label, query, expected)
      expected = Math.min(range.to + 1, number)
    }
    expected = number + 1
  }
}

function missing(label: string, { select }: ReadQuery, number: number): Error {
  const of = select.kind === 'stream' ? ` (a seq of stream ${JSON.stringify(select.stream)})` : ''
  return eventDamaged(label, number, `the event${of} is neither there nor recorded as removed`)
}
