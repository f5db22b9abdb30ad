// Blobs that no retained event names any more. They are journaled as gone before anything of them is removed, and judged
// once more in the moment in which that record gets its place in the log: an append that names one comes either before,
// and then it stays, or behind, and then it must be put again.

import type { BlobControl } from '../core/control.ts'
import { eventStart } from '../core/event-line.ts'
import type { Position, Seq } from '../core/numbers.ts'
import { lineKind } from '../core/record.ts'
import { limits } from '../limits.ts'
import type { Blobs } from './blobs.ts'
import { folders } from './layout.ts'
import { LineReader } from './line-reader.ts'
import { type LogView, readableBytes } from './log-view.ts'
import type { Segment } from './segment.ts'
import { isTouched } from './segment-survey.ts'
import type { BlobPlace } from './state.ts'
import { kindPrefix, stateKeys } from './state-keys.ts'
import { giveTurn, type UpkeepView } from './upkeep-turn.ts'
import type { Writer } from './writer.ts'

export interface CollectionParts {
  readonly log: UpkeepView
  readonly blobs: Blobs
}

/** What is or would be removed, and what is left. */
export interface Removal {
  readonly cut: Position
  readonly truncating: ReadonlyMap<string, Seq>
  isVisible(event: { readonly stream: string; readonly seq: Seq; readonly position: Position }): boolean
}

export interface DeadBlobs {
  readonly places: ReadonlyMap<string, BlobPlace>
  /** Segments up to this number were looked at. */
  readonly upTo: number
}

/** Blobs named only by events that go. Reads the segments that have something to lose, and no others. */
export async function findDeadBlobs(
  parts: CollectionParts,
  removal: Removal,
  where: { readonly withActive: boolean } = { withActive: false },
): Promise<DeadBlobs> {
  const { log, blobs } = parts
  const upTo = log.catalog.sealed.at(-1)?.facts.number ?? 0
  const alive = new Set<string>()
  const candidates = new Map<string, Set<number>>()
  for (const segment of where.withActive ? log.catalog.all : log.catalog.sealed) {
    if (segment.facts.isResidue === true || !(await isTouched(log, segment, removal))) continue
    const named = await log.indexes.with(segment, (index) => index.blobs())
    if (named.length === 0) continue
    const kept = await namedByVisible(log, segment, removal)
    for (const digest of kept) alive.add(digest)
    for (const digest of named) {
      if (kept.has(digest)) continue
      const lost = candidates.get(digest) ?? new Set()
      candidates.set(digest, lost.add(segment.facts.number))
    }
  }
  const dead = new Map<string, BlobPlace>()
  for (const [digest, lostIn] of candidates) {
    if (alive.has(digest) || blobs.isClaimed(digest) || (await isUsedElsewhere(log, digest, lostIn))) continue
    const place = await log.state.loadEntry<BlobPlace>(stateKeys.blob(digest))
    if (place !== null) dead.set(digest, place)
  }
  return { places: dead, upTo }
}

async function namedByVisible(log: UpkeepView, segment: Segment, removal: Removal): Promise<ReadonlySet<string>> {
  const named = new Set<string>()
  await segment.with(async (file) => {
    const header = await segment.header()
    const lines = new LineReader(file, {
      from: header.bytes,
      to: readableBytes(segment, log.durableEnd()),
      chunkBytes: limits.upkeepPieceBytes,
    })
    while (await lines.load()) {
      while (lines.next()) {
        const { buffer, start, end } = lines
        if (lineKind(buffer, start) !== 'event' || lines.check() === undefined) continue
        const event = eventStart(buffer, start, end)
        if (event.blobs.length > 0 && removal.isVisible(event)) for (const digest of event.blobs) named.add(digest)
      }
      await giveTurn(log)
    }
  })
  return named
}

