// After a segment is sealed: its index becomes a table, and what its records changed goes to the state tables, with the
// note that they now cover it. Caches all of it: what fails here is done again with the next segment.

import type { Disk } from '../disks/disk.ts'
import type { Catalog } from './catalog.ts'
import type { Identity } from './identity.ts'
import { folders, indexName } from './layout.ts'
import { encodeNote } from './note.ts'
import type { Segment, SegmentFacts } from './segment.ts'
import type { SegmentIndexes } from './segment-indexes.ts'
import type { State } from './state.ts'
import { TableIndex } from './table-index.ts'
import { ensureDirectory, removeIfThere } from './whole-file.ts'

export interface Covering {
  readonly disk: Disk
  readonly identity: Identity
  readonly catalog: Catalog
  readonly indexes: SegmentIndexes
  readonly state: State
}

/** Writes the index of a sealed segment and makes its facts name it. */
export async function writeIndex(log: Covering, segment: Segment): Promise<void> {
  const { disk, indexes } = log
  if (await ensureDirectory(disk, folders.index)) await disk.syncDirectory('')
  const name = indexName(segment.facts.name)
  await removeIfThere(disk, `${folders.index}/${name}.part`)
  const description = await indexes.with(segment, (index) => TableIndex.write(disk, name, index))
  await disk.syncDirectory(folders.index)
  segment.facts = { ...segment.facts, index: description }
  segment.index = undefined // the one in memory has served: the table is opened when it is asked
}

/** Everything that the state knows at the call stands in segments up to and including this one. */
export async function coverSegment(log: Covering, segment: Segment): Promise<void> {
  log.state.freeze()
  const scalars = {
    ...log.state.scalars,
    keep: new Map(log.state.scalars.keep),
    truncating: new Map(log.state.scalars.truncating),
  }
  await coverFrozen(log, segment, scalars)
}

export async function coverFrozen(log: Covering, segment: Segment, scalars: State['scalars']): Promise<void> {
  try {
    await writeIndex(log, segment)
    const sealed = coveredFacts(log.catalog, segment)
    await log.state.flush(encodeNote({ journal: log.identity.journal, epoch: log.identity.epoch, sealed, scalars }))
    log.state.coveredThrough = segment.facts.number
    log.state.coveredForgetBefore = scalars.forgetBefore
  } catch (error) {
    log.state.thaw()
    throw error
  }
}

function coveredFacts(catalog: Catalog, upTo: Segment): readonly SegmentFacts[] {
  return catalog.sealed.filter(({ facts }) => facts.number <= upTo.facts.number).map(({ facts }) => facts)
}
