// Which segments of an interrupted copy can stay. A segment is known to be whole when its successor's header says how long
// it is; that it is what was written is looked at when it is folded. Kept are those from the first on that hold history
// alone: the state of that attempt is not that of the next one, and stands in segments of its own behind.
//
// The last one that stays ends with an event, or there is no event yet: so what comes next is told by one position.

import { eventStart } from '../core/event-line.ts'
import type { ParsedHeader } from '../core/header.ts'
import type { ByteOffset, Position } from '../core/numbers.ts'
import { checkLine, lineKind } from '../core/record.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { limits } from '../limits.ts'
import { BackwardLines } from './backward-lines.ts'
import type { Identity } from './identity.ts'
import { compareNames, folders, parseSegmentName, segmentPath } from './layout.ts'
import { LineReader } from './line-reader.ts'
import { readHeader } from './segment.ts'
import { listNames, removeIfThere } from './whole-file.ts'

export interface KeptSegment {
  readonly name: string
  readonly header: ParsedHeader
  /** As its successor says. */
  readonly bytes: ByteOffset
  readonly sha256: string
}

export interface Kept {
  readonly segments: readonly KeptSegment[]
  /** Of the last event in them; 0 when they hold none. */
  readonly position: Position
}

/** At most `max` of them. */
export async function findKept(disk: Disk, identity: Pick<Identity, 'journal' | 'epoch'>, max: number): Promise<Kept> {
  const found: (KeptSegment & { readonly next: Position })[] = []
  let before: { readonly name: string; readonly header: ParsedHeader } | undefined
  for (const name of await segmentNames(disk)) {
    const header = await headerOf(disk, name)
    const own = header?.header
    const isOurs = own?.journal === identity.journal && own.epoch === identity.epoch
    if (header === undefined || !isOurs || header.header.previous?.name !== before?.name) break
    const { previous, first: next } = header.header
    if (before !== undefined && previous !== null) {
      if (found.length === max || !(await isHistory(disk, before))) break
      const { bytes, sha256 } = previous
      found.push({ ...before, bytes, sha256, next })
    }
    before = { name, header }
  }
  // Where the one behind would begin at 1, there are nothing but blobs so far.
  for (let last = found.at(-1); last !== undefined && last.next > 1; last = found.at(-1)) {
    const position = await endOf(disk, last)
    if (position !== undefined) return { segments: found, position }
    found.pop()
  }
  return { segments: found, position: 0 }
}

/** All others go. */
export async function removeOthers(disk: Disk, { segments }: Kept): Promise<void> {
  const names = new Set(segments.map(({ name }) => name))
  const others = (await listNames(disk, folders.segments)).filter((name) => !names.has(name))
  // From the last one on, so that after a crash in here the rest still follows from the first on.
  for (const name of [...others].sort(compareNames).reverse()) await removeIfThere(disk, segmentPath(name))
  if (others.length > 0) await disk.syncDirectory(folders.segments)
}

async function segmentNames(disk: Disk): Promise<readonly string[]> {
  const names = await listNames(disk, folders.segments)
  return names.filter((name) => parseSegmentName(name) !== undefined).sort(compareNames)
}

async function headerOf(disk: Disk, name: string): Promise<ParsedHeader | undefined> {
  return withSegment(disk, name, (file) => readHeader(file, `${disk.label}/${segmentPath(name)}`))
}

async function isHistory(
  disk: Disk,
  { name, header }: { readonly name: string; readonly header: ParsedHeader },
): Promise<boolean> {
  return withSegment(disk, name, async (file) => {
    const range = { from: header.bytes, to: await file.size(), chunkBytes: limits.pageBytes }
    const lines = new LineReader(file, range)
    if (!(await lines.load())) return false
    lines.next()
    const { buffer, start, end } = lines
    if (lineKind(buffer, start) === 'event') return true
    return /^\{"control":"(?:blob|removed)"/.test(buffer.toString('latin1', start, Math.min(end, start + 32)))
  })
}

/** Position of the event that a segment ends with; undefined when it ends with something else. */
async function endOf(disk: Disk, { name, header, bytes }: KeptSegment): Promise<Position | undefined> {
  return withSegment(disk, name, async (file) => {
    const lines = new BackwardLines(file, { from: header.bytes, to: bytes, chunkBytes: limits.pageBytes })
    if (!(await lines.load())) return undefined
    lines.previous()
    const { buffer, start, end } = lines
    if (lineKind(buffer, start) !== 'event' || checkLine(buffer, start, end) === undefined) return undefined
    return eventStart(buffer, start, end).position
  })
}

async function withSegment<T>(disk: Disk, name: string, use: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(segmentPath(name), { mode: 'read' })
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}