async function isUsedElsewhere(log: LogView, digest: string, lostIn: ReadonlySet<number>): Promise<boolean> {
  const prefix = `${kindPrefix.blobUse}${digest}:`
  for await (const page of log.state.scan(prefix)) {
    for (const [key] of page) if (!lostIn.has(Number(key.slice(prefix.length)))) return true
  }
  return false
}

/** Blobs that no event names although they are there: somebody claimed them when the last event that named them went. */
export async function findOrphanBlobs({ log, blobs }: CollectionParts): Promise<DeadBlobs> {
  const upTo = log.catalog.sealed.at(-1)?.facts.number ?? 0
  const dead = new Map<string, BlobPlace>()
  // Both sorted by digest. What is stored or named meanwhile is judged when the record gets its place.
  const named = digestsNamed(log)
  let next = await named.next()
  for await (const page of log.state.scan<BlobPlace>(kindPrefix.blob)) {
    for (const [key, place] of page) {
      const digest = key.slice(kindPrefix.blob.length)
      while (next.done !== true && next.value < digest) next = await named.next()
      if (next.value !== digest && !blobs.isClaimed(digest)) dead.set(digest, place)
    }
  }
  await named.return(undefined)
  return { places: dead, upTo }
}

async function* digestsNamed(log: LogView): AsyncGenerator<string, undefined, undefined> {
  for await (const page of log.state.scan(kindPrefix.blobUse)) {
    for (const [key] of page) yield key.slice(kindPrefix.blobUse.length, key.lastIndexOf(':'))
  }
}

/** Journals them as gone and removes their chunks; returns how many went. */
export async function collectBlobs(parts: CollectionParts, writer: Writer, dead: DeadBlobs): Promise<number> {
  if (dead.places.size === 0) return 0
  const { log, blobs } = parts
  for (const digest of dead.places.keys()) {
    await log.state.loadEntry(stateKeys.blob(digest))
    for (let number = dead.upTo + 1; number <= writer.active.number; number++)
      await log.state.loadEntry(stateKeys.blobUse(digest, number))
  }
  const gone = new Map<string, BlobPlace>()
  await writer.control(() => {
    const controls: BlobControl[] = []
    for (const [digest, place] of dead.places) {
      const isUnused = isUnusedSince(log, digest, { after: dead.upTo, active: writer.active.number })
      const isLoaded = log.state.entry(stateKeys.blob(digest)) !== undefined
      if (!isUnused || blobs.isClaimed(digest) || !isLoaded) continue
      gone.set(digest, place)
      controls.push({ control: 'blob', digest, bytes: place.bytes, gone: true })
    }
    return controls
  })
  await removeChunks(log, blobs, gone)
  return gone.size
}

/** Whether certainly no event in a segment that was not looked at names it. What memory can't say, it may: such a blob
 * stays until the next retention. */
function isUnusedSince(
  log: LogView,
  digest: string,
  range: { readonly after: number; readonly active: number },
): boolean {
  for (let number = range.after + 1; number <= range.active; number++) {
    if (log.state.entry(stateKeys.blobUse(digest, number)) !== null) return false
  }
  return true
}

async function removeChunks(log: LogView, blobs: Blobs, gone: ReadonlyMap<string, BlobPlace>): Promise<void> {
  const touched = new Set<string>()
  // Held: a blob that is named and settles between the look at the state and the removal would be seen in neither.
  await blobs.hold(async () => {
    for (const place of gone.values()) {
      for (const [chunk] of place.chunks ?? []) {
        if (blobs.isChunkClaimed(chunk) || (await isInUse(log, chunk))) continue
        if (await blobs.removeChunk(chunk)) touched.add(chunk.slice(0, 2))
      }
    }
  })
  for (const folder of touched) await log.disk.syncDirectory(`${folders.blobs}/${folder}`)
}

async function isInUse(log: LogView, chunk: string): Promise<boolean> {
  for await (const _page of log.state.scan(`${kindPrefix.chunkUse}${chunk}:`)) return true
  return false
}
