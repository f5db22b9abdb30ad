// Reading from the newest event back: only what is asked for is read. Each line is checked alone and against the one behind
// it, which was read before. Memory holds one page.

import { eventIn, eventStart } from '../core/event-line.ts'
import { lineKind } from '../core/record.ts'
import { limits } from '../limits.ts'
import type { RawEvent, ReadQuery } from '../stores/store.ts'
import { BackwardLines } from './backward-lines.ts'
import { type LogView, readableBytes } from './log-view.ts'
import { PagePace } from './page-pace.ts'
import { isSelective, isWanted, type ReadRange, rangeOf, takeUpTo } from './read-range.ts'
import { damaged, type Segment } from './segment.ts'
import { lastAtOrBelow } from './segment-index.ts'
import { mayMatch } from './sequential-read.ts'
import { readByType } from './type-read.ts'

/** Of who wants a few events, so many bytes are read for each. */
const eventBytesGuess = 512
const chunkBytesMin = 2_048
const chunkBytesMax = 65_536

export async function* readBackward(view: LogView, query: ReadQuery): AsyncGenerator<readonly RawEvent[]> {
  const range = rangeOf(view, query)
  if (range === undefined) return
  let left = query.limit ?? Number.POSITIVE_INFINITY
  const pace = new PagePace(left)
  let at = view.catalog.all.findLastIndex(({ facts }) => facts.first <= range.to && facts.number <= range.end.segment)
  let segment: Segment | undefined = view.catalog.all[at]
  while (segment !== undefined && left > 0) {
    if (await mayMatch(view, segment, query)) {
      for await (const page of segmentBackward(view, segment, query, { range, pace })) {
        const items = takeUpTo(page, left)
        left -= items.length
        yield items
        if (left <= 0) return
      }
    }
    // Ties: an older segment may begin at the same position, but then this one holds all events from there.
    if (segment.facts.first <= range.from) return
    const number = segment.facts.number
    at = view.catalog.all.findLastIndex(({ facts }) => facts.number < number)
    segment = view.catalog.all[at]
  }
}

async function* segmentBackward(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  reading: { readonly range: ReadRange; readonly pace: PagePace },
): AsyncGenerator<readonly RawEvent[]> {
  segment.enter()
  try {
    const range = yield* readByType(view, segment, query, reading)
    if (range !== undefined) yield* throughSegment(view, segment, query, range)
  } finally {
    await segment.leave()
  }
}

async function* throughSegment(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  range: ReadRange,
): AsyncGenerator<readonly RawEvent[]> {
  const file = await segment.file()
  const header = await segment.header()
  const readable = readableBytes(segment, range.end)
  const to = await endBehind(view, segment, range, readable)
  const chunkBytes = Math.min(
    Math.max(chunkBytesMin, (query.limit ?? limits.pageEventsMax) * eventBytesGuess),
    chunkBytesMax,
  )
  const lines = new BackwardLines(file, { from: header.bytes, to: Math.max(header.bytes, to), chunkBytes })
  const behind = new LinkBefore(view, segment)
  const withText = query.withText === true
  const selects = isSelective(query)
  let isBehind = to < readable
  let page: RawEvent[] = []
  while (await lines.load()) {
    while (page.length !== query.limit && lines.previous()) {
      const { buffer, start, end } = lines
      behind.check(lines)
      if (lineKind(buffer, start) !== 'event') continue
      // The payload is parsed of those only that are given.
      const whole = selects || isBehind ? undefined : eventIn(buffer, start, end, withText)
      const event = whole ?? eventStart(buffer, start, end)
      if (event.position > range.to) continue
      isBehind = false
      if (event.position < range.from) {
        if (page.length > 0) yield page
        return
      }
      if (isWanted(view, query, event)) page.push(whole ?? eventIn(buffer, start, end, withText))
    }
    if (page.length > 0) yield page
    page = []
  }
  if (lines.left > header.bytes) {
    throw damaged(view.disk, segment.path, lines.left, 'line-incomplete', 'no line ends here, where one should')
  }
}

/** Everything behind is newer than the range. */
async function endBehind(view: LogView, segment: Segment, range: ReadRange, readable: number): Promise<number> {
  if (range.to >= range.end.position) return readable
  const { positions, offsets } = await view.indexes.with(segment, (index) => index.marks())
  return Math.min(readable, offsets[lastAtOrBelow(positions, range.to) + 1] ?? readable)
}

/** What the line behind says of the one that is read now. */
class LinkBefore {
  readonly #view: LogView
  readonly #segment: Segment
  #link: number | undefined
  #offset = 0

  constructor(view: LogView, segment: Segment) {
    this.#view = view
    this.#segment = segment
  }

  /** DAMAGED when the line isn't what was written there. */
  check(lines: BackwardLines): void {
    const { offset } = lines
    const line = lines.check()
    if (line === undefined) throw this.#damaged(offset, 'line-checksum', 'the line does not match its checksum')
    if (this.#link !== undefined && line.sum !== this.#link) {
      throw this.#damaged(this.#offset, 'line-link', 'the line does not follow the one before it')
    }
    this.#link = line.link
    this.#offset = offset
  }

  #damaged(offset: number, kind: string, what: string): Error {
    return damaged(this.#view.disk, this.#segment.path, offset, kind, what)
  }
}
