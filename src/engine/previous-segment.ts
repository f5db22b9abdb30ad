// Which segment held a stream's events before a given one. The tables know it when they end right before that
// segment; else the older segments' indexes are asked, newest first.

import type { Disk } from '../disks/disk.ts'
import type { Catalog } from './catalog.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import type { State } from './state.ts'
import { stateKeys } from './state-keys.ts'

interface Searched {
  readonly disk: Disk
  readonly catalog: Catalog
  readonly state: State
}

/** The indexes of a log's segments, which look back in the same log. */
export function indexesOf(log: Searched): SegmentIndexes {
  const indexes: SegmentIndexes = new SegmentIndexes(log.disk, (stream, segment) =>
    previousSegmentOf({ ...log, indexes }, stream, segment),
  )
  return indexes
}

async function previousSegmentOf(
  log: Searched & { readonly indexes: SegmentIndexes },
  stream: string,
  segment: number,
): Promise<number> {
  const text = await log.state.tables.get(stateKeys.head(stream))
  if (text !== undefined) {
    const [, , number] = JSON.parse(text) as [number, number, number]
    if (number < segment) return number
  }
  const older = log.catalog.all.filter(({ facts }) => facts.number < segment).reverse()
  // The tables end right before the segment, and the stream is not there: it is new.
  const [newest] = older
  if (text === undefined && newest !== undefined && log.state.coveredThrough === newest.facts.number) return 0
  for (const candidate of older) {
    const places = await log.indexes.with(candidate, (index) => index.places(stream))
    if (places !== undefined) return candidate.facts.number
  }
  return 0
}
