// Reading in the order of positions, the whole journal or all streams with a prefix, from the oldest or from the
// newest. Forward, each line is checked alone and against the one before; backward, a block of lines is read forward
// and given in reverse. Memory holds one page.

import type { Position } from '../core/numbers.ts'
import { checkLine, lineKind, parseControlLine, parseEventLine } from '../core/record.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { RawEvent, ReadItem, ReadQuery } from '../stores/store.ts'
import { LineReader } from './line-reader.ts'
import { type DurableEnd, type LogView, readableBytes } from './log-view.ts'
import { RemovedTeller } from './removed-teller.ts'
import { damaged, type Segment } from './segment.ts'
import { lastAtOrBelow } from './segment-index.ts'

interface Range {
  readonly from: Position
  readonly to: Position
  readonly end: DurableEnd
}

/** Who wants so few events doesn't want a whole page read. */
const fewEvents = 16
const fewEventsBytes = 8_192

export async function* readForward(view: LogView, query: ReadQuery): AsyncGenerator<readonly ReadItem[]> {
  const end = view.durableEnd()
  const range: Range = { from: Math.max(1, query.from ?? 1), to: Math.min(query.to ?? end.position, end.position), end }
  if (range.from > range.to) return
  const teller = new RemovedTeller(query, range)
  let left = query.limit ?? Number.POSITIVE_INFINITY
  assert(left > 0, 'who wants nothing does not read')
  let segment: Segment | undefined = view.catalog.all[view.catalog.indexFor(range.from)]
  while (segment !== undefined && segment.facts.number <= end.segment && segment.facts.first <= range.to) {
    if (await mayMatch(view, segment, query, teller)) {
      for await (const page of segmentForward(view, segment, query, range, teller)) {
        const items = takeUpTo(page, left)
        left -= countEvents(items)
        yield items
        if (left <= 0) return
      }
    }
    segment = next(view, segment)
  }
  const last = teller.atEnd()
  if (last.length > 0) yield last
}

export async function* readBackward(view: LogView, query: ReadQuery): AsyncGenerator<readonly ReadItem[]> {
  const end = view.durableEnd()
  const range: Range = { from: Math.max(1, query.from ?? 1), to: Math.min(query.to ?? end.position, end.position), end }
  if (range.from > range.to) return
  let left = query.limit ?? Number.POSITIVE_INFINITY
  let at = view.catalog.all.findLastIndex(({ facts }) => facts.first <= range.to && facts.number <= end.segment)
  let segment: Segment | undefined = view.catalog.all[at]
  while (segment !== undefined && left > 0) {
    if (await mayMatch(view, segment, query, undefined)) {
      for await (const page of segmentBackward(view, segment, query, range)) {
        const items = takeUpTo(page, left)
        left -= items.length
        yield items
        if (left <= 0) return
      }
    }
    if (segment.facts.first <= range.from) {
      // Ties: an older segment may begin at the same position, but then this one holds all events from there.
      return
    }
    const number = segment.facts.number
    at = view.catalog.all.findLastIndex(({ facts }) => facts.number < number)
    segment = view.catalog.all[at]
  }
}

function next(view: LogView, segment: Segment): Segment | undefined {
  const number = segment.facts.number
  return view.catalog.all.find((candidate) => candidate.facts.number > number)
}

/** A prefix read skips segments in which no such stream has events. */
async function mayMatch(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  teller: RemovedTeller | undefined,
): Promise<boolean> {
  const { select } = query
  if (select.kind !== 'prefix' || teller?.isTelling === true || segment.facts.sealed === undefined) return true
  return view.indexes.with(segment, (index) => index.hasPrefix(select.prefix))
}

