// Which segment held a stream's events before a given one. The tables know it when they end right before that
// segment; else the older segments' indexes are asked, newest first.

import type { Catalog } from './catalog.ts'
import type { SegmentIndexes } from './segment-indexes.ts'
import type { State } from './state.ts'
import { stateKeys } from './state-keys.ts'

export async function previousSegmentOf(
  log: { readonly catalog: Catalog; readonly indexes: SegmentIndexes; readonly state: State },
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
  if (text === undefined && log.state.coveredThrough === (older[0]?.facts.number ?? 0)) return 0
  for (const candidate of older) {
    const places = await log.indexes.with(candidate, (index) => index.places(stream))
    if (places !== undefined) return candidate.facts.number
  }
  return 0
}
