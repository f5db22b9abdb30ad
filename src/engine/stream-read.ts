// Reading one stream without reading the others: its head names the newest segment that holds it, each segment's index
// names the one before, and gives the places of its lines. What stands at a place is checked to be just that event;
// if it isn't, either the index is stale (it is made anew) or the log is damaged (DAMAGED).

import type { ByteOffset, Position, Seq } from '../core/numbers.ts'
import type { DiskFile } from '../disks/disk.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { RawEvent, ReadItem, ReadQuery } from '../stores/store.ts'
import { type DurableEnd, type LogView, readableBytes } from './log-view.ts'
import { PagePace } from './page-pace.ts'
import { eventAtPlace, PlaceReader } from './place-read.ts'
import { matchesType, takeUpTo } from './read-range.ts'
import { RestOfQuery } from './rest-of-query.ts'
import { damaged, type Segment } from './segment.ts'
import type { StreamPlaces } from './segment-index.ts'
import { stateKeys } from './state-keys.ts'
import { TableDamaged } from './tables/table-damaged.ts'

/** A stream's events within one segment. */
interface Stretch {
  readonly segment: Segment
  readonly places: StreamPlaces
}

/** Of so many places it is remembered where they are, on the way back to the first one; the others are looked up again. */
const keptPlacesMax = 16_384

/** How often a read begins anew without having got on, because an index was stale. */
const restartsMax = 3

export async function* readStream(
  view: LogView,
  query: ReadQuery,
  stream: string,
): AsyncGenerator<readonly ReadItem[]> {
  const rest = new RestOfQuery(query)
  for (let restarts = 0; ; restarts++) {
    try {
      for await (const page of readOnce(view, rest.query, stream)) {
        yield page
        rest.gave(page)
        restarts = 0
      }
      return
    } catch (error) {
      if (!(error instanceof TableDamaged) || restarts === restartsMax) throw error
    }
  }
}

async function* readOnce(view: LogView, query: ReadQuery, stream: string): AsyncGenerator<readonly ReadItem[]> {
  const end = view.durableEnd()
  const head = await view.state.loadHead(stream)
  if (head === null) return
  const earliest = await earliestSeq(view, stream)
  const wanted = Math.max(1, query.from ?? 1)
  const from = Math.max(wanted, earliest)
  const to = Math.min(query.to ?? head.seq, head.seq)
  let left = query.limit ?? Number.POSITIVE_INFINITY
  assert(left > 0, 'who wants nothing does not read')
  if (query.tellRemoved === true && wanted < earliest && wanted <= (query.to ?? head.seq)) {
    yield [{ removed: { from: wanted, to: Math.min(earliest - 1, query.to ?? head.seq) } }]
  }
  if (from > to) return
  const backward = query.direction === 'backward'
  const reading: StreamReading = { query, stream, from, to, end, backward, earliest }
  const pace = new PagePace(left)
  let page = new Page(pace.next())
  for await (const stretch of backward
    ? stretchesBack(view, stream, head.segment, { from, to })
    : stretchesOn(view, stream, head.segment, { from, to })) {
    const { segment } = stretch
    segment.enter()
    try {
      const reader = new StretchReader(view, stretch, reading, await segment.file())
      while (!reader.isDone) {
        await reader.readInto(page)
        if (!page.isFull) continue
        const events = takeUpTo(page.events, left)
        left -= events.length
        if (events.length > 0) yield events
        if (left <= 0) return
        page = new Page(pace.next())
        reading.earliest = await earliestSeq(view, stream) // retention may have taken more meanwhile
      }
    } finally {
      await segment.leave()
    }
  }
  const events = takeUpTo(page.events, left)
  if (events.length > 0) yield events
}

/** What is read before it is given: of one segment or of several. */
class Page {
  readonly events: RawEvent[] = []
  bytes = 0
  readonly #eventsMax: number

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax
  }

  get room(): number {
    return this.#eventsMax - this.events.length
  }

  get isFull(): boolean {
    return this.room <= 0 || this.bytes >= limits.pageBytes
  }
}

interface SeqRange {
  readonly from: Seq
  readonly to: Seq
}

/** From the newest segment back to the one that holds `from`, those that hold something of the range. */
async function* stretchesBack(view: LogView, stream: string, newest: number, range: SeqRange): AsyncGenerator<Stretch> {
  let number = newest
  while (number > 0) {
    const segment = view.catalog.byNumber(number)
    if (segment === undefined) return // retention took it, and with it all that was older in this stream
    const places = await view.indexes.with(segment, (index) => index.places(stream))
    if (places === undefined) return // likewise: only a stub stands there
    if (places.first <= range.to) yield { segment, places }
    if (places.first <= range.from) return
    number = places.previous
  }
}

async function* stretchesOn(view: LogView, stream: string, newest: number, range: SeqRange): AsyncGenerator<Stretch> {
  const found: { readonly number: number; readonly stretch: Stretch | undefined }[] = []
  let kept = 0
  for await (const stretch of stretchesBack(view, stream, newest, range)) {
    kept += stretch.places.offsets.length
    found.push({ number: stretch.segment.facts.number, stretch: kept <= keptPlacesMax ? stretch : undefined })
  }
  for (const { number, stretch } of found.reverse()) {
    const segment = view.catalog.byNumber(number)
    if (segment === undefined) continue
    if (segment === stretch?.segment) {
      yield stretch
      continue
    }
    const places = await view.indexes.with(segment, (index) => index.places(stream))
    if (places !== undefined) yield { segment, places }
  }
}

