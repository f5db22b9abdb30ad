// Reading one stream without reading the others: its head names the newest segment that holds it, each segment's index
// names the one before, and gives the places of its lines. What stands at a place is checked to be just that event;
// if it isn't, either the index is stale (it is made anew) or the log is damaged (DAMAGED).

import type { ByteOffset, Position, Seq } from '../core/numbers.ts'
import { checkLine, lineEnd, lineKind, parseEventLine } from '../core/record.ts'
import type { DiskFile } from '../disks/disk.ts'
import { readFully } from '../disks/whole-io.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { RawEvent, ReadItem, ReadQuery } from '../stores/store.ts'
import { type DurableEnd, type LogView, readableBytes } from './log-view.ts'
import { restOfQuery } from './rest-of-query.ts'
import { damaged, type Segment } from './segment.ts'
import type { StreamPlaces } from './segment-index.ts'
import { countEvents, matchesType, takeUpTo } from './sequential-read.ts'
import { stateKeys } from './state-keys.ts'
import { TableDamaged } from './tables/table-damaged.ts'

/** A stream's events within one segment. */
interface Stretch {
  readonly segment: Segment
  readonly places: StreamPlaces
}

/** One page is made of lines that stand within so many bytes, with no larger hole than this between two. */
const windowBytes: number = limits.pageBytes
const holeBytesMax = 8_192
/** How much is read for the last line of a window at first; longer lines take a second read. */
const lineBytesGuess = 2_048

/** How often a read begins anew without having got on, because an index was stale. */
const restartsMax = 3

export async function* readStream(
  view: LogView,
  query: ReadQuery,
  stream: string,
): AsyncGenerator<readonly ReadItem[]> {
  let rest = query
  for (let restarts = 0; ; restarts++) {
    try {
      for await (const page of readOnce(view, rest, stream)) {
        yield page
        rest = restOfQuery(rest, page)
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
  for await (const stretch of backward
    ? stretchesBack(view, stream, head.segment, { from, to })
    : stretchesOn(view, stream, head.segment, { from, to })) {
    for await (const page of readStretch(view, stretch, {
      stream,
      from,
      to,
      end,
      backward,
      withText: query.withText === true,
    })) {
      const items = takeUpTo(query.types === undefined ? page : page.filter((event) => matchesType(query, event)), left)
      left -= countEvents(items)
      if (items.length > 0) yield items
      if (left <= 0) return
    }
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
  const numbers: number[] = []
  for await (const { segment } of stretchesBack(view, stream, newest, range)) numbers.push(segment.facts.number)
  for (const number of numbers.reverse()) {
    const segment = view.catalog.byNumber(number)
    if (segment === undefined) continue
    const places = await view.indexes.with(segment, (index) => index.places(stream))
    if (places !== undefined) yield { segment, places }
  }
}

interface StretchRange extends SeqRange {
  readonly stream: string
  readonly end: DurableEnd
  readonly backward: boolean
  readonly withText: boolean
}

async function* readStretch(view: LogView, stretch: Stretch, range: StretchRange): AsyncGenerator<readonly RawEvent[]> {
  const { segment, places } = stretch
  const bytes = readableBytes(segment, range.end)
  const first = Math.max(range.from, places.first)
  let last = Math.min(range.to, places.first + places.offsets.length - 1)
  while (last >= first && (places.offsets[last - places.first] as number) >= bytes) last--
  segment.enter()
  try {
    const file = await segment.file()
    for (const window of windowsOf(places, { from: first, to: last }, range.backward)) {
      const events = await readWindow(view, { segment, places, file, bytes, range }, window)
      const visible = events.filter((event) => view.state.isVisible(event))
      if (visible.length > 0) yield range.backward ? visible.reverse() : visible
    }
  } finally {
    await segment.leave()
  }
}

/** Runs of seqs whose lines stand close enough together to be read at once. */
function* windowsOf(places: StreamPlaces, range: SeqRange, backward: boolean): Generator<SeqRange> {
  const offsetOf = (seq: Seq): ByteOffset => places.offsets[seq - places.first] as number
  const step = backward ? -1 : 1
  let start = backward ? range.to : range.from
  while (start >= range.from && start <= range.to) {
    let end = start
    for (;;) {
      const following = end + step
      if (following < range.from || following > range.to) break
      if (Math.abs(offsetOf(following) - offsetOf(end)) > holeBytesMax) break
      if (Math.abs(offsetOf(following) - offsetOf(start)) > windowBytes) break
      if (Math.abs(following - start) >= limits.pageEventsMax) break
      end = following
    }
    yield backward ? { from: end, to: start } : { from: start, to: end }
    start = end + step
  }
}

interface Source {
  readonly segment: Segment
  readonly places: StreamPlaces
  readonly file: DiskFile
  readonly bytes: ByteOffset
  readonly range: StretchRange
}

async function readWindow(view: LogView, source: Source, window: SeqRange): Promise<RawEvent[]> {
  const { places, bytes, file, range } = source
  const offsetOf = (seq: Seq): ByteOffset => places.offsets[seq - places.first] as number
  const base = offsetOf(window.from)
  const buffer = Buffer.allocUnsafe(Math.min(bytes, offsetOf(window.to) + lineBytesGuess) - base)
  const filled = buffer.subarray(0, await readFully(file, buffer, base))
  const events: RawEvent[] = []
  for (let seq = window.from; seq <= window.to; seq++) {
    const offset = offsetOf(seq)
    const line = lineAt(filled, offset - base) ?? (await longLineAt(file, offset, bytes))
    const event = line === undefined ? undefined : eventIn(line, range.withText)
    if (event === undefined || event.stream !== range.stream || event.seq !== seq) {
      throw await misplaced(view, source, offset, seq)
    }
    events.push(event)
  }
  return events
}

function lineAt(bytes: Buffer, start: number): Buffer | undefined {
  if (start < 0 || start >= bytes.length) return undefined
  const end = lineEnd(bytes, start)
  return end < 0 ? undefined : bytes.subarray(start, end)
}

/** A line that the window's buffer cut off. */
async function longLineAt(file: DiskFile, offset: ByteOffset, bytesEnd: ByteOffset): Promise<Buffer | undefined> {
  for (let size = 65_536; ; size *= 4) {
    const buffer = Buffer.allocUnsafe(Math.min(size, Math.max(0, bytesEnd - offset)))
    const filled = buffer.subarray(0, await readFully(file, buffer, offset))
    const line = lineAt(filled, 0)
    if (line !== undefined || filled.length < size) return line
  }
}

function eventIn(line: Buffer, withText: boolean): RawEvent | undefined {
  if (checkLine(line, 0, line.length) === undefined || lineKind(line, 0) !== 'event') return undefined
  return parseEventLine(line.toString('utf8'), withText)
}

/** Either the index on disk is wrong, which costs another try, or the log is. */
async function misplaced(view: LogView, source: Source, offset: ByteOffset, seq: Seq): Promise<Error> {
  const { segment, range } = source
  const path = segment.path
  const index = await view.indexes.remake(segment) // throws DAMAGED where the log itself is damaged
  const places = await index.places(range.stream)
  if (places !== undefined && places.offsets[seq - places.first] === offset) {
    return damaged(view.disk, path, offset, 'line-misplaced', `expected seq ${seq} of ${JSON.stringify(range.stream)}`)
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
      const line = await longLineAt(file, places.offsets[middle] as number, bytes)
      const event = line === undefined ? undefined : eventIn(line, false)
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
