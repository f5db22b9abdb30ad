// Which segment files a log has. The state tables name those that they cover; the ones behind are listed here, each sealed
// as its successor's header says. What should be there and isn't is damage: a segment goes only by a rewrite that the log
// tells of.

import type { ParsedHeader } from '../core/header.ts'
import type { ByteOffset } from '../core/numbers.ts'
import type { Disk } from '../disks/disk.ts'
import { assert, HoldfastError } from '../errors.ts'
import type { Catalog } from './catalog.ts'
import type { Identity } from './identity.ts'
import { compareNames, folders, isPart, parseSegmentName, segmentPath } from './layout.ts'
import { damaged, readHeader, type SegmentFacts } from './segment.ts'
import { listNames, removeIfThere } from './whole-file.ts'

export interface ListedLog {
  readonly disk: Disk
  readonly identity: Identity
  /** Holds the segments that the tables cover. */
  readonly catalog: Catalog
}

/** A segment of which nothing is known but its header. */
interface Found {
  readonly name: string
  readonly header: ParsedHeader
}

/** Adds to the catalog what stands behind the segments that are in it; the last one is active. */
export async function listSegments(log: ListedLog): Promise<void> {
  const { disk, catalog } = log
  const names = await segmentNames(disk)
  const lastCovered = catalog.all.at(-1)?.facts.name ?? ''
  const uncovered = names.filter((name) => compareNames(name, lastCovered) > 0)
  if (uncovered.length === 0) {
    throw damaged(disk, folders.segments, 0, 'segment-missing', `the segment behind ${lastCovered} is gone`)
  }
  let before: Found | undefined
  for (const name of uncovered) {
    const header = await ownHeader(log, name)
    if (before === undefined) await checkNothingBetween(log, { name, header })
    else catalog.add(await sealedFacts(disk, before, header))
    before = { name, header }
  }
  assert(before !== undefined, 'at least one segment is not covered')
  const { segment, first } = before.header.header
  catalog.add({ name: before.name, number: segment, first, sealed: undefined })
}

async function segmentNames(disk: Disk): Promise<readonly string[]> {
  const names = await listNames(disk, folders.segments)
  const logNames = names.filter((name) => parseSegmentName(name) !== undefined).sort(compareNames)
  if (logNames.length > 0) return logNames
  throw new HoldfastError('DAMAGED', `${disk.label} is a journal, but its segments are gone`, {
    hint: 'Restore segments/ from a backup. An empty journal always has one segment.',
    details: { file: folders.segments, offset: 0, kind: 'segment-missing' },
  })
}

/** The header, which must be one of this journal and of this place in it. */
async function ownHeader({ disk, identity }: ListedLog, name: string): Promise<ParsedHeader> {
  const path = segmentPath(name)
  const file = await disk.open(path, { mode: 'read' })
  try {
    const header = await readHeader(file, `${disk.label}/${path}`)
    if (header === undefined) throw damaged(disk, path, 0, 'segment-header', 'the segment has no valid header')
    const { journal, epoch, first } = header.header
    if (journal !== identity.journal || epoch !== identity.epoch || first !== parseSegmentName(name)?.first) {
      throw damaged(disk, path, 0, 'segment-foreign', 'the segment belongs to another journal, history or place')
    }
    return header
  } finally {
    await file.close()
  }
}

/** What stands right behind the covered segments, or is the oldest of all, says what came before it. */
async function checkNothingBetween({ disk, catalog }: ListedLog, { name, header }: Found): Promise<void> {
  const { previous, segment } = header.header
  const covered = catalog.all.at(-1)
  if (previous?.name === covered?.facts.name) return
  // A rewrite may have merged the two, and may have been cut off: then checkPresence has the last word.
  if (covered !== undefined) {
    if (!disk.existsNow(covered.path)) return
    const { rewritten } = (await covered.with(() => covered.header())).header
    if (rewritten !== undefined) return
  }
  const path = segmentPath(previous?.name ?? name)
  throw damaged(disk, path, 0, 'segment-missing', `segment ${segment} stands behind it, and it is gone`)
}

async function sealedFacts(disk: Disk, sealed: Found, next: ParsedHeader): Promise<SegmentFacts> {
  const { header } = sealed.header
  const { previous, segment } = next.header
  const wasRewritten = header.rewritten !== undefined
  if (previous === null || (previous.name !== sealed.name && !wasRewritten)) {
    const path = segmentPath(sealed.name)
    throw damaged(disk, path, 0, 'segment-missing', `segment ${segment} does not follow ${sealed.name}`)
  }
  const bytes = wasRewritten ? await fileBytes(disk, sealed.name) : previous.bytes
  const sha256 = wasRewritten ? '' : previous.sha256
  return { name: sealed.name, number: header.segment, first: header.first, sealed: { bytes, sha256 } }
}

async function fileBytes(disk: Disk, name: string): Promise<ByteOffset> {
  const file = await disk.open(segmentPath(name), { mode: 'read' })
  try {
    return await file.size()
  } finally {
    await file.close()
  }
}

/** Every segment of the catalog must be there: what is missing was not retained, it is lost. */
export async function checkPresence(disk: Disk, catalog: Catalog): Promise<void> {
  const names = new Set(await listNames(disk, folders.segments))
  const missing = catalog.all.find(({ facts }) => !names.has(facts.name))
  if (missing === undefined) return
  throw damaged(disk, missing.path, 0, 'segment-missing', 'the segment is not there, though the log needs it')
}

/** Files that never got their names: whoever wrote them was cut off. */
export async function removeParts(disk: Disk): Promise<void> {
  for (const name of await listNames(disk, folders.segments)) {
    if (isPart(name)) await removeIfThere(disk, segmentPath(name))
  }
}