async function* segmentForward(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  range: Range,
  teller: RemovedTeller,
): AsyncGenerator<readonly ReadItem[]> {
  segment.enter()
  try {
    const file = await segment.file()
    const header = await segment.header()
    const to = readableBytes(segment, range.end)
    const seek = range.from > segment.facts.first ? await markBefore(view, segment, range.from) : undefined
    const pageMax = Math.min(limits.pageEventsMax, query.limit ?? limits.pageEventsMax)
    const chunkBytes = pageMax <= fewEvents ? fewEventsBytes : limits.pageBytes
    const lines = new LineReader(file, { from: seek ?? header.bytes, to, chunkBytes })
    let previous = seek === undefined ? header.sum : undefined
    let page: ReadItem[] = []
    while (await lines.load()) {
      while (lines.next()) {
        previous = checkedSum(view, segment, lines, previous)
        const event = takeLine(lines, query, teller)
        if (event === undefined || event.position < range.from) continue
        if (event.position > range.to) {
          if (page.length > 0) yield page
          return
        }
        const matches = matchesStream(query, event.stream)
        const visible = view.state.isVisible(event)
        page.push(...teller.meet(event, matches, visible))
        if (matches && visible && matchesType(query, event)) page.push(event)
        if (page.length >= pageMax) {
          yield page
          page = []
        }
      }
      if (page.length > 0) {
        yield page
        page = []
      }
    }
    if (lines.consumed < to) {
      throw damaged(view.disk, segment.path, lines.consumed, 'line-incomplete', 'the segment ends within a line')
    }
  } finally {
    await segment.leave()
  }
}

/** The current line's sum; DAMAGED when the line isn't what was written there. */
function checkedSum(view: LogView, segment: Segment, lines: LineReader, previous: number | undefined): number {
  const line = checkLine(lines.buffer, lines.start, lines.end)
  if (line === undefined) {
    throw damaged(view.disk, segment.path, lines.offset, 'line-checksum', 'the line does not match its checksum')
  }
  if (previous !== undefined && line.link !== previous) {
    throw damaged(view.disk, segment.path, lines.offset, 'line-link', 'the line does not follow the one before it')
  }
  return line.sum
}

/** The event in the current line; control records only matter to the teller. */
function takeLine(lines: LineReader, query: ReadQuery, teller: RemovedTeller | undefined): RawEvent | undefined {
  const { buffer, start, end } = lines
  if (lineKind(buffer, start) === 'event') {
    return parseEventLine(buffer.toString('utf8', start, end), query.withText === true)
  }
  if (teller?.readsStubs === true) {
    const { control } = parseControlLine(buffer.toString('utf8', start, end))
    if (control.control === 'removed') teller.meetStub(control)
  }
  return undefined
}

async function* segmentBackward(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  range: Range,
): AsyncGenerator<readonly RawEvent[]> {
  segment.enter()
  try {
    const file = await segment.file()
    const to = readableBytes(segment, range.end)
    const { positions, offsets } = await view.indexes.with(segment, (index) => index.marks())
    for (let block = lastAtOrBelow(positions, range.to); block >= 0; block--) {
      const from = offsets[block] as number
      const blockEnd = Math.min(offsets[block + 1] ?? to, to)
      const lines = new LineReader(file, { from, to: blockEnd, chunkBytes: limits.pageBytes })
      const events: RawEvent[] = []
      let previous: number | undefined
      while (await lines.load()) {
        while (lines.next()) {
          previous = checkedSum(view, segment, lines, previous)
          const event = takeLine(lines, query, undefined)
          if (event === undefined || event.position < range.from || event.position > range.to) continue
          if (matchesStream(query, event.stream) && matchesType(query, event) && view.state.isVisible(event)) {
            events.push(event)
          }
        }
      }
      if (lines.consumed < blockEnd) {
        throw damaged(view.disk, segment.path, lines.consumed, 'line-incomplete', 'the segment ends within a line')
      }
      if (events.length > 0) yield events.reverse()
      if ((positions[block] as number) <= range.from) return
    }
  } finally {
    await segment.leave()
  }
}

async function markBefore(view: LogView, segment: Segment, position: Position): Promise<number | undefined> {
  const { positions, offsets } = await view.indexes.with(segment, (index) => index.marks())
  const mark = lastAtOrBelow(positions, position)
  return mark < 0 ? undefined : offsets[mark]
}

function matchesStream(query: ReadQuery, stream: string): boolean {
  return query.select.kind !== 'prefix' || stream.startsWith(query.select.prefix)
}

export function matchesType(query: ReadQuery, event: RawEvent): boolean {
  return query.types === undefined || query.types.has(event.type)
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
