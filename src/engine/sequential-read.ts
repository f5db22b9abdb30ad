// Reading in the order of positions, the whole journal or all streams with a prefix, from the oldest on. Each line is checked
// alone and against the one before. Memory holds one page.

import { eventIn, eventStart } from '../core/event-line.ts'
import type { Position } from '../core/numbers.ts'
import { isRemovedStub, lineKind, parseControlLine } from '../core/record.ts'
import { assert, never } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ReadItem, ReadQuery } from '../stores/store.ts'
import { LineReader } from './line-reader.ts'
import { type LogView, readableBytes } from './log-view.ts'
import { PagePace } from './page-pace.ts'
import {
  countEvents,
  isSelective,
  matchesStream,
  matchesType,
  type ReadRange,
  rangeOf,
  takeUpTo,
} from './read-range.ts'
import { RemovedTeller } from './removed-teller.ts'
import { damaged, type Segment } from './segment.ts'
import { lastAtOrBelow } from './segment-index.ts'
import { readByType } from './type-read.ts'

/** Who wants so few events doesn't want a whole page read. */
const fewEvents = 16
const fewEventsBytes = 8_192

export async function* readForward(view: LogView, query: ReadQuery): AsyncGenerator<readonly ReadItem[]> {
  const range = rangeOf(view, query)
  if (range === undefined) return
  const teller = new RemovedTeller(query, range)
  let left = query.limit ?? Number.POSITIVE_INFINITY
  assert(left > 0, 'who wants nothing does not read')
  const reading: Reading = { query, range, teller, pace: new PagePace(left) }
  let segment: Segment | undefined = view.catalog.all[view.catalog.indexFor(range.from)]
  while (segment !== undefined && segment.facts.number <= range.end.segment && segment.facts.first <= range.to) {
    if (await mayMatch(view, segment, query, teller)) {
      for await (const page of segmentForward(view, segment, reading)) {
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

interface Reading {
  readonly query: ReadQuery
  readonly range: ReadRange
  readonly teller: RemovedTeller
  readonly pace: PagePace
}

function next(view: LogView, segment: Segment): Segment | undefined {
  const number = segment.facts.number
  return view.catalog.all.find((candidate) => candidate.facts.number > number)
}

/** A prefix read skips segments in which no such stream has events. */
export async function mayMatch(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  teller?: RemovedTeller,
): Promise<boolean> {
  const { select } = query
  if (select.kind !== 'prefix' || teller?.isTelling === true || segment.facts.sealed === undefined) return true
  return view.indexes.with(segment, (index) => index.hasPrefix(select.prefix))
}

async function* segmentForward(view: LogView, segment: Segment, reading: Reading): AsyncGenerator<readonly ReadItem[]> {
  segment.enter()
  try {
    const isWhole = (): boolean => isWholeFor(view, segment, reading)
    // What was removed shows between any two events, so who wants to be told of it passes all of them.
    const range = isWhole() ? yield* readByType(view, segment, reading.query, { ...reading, isWhole }) : reading.range
    if (range !== undefined) yield* throughSegment(view, segment, { ...reading, range })
  } finally {
    await segment.leave()
  }
}

/** Nothing was removed in it of which this reader wants to be told. In the segment that grows nothing is ever taken out,
 * only hidden; and a reader by prefix is told of what it finds there, not of what it doesn't. */
function isWholeFor(view: LogView, { facts }: Segment, { query, range, teller }: Reading): boolean {
  if (!teller.isTelling) return true
  if (query.select.kind !== 'prefix' || facts.sealed !== undefined || !teller.isQuiet) return false
  const { cut, truncating } = view.state.scalars
  return truncating.size === 0 && cut <= Math.max(range.from, facts.first)
}

async function* throughSegment(
  view: LogView,
  segment: Segment,
  { query, range, teller }: Reading,
): AsyncGenerator<readonly ReadItem[]> {
  const file = await segment.file()
  const header = await segment.header()
  const to = readableBytes(segment, range.end)
  const seek = range.from > segment.facts.first ? await markBefore(view, segment, range.from) : undefined
  const pageMax = Math.min(limits.pageEventsMax, query.limit ?? limits.pageEventsMax)
  const chunkBytes = pageMax <= fewEvents ? fewEventsBytes : limits.pageBytes
  const ahead = query.limit === undefined
  const lines = new LineReader(file, { from: seek ?? header.bytes, to, chunkBytes, ahead })
  const selects = isSelective(query)
  const withText = query.withText === true
  let previous = seek === undefined ? header.sum : undefined
  let isBefore = seek !== undefined
  let page: ReadItem[] = []
  while (await lines.load()) {
    while (lines.next()) {
      const { buffer, start, end } = lines
      previous = checkedSum(view, segment, lines, previous)
      if (lineKind(buffer, start) !== 'event') {
        if (teller.readsStubs) meetStub(lines, teller)
        continue
      }
      // The payload is parsed of those only that are given.
      const whole = selects || isBefore ? undefined : eventIn(buffer, start, end, withText)
      const event = whole ?? eventStart(buffer, start, end)
      if (event.position < range.from) continue
      isBefore = false
      if (event.position > range.to) {
        if (page.length > 0) yield page
        return
      }
      const matches = matchesStream(query, event.stream)
      const visible = view.state.isVisible(event)
      if (teller.isTelling) page.push(...teller.meet(event, matches, visible))
      if (matches && visible && matchesType(query, event)) {
        page.push(whole ?? eventIn(buffer, start, end, withText))
      }
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
}

/** The current line's sum; DAMAGED when the line isn't what was written there. */
function checkedSum(view: LogView, segment: Segment, lines: LineReader, previous: number | undefined): number {
  const line = lines.check()
  if (line === undefined) {
    throw damaged(view.disk, segment.path, lines.offset, 'line-checksum', 'the line does not match its checksum')
  }
  if (previous !== undefined && line.link !== previous) {
    throw damaged(view.disk, segment.path, lines.offset, 'line-link', 'the line does not follow the one before it')
  }
  return line.sum
}

function meetStub({ buffer, start, end }: LineReader, teller: RemovedTeller): void {
  if (!isRemovedStub(buffer, start)) return
  const { control } = parseControlLine(buffer.toString('utf8', start, end))
  teller.meetStub(control.control === 'removed' ? control : never('its name is that of a stub'))
}

async function markBefore(view: LogView, segment: Segment, position: Position): Promise<number | undefined> {
  const { positions, offsets } = await view.indexes.with(segment, (index) => index.marks())
  const mark = lastAtOrBelow(positions, position)
  return mark < 0 ? undefined : offsets[mark]
}
