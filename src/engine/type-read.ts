// Reading the events of some types within one segment, where they are few among many: the segment's index says where they
// stand, and nothing else is read. What the index can't give is left to whoever reads the segment through.

import type { ByteOffset } from '../core/numbers.ts'
import type { RawEvent, ReadQuery } from '../stores/store.ts'
import { type LogView, readableBytes } from './log-view.ts'
import type { PagePace } from './page-pace.ts'
import { PlaceReader } from './place-read.ts'
import { isWanted, type ReadRange } from './read-range.ts'
import type { Segment } from './segment.ts'
import { areSparse, lastAtOrBelow, type SegmentIndex } from './segment-index.ts'

export interface TypeReading {
  readonly range: ReadRange
  readonly pace: PagePace
  /** Whether no event is hidden of which the reader has to be told: from when on it isn't so, nothing is given any more. */
  readonly isWhole?: () => boolean
}

const always = (): boolean => true

/**
 * Pages of what the query wants of this segment; it is used by the caller meanwhile. Returns the range that is left to be
 * read through: all of it where that is cheaper, the rest where the index turned out to be stale or something was hidden
 * meanwhile, else nothing.
 */
export async function* readByType(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  { range, pace, isWhole = always }: TypeReading,
): AsyncGenerator<readonly RawEvent[], ReadRange | undefined> {
  const bytes = readableBytes(segment, range.end)
  const places = await placesWithin(view, segment, query, range, bytes)
  if (places === undefined) return range
  const backward = query.direction === 'backward'
  const lines = new PlaceReader(await segment.file(), bytes, query.withText === true)
  let rest = range
  let given = range
  let from = 0
  let to = places.length
  while (from < to) {
    const count = Math.min(to - from, pace.next())
    const wanted = backward ? { from: to - count, to } : { from, to: from + count }
    const { events } = await lines.read(places, wanted, backward)
    const page: RawEvent[] = []
    let isStale = false
    for (const event of events) {
      isStale = event === undefined || query.types?.has(event.type) !== true
      if (event === undefined || isStale) break
      const { position } = event
      if (position < rest.from || position > rest.to) continue
      rest = backward ? { ...rest, to: position - 1 } : { ...rest, from: position + 1 }
      if (isWanted(view, query, event)) page.push(event)
    }
    if (!isWhole()) return given
    given = rest
    if (page.length > 0) yield page
    if (isStale) {
      await view.indexes.remake(segment)
      return rest
    }
    if (backward) to -= events.length
    else from += events.length
  }
  return isWhole() ? undefined : given
}

/** Where events of the wanted types stand, within the range or close to it; undefined where they are not few. */
async function placesWithin(
  view: LogView,
  segment: Segment,
  query: ReadQuery,
  range: ReadRange,
  bytes: ByteOffset,
): Promise<readonly ByteOffset[] | undefined> {
  const { types } = query
  if (types === undefined) return undefined
  return await view.indexes.with(segment, async (index) => {
    const { from, to } = await offsetsAround(index, range, bytes)
    const places: ByteOffset[] = []
    for (const type of types) {
      const ofType = await index.typePlaces(type)
      if (ofType === undefined) return undefined
      for (let at = lastAtOrBelow(ofType, from - 1) + 1; at < ofType.length; at++) {
        const offset = ofType[at] as ByteOffset // below the length
        if (offset >= to) break
        places.push(offset)
      }
      if (!areSparse(places.length, to - from)) return undefined
    }
    return types.size > 1 ? places.sort((a, b) => a - b) : places
  })
}

/** As narrow as the marks allow. */
async function offsetsAround(index: SegmentIndex, range: ReadRange, bytes: ByteOffset) {
  const { positions, offsets } = await index.marks()
  const first = lastAtOrBelow(positions, range.from)
  const behind = lastAtOrBelow(positions, range.to) + 1
  return { from: offsets[first] ?? 0, to: Math.min(bytes, offsets[behind] ?? bytes) }
}
