// Folds segments into a log that is being opened: what the state tables don't cover yet is read through, line by line, and
// gives the state, the segment's index and how many events stand in it.

import type { Hash } from 'node:crypto'
import type { ByteOffset } from '../core/numbers.ts'
import type { DiskFile } from '../disks/disk.ts'
import { type Covering, coverSegment } from './cover.ts'
import { replay } from './replay.ts'
import { type Segment, sealedOf } from './segment.ts'
import { ActiveIndex } from './segment-index.ts'

export interface OpenProgress {
  readonly segmentsDone: number
  readonly segmentsTotal: number
}

export interface FoldRange {
  readonly from: ByteOffset
  readonly to: ByteOffset
  /** Sum of the line before `from`. */
  readonly sum: number
  readonly index: ActiveIndex
  readonly hash?: Hash
}

/** Returns the sum of the last line. */
export function foldRange(log: Covering, segment: Segment, file: DiskFile, range: FoldRange): Promise<number> {
  const { disk, state } = log
  return replay({ disk, file, path: segment.path, number: segment.facts.number, state, ...range })
}

/** Folds all sealed segments behind the first `covered`. Returns how many. */
export async function foldSealed(
  log: Covering,
  covered: number,
  options: { readonly isWriter: boolean; readonly progress: ((progress: OpenProgress) => void) | undefined },
): Promise<number> {
  const segments = log.catalog.sealed.slice(covered)
  for (const [done, segment] of segments.entries()) {
    options.progress?.({ segmentsDone: done, segmentsTotal: segments.length })
    const index = await foldWhole(log, segment)
    const { events } = index
    segment.facts = { ...segment.facts, events, isResidue: events === 0 && segment.facts.sealed?.sha256 === '' }
    segment.index = Promise.resolve(log.indexes.inMemory(index, segment.facts.number))
    if (options.isWriter) await coverFolded(log, segment)
  }
  return segments.length
}

async function foldWhole(log: Covering, segment: Segment): Promise<ActiveIndex> {
  const index = new ActiveIndex()
  await segment.with(async (file) => {
    const { bytes: from, sum } = await segment.header()
    await foldRange(log, segment, file, { from, to: sealedOf(segment.facts).bytes, sum, index })
  })
  return index
}

/** The tables cover the segment at once, so that they don't grow in number while many are folded. */
export async function coverFolded(log: Covering, segment: Segment): Promise<void> {
  await coverSegment(log, segment)
  await log.state.tables.merge()
}