interface StreamReading extends SeqRange {
  readonly query: ReadQuery
  readonly stream: string
  readonly end: DurableEnd
  readonly backward: boolean
  /** What is older is not shown any more, though it may stand in a file that is still open. */
  earliest: Seq
}

/** Between enter() and leave() of the stretch's segment. */
class StretchReader {
  readonly #view: LogView
  readonly #stretch: Stretch
  readonly #reading: StreamReading
  readonly #lines: PlaceReader
  /** Which places are left, as indices. */
  #from: number
  #to: number

  constructor(view: LogView, stretch: Stretch, reading: StreamReading, file: DiskFile) {
    const { places, segment } = stretch
    const bytes = readableBytes(segment, reading.end)
    this.#view = view
    this.#stretch = stretch
    this.#reading = reading
    this.#lines = new PlaceReader(file, bytes, reading.query.withText === true)
    this.#from = Math.max(0, reading.from - places.first)
    this.#to = Math.min(reading.to + 1 - places.first, places.offsets.length)
    while (this.#to > this.#from && (places.offsets[this.#to - 1] as ByteOffset) >= bytes) this.#to--
  }

  get isDone(): boolean {
    return this.#from >= this.#to
  }

  /** Adds to the page those of the next events that are wanted; each must be just the one that the index names. */
  async readInto(page: Page): Promise<void> {
    const { segment, places } = this.#stretch
    const { query, stream, backward, earliest } = this.#reading
    const [from, to] = [this.#from, this.#to]
    const count = Math.min(to - from, page.room)
    const wanted = backward ? { from: to - count, to } : { from, to: from + count }
    const { events, bytes } = await this.#lines.read(places.offsets, wanted, backward)
    for (const [index, event] of events.entries()) {
      const at = backward ? to - 1 - index : from + index
      const seq = places.first + at
      if (event === undefined || event.stream !== stream || event.seq !== seq) {
        throw await misplaced(this.#view, segment, places.offsets[at] as ByteOffset, { stream, seq })
      }
      if (seq >= earliest && matchesType(query, event) && this.#view.state.isVisible(event)) page.events.push(event)
    }
    page.bytes += bytes
    if (backward) this.#to -= events.length
    else this.#from += events.length
  }
}

/** Either the index on disk is wrong, which costs another try, or the log is. */
async function misplaced(
  view: LogView,
  segment: Segment,
  offset: ByteOffset,
  { stream, seq }: { readonly stream: string; readonly seq: Seq },
): Promise<Error> {
  const path = segment.path
  const index = await view.indexes.remake(segment) // throws DAMAGED where the log itself is damaged
  const places = await index.places(stream)
  if (places !== undefined && places.offsets[seq - places.first] === offset) {
    return damaged(view.disk, path, offset, 'line-misplaced', `expected seq ${seq} of ${JSON.stringify(stream)}`)
  }
  return new TableDamaged(path, offset, 'the index does not fit the segment')
}

/** Oldest seq of the stream that is part of the readable history; its last seq + 1 when none is. */
export async function earliestSeq(view: LogView, stream: string): Promise<Seq> {
  const head = await view.state.loadHead(stream)
  if (head === null) return 1
  const truncated = (await view.state.loadEntry<Seq>(stateKeys.truncated(stream))) ?? 1
  const { cut, keep } = view.state.scalars
  const kept = keep.get(stream)
  if (cut <= 1 || kept !== undefined) return Math.min(head.seq + 1, Math.max(truncated, kept ?? 1))
  if (head.position < cut) return head.seq + 1
  return Math.min(head.seq + 1, Math.max(truncated, await firstSeqFrom(view, stream, head.segment, cut)))
}

/** First seq of the stream whose position is at or above `cut`, which its newest event is. */
async function firstSeqFrom(view: LogView, stream: string, newest: number, cut: Position): Promise<Seq> {
  let first = Number.POSITIVE_INFINITY
  for await (const { segment, places } of stretchesBack(view, stream, newest, {
    from: 1,
    to: Number.POSITIVE_INFINITY,
  })) {
    if (segment.facts.first < cut) {
      const within = await firstPlaceFrom(view, { segment, places }, cut)
      return within === undefined ? first : within
    }
    first = places.first
  }
  return first
}

async function firstPlaceFrom(view: LogView, stretch: Stretch, cut: Position): Promise<Seq | undefined> {
  const { segment, places } = stretch
  return segment.with(async (file) => {
    const bytes = readableBytes(segment, view.durableEnd())
    let low = 0
    let high = places.offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const event = await eventAtPlace(file, places.offsets[middle] as ByteOffset, bytes)
      if (event !== undefined && event.position < cut) low = middle + 1
      else high = middle
    }
    return low === places.offsets.length ? undefined : places.first + low
  })
}

/** Position of the stream's event at this seq; undefined when it is not retained or does not exist. */
export async function positionOf(view: LogView, stream: string, seq: Seq): Promise<Position | undefined> {
  const query: ReadQuery = { select: { kind: 'stream', stream }, from: seq, to: seq, limit: 1, direction: 'forward' }
  for await (const [item] of readStream(view, query, stream)) {
    assert(item !== undefined && !('removed' in item), 'a read that tells no removals gives events')
    return item.position
  }
  return undefined
}

/** First retained seq of the stream whose position is at or above `position`; its last seq + 1 when there is none. */
export async function seqAtOrBehind(view: LogView, stream: string, position: Position): Promise<Seq> {
  const head = await view.state.loadHead(stream)
  if (head === null) return 1
  if (head.position < position) return head.seq + 1
  const first = await firstSeqFrom(view, stream, head.segment, position)
  return Math.min(head.seq + 1, Math.max(await earliestSeq(view, stream), first))
}
