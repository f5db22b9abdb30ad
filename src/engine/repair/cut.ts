// Giving up everything from a line on: what stands behind is copied aside, and the log ends with the last complete
// batch before. The order makes a crash harmless at each step: first the copies, then what claims to know the end (the
// published place, the caches), then the files from the newest back, and the cut itself last. Whatever a crash leaves
// is a longer beginning of the same log, and the repair can be chosen again.

import type { ByteOffset, Position } from '../../core/numbers.ts'
import { assert } from '../../errors.ts'
import { headerLine } from '../active-segment.ts'
import { carriedLines } from '../carry.ts'
import { durablePath, folders, parseSegmentName } from '../layout.ts'
import { cutFile } from '../set-aside.ts'
import { removeIfThere, writeWholeFile } from '../whole-file.ts'
import {
  copyAside,
  doesNotApply,
  type FoundSegment,
  findSegments,
  type PlannedRepair,
  type RepairScene,
  withFile,
} from './repair-scene.ts'
import { segmentLines } from './segment-lines.ts'
import { dropCaches } from './small-repairs.ts'

export interface CutAction {
  readonly do: 'cut'
  readonly file: string
  readonly offset: ByteOffset
}

interface Loss {
  readonly events: number
  readonly from: Position
  readonly to: Position
}

export async function planCut(scene: RepairScene, action: CutAction): Promise<PlannedRepair> {
  const { disk } = scene
  const name = action.file.startsWith(`${folders.segments}/`) ? action.file.slice(folders.segments.length + 1) : ''
  if (parseSegmentName(name) === undefined) throw doesNotApply(action, 'the file is no segment')
  const segments = await findSegments(disk)
  const at = segments.find((segment) => segment.name === name)
  const isWhole = action.offset === 0 || at === undefined || at.header === undefined
  const gone = segments.filter((segment) => segment.name > name || (isWhole && segment.name === name))
  const last = segments.filter((segment) => !gone.includes(segment)).at(-1)
  if (last === undefined) throw doesNotApply(action, 'nothing of the log would be left', 'Restore a backup instead.')
  if (gone.length === 0 && last !== at) throw doesNotApply(action, 'nothing stands there or behind')
  const end = last === at ? await batchEnd(scene, at, action) : await lastEnd(scene, last, gone[0])
  const loss = await lossOf(scene, [{ segment: last, from: end }, ...gone.map((segment) => ({ segment, from: 0 }))])
  const range = loss.events === 0 ? '' : ` (positions ${loss.from} to ${loss.to})`
  return {
    file: action.file,
    message: `the log ends at byte ${end} of ${last.name}; ${loss.events} readable events${range} are given up, and whatever can't be read`,
    eventsLost: loss.events,
    carryOut: () => carryOut(scene, { gone, last, end }),
  }
}

interface Cut {
  readonly gone: readonly FoundSegment[]
  readonly last: FoundSegment
  readonly end: ByteOffset
}

async function carryOut(scene: RepairScene, { gone, last, end }: Cut): Promise<readonly string[]> {
  const { disk } = scene
  const copies: string[] = []
  for (const { path } of gone) copies.push(await copyAside(disk, path, 0))
  if (end < last.bytes) copies.push(await copyAside(disk, last.path, end))
  await removeIfThere(disk, durablePath)
  await disk.syncDirectory('')
  await dropCaches(disk)
  for (const { path } of [...gone].reverse()) {
    await disk.remove(path)
    await disk.syncDirectory(folders.segments)
  }
  if (end < last.bytes) await shorten(scene, last, end)
  return copies
}

/** Within what the header says was carried, the header must say less: then the file is written anew. */
async function shorten({ disk }: RepairScene, { path, header }: FoundSegment, end: ByteOffset): Promise<void> {
  if (header === undefined || end >= header.bytes + header.header.carried) {
    await cutFile(disk, path, end)
    return
  }
  const line = headerLine({ ...header.header, carried: end - header.bytes }, header.link)
  const link = await withFile(disk, path, (file) => carriedLines(file, { from: header.bytes, to: end }))
  const lines = link(line.sum).bytes
  // Bare witnesses stay behind, so the length is known only now; the header's own length may follow from it.
  const exact = headerLine({ ...header.header, carried: lines.length }, header.link)
  await writeWholeFile(disk, path, Buffer.concat([exact.bytes, link(exact.sum).bytes]))
  await disk.syncDirectory(folders.segments)
}

/** The end of the last complete batch before the offset, which must be where a line begins. */
async function batchEnd(
  { disk }: RepairScene,
  { path, bytes, header }: FoundSegment,
  action: CutAction,
): Promise<ByteOffset> {
  assert(header !== undefined, 'a segment without a header is given up as a whole')
  const from = header.bytes
  if (action.offset < from || action.offset > bytes) throw doesNotApply(action, 'there is no line at that offset')
  return withFile(disk, path, async (file) => {
    let end = from
    let reached = from
    let badAt: ByteOffset | undefined
    for await (const line of segmentLines(file, { from, to: bytes, sum: header.sum })) {
      if (line.offset >= action.offset) {
        reached = badAt === undefined ? line.offset : action.offset
        break
      }
      if ('bad' in line) {
        badAt = line.offset
        reached = action.offset // unless a good line follows that begins before it
        continue
      }
      if (badAt !== undefined) {
        throw doesNotApply(action, `damage stands before it, at byte ${badAt}`, 'Excise that first, or cut there.')
      }
      reached = line.offset + line.bytes.length
      if (!line.more) end = reached
    }
    if (reached !== action.offset) throw doesNotApply(action, 'no line begins at that offset')
    return end
  })
}

/** Where a sealed segment ends that becomes the last: as its successor said, when that can still be read. */
async function lastEnd(
  { disk }: RepairScene,
  { path, name, bytes, header }: FoundSegment,
  next: FoundSegment | undefined,
): Promise<ByteOffset> {
  const previous = next?.header?.header.previous
  if (previous?.name === name && previous.bytes <= bytes && header?.header.rewritten === undefined)
    return previous.bytes
  return withFile(disk, path, async (file) => {
    let end = header?.bytes ?? bytes
    for await (const line of segmentLines(file, { from: end, to: bytes, sum: header?.sum })) {
      if ('bad' in line) break
      if (!line.more) end = line.offset + line.bytes.length
    }
    return end
  })
}

async function lossOf(
  { disk }: RepairScene,
  parts: readonly { readonly segment: FoundSegment; readonly from: ByteOffset }[],
): Promise<Loss> {
  let events = 0
  let from = Number.POSITIVE_INFINITY
  let to = 0
  for (const { segment, from: offset } of parts) {
    await withFile(disk, segment.path, async (file) => {
      for await (const line of segmentLines(file, { from: offset, to: segment.bytes, sum: undefined })) {
        if ('bad' in line || line.event === undefined) continue
        events++
        from = Math.min(from, line.event.position)
        to = Math.max(to, line.event.position)
      }
    })
  }
  return { events, from, to }
}
