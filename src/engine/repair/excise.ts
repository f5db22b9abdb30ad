// Giving up only what is damaged in one segment: it is written anew with its good lines, and where events are missing a
// `removed` record stands for them, so that all other numbers stay as they are. A copy of the old file comes first.
//
// A sealed segment is named by its successor, so the log must say that it was rewritten (FORMAT.md, section 8): the record is
// durable, in a new segment that recovery would have made as well, before the file takes its name. The active segment
// is named by nobody and simply takes its name.

import type { RemovedControl } from '../../core/control.ts'
import type { ParsedHeader } from '../../core/header.ts'
import type { ByteOffset } from '../../core/numbers.ts'
import { controlBody } from '../../core/record.ts'
import { judgeTail } from '../../core/recovery-table.ts'
import { assert } from '../../errors.ts'
import { headerLine } from '../active-segment.ts'
import { linkLines } from '../carry.ts'
import { readMark } from '../durable-mark.ts'
import { durablePath, folders } from '../layout.ts'
import { LineWriter } from '../line-writer.ts'
import { putInPlace } from '../rewrites.ts'
import { removeIfThere, writeWholeFile } from '../whole-file.ts'
import { appendRecord } from './append-record.ts'
import { type DamagedPlace, findLost } from './lost-events.ts'
import {
  copyAside,
  doesNotApply,
  type FoundSegment,
  findSegments,
  type PlannedRepair,
  type RepairScene,
  scanNewest,
  withFile,
} from './repair-scene.ts'
import { bodyLine, segmentLines } from './segment-lines.ts'
import { dropCaches } from './small-repairs.ts'

export interface ExciseAction {
  readonly do: 'excise'
  readonly file: string
  readonly offset: ByteOffset
}

/** All that is to be excised from one file, at once: its offsets are those before anything changed. */
export async function planExcise(
  scene: RepairScene,
  actions: readonly ExciseAction[],
  /** All files from which something is to be excised. */
  excised: ReadonlySet<string>,
): Promise<PlannedRepair> {
  const [action] = actions
  assert(action !== undefined, 'a plan is for at least one action')
  const { disk } = scene
  const segments = await findSegments(disk)
  const segment = segments.find(({ path }) => path === action.file)
  if (segment?.header === undefined) {
    throw doesNotApply(
      action,
      'the file is no segment with a valid header',
      'Only cut, or a backup, helps a segment without one.',
    )
  }
  const isActive = segment === segments.at(-1)
  const extent = await extentOf(scene, segments, segment, action)
  if (!isActive) await checkNewest(scene, segments, action, excised)
  const lost = await findLost(disk, segments, await readMark(disk))
  const places = lost.filter(({ path, offset }) => path === segment.path && offset < extent)
  checkChoice(actions, places)
  const eventsLost = places.reduce((sum, { from, to }) => sum + Math.max(0, to - from + 1), 0)
  const source: Source = { segment, header: segment.header, extent, places }
  return {
    file: action.file,
    message: `${places.length} damaged places are taken out; ${eventsLost} events are lost, and what else stood there`,
    eventsLost,
    carryOut: () => (isActive ? exciseActive(scene, source) : exciseSealed(scene, source, segments)),
  }
}

interface Source {
  readonly segment: FoundSegment
  readonly header: ParsedHeader
  /** How much of the file is journal. */
  readonly extent: ByteOffset
  readonly places: readonly DamagedPlace[]
}

function checkChoice(actions: readonly ExciseAction[], places: readonly DamagedPlace[]): void {
  for (const action of actions) {
    if (!places.some(({ offset }) => offset === action.offset)) throw doesNotApply(action, 'no damage begins there')
  }
  const [first] = actions
  const left = places.find(({ offset }) => !actions.some((action) => action.offset === offset))
  if (first === undefined || left === undefined) return
  const hint = 'A segment is written anew as a whole: choose excise for each damaged place in it.'
  throw doesNotApply(first, `there is more damage in the file, at byte ${left.offset}`, hint)
}

/** The log is told of the rewrite at its end, which must be sound by then: the newest file is excised first. */
async function checkNewest(
  scene: RepairScene,
  segments: readonly FoundSegment[],
  action: ExciseAction,
  excised: ReadonlySet<string>,
): Promise<void> {
  const newest = segments.at(-1)
  assert(newest !== undefined, 'there is at least the segment that is to be excised')
  if (excised.has(newest.path) || (await isSound(scene, newest))) return
  throw doesNotApply(action, `the newest segment ${newest.name} is damaged itself`, 'Excise or cut there first.')
}

/** Whether all that is durable of the newest segment is what was written. */
async function isSound({ disk }: RepairScene, newest: FoundSegment): Promise<boolean> {
  const { header, path } = newest
  if (header === undefined) return false
  const tail = await scanNewest(disk, newest, header)
  if (judgeTail(tail).then.refuse) return false
  return withFile(disk, path, async (file) => {
    const lines = segmentLines(file, { from: header.bytes, to: tail.witness, sum: header.sum })
    for await (const line of lines) if ('bad' in line) return false
    return true
  })
}

async function extentOf(
  { disk }: RepairScene,
  segments: readonly FoundSegment[],
  segment: FoundSegment,
  action: ExciseAction,
): Promise<ByteOffset> {
  const next = segments[segments.indexOf(segment) + 1]
  if (next !== undefined) {
    const previous = next.header?.header.previous
    if (previous === undefined || previous === null) {
      throw doesNotApply(action, `the segment behind, ${next.name}, has no valid header`, 'Cut there first.')
    }
    const isNamed = previous.name === segment.name && segment.header?.header.rewritten === undefined
    return isNamed ? Math.min(previous.bytes, segment.bytes) : segment.bytes
  }
  const { header, bytes } = segment
  assert(header !== undefined, 'it was checked that there is one')
  if (!judgeTail(await scanNewest(disk, segment, header)).then.refuse)
    throw doesNotApply(action, 'the newest segment opens as it is: recovery looks after its end')
  return bytes
}

// Laying out.

/** The good lines, and stubs where events are missing, each linked to the one before. */
async function* keptLines({ disk }: RepairScene, { segment, header, extent, places }: Source): AsyncGenerator<Buffer> {
  const file = await disk.open(segment.path, { mode: 'read' })
  try {
    let isOpenBatch = false
    let { time } = header.header
    for await (const line of segmentLines(file, { from: header.bytes, to: extent, sum: header.sum })) {
      const place = places.find(({ offset }) => offset === line.offset)
      if (place !== undefined) {
        const stub = stubFor(place)
        if (stub !== undefined) yield bodyLine(controlBody(stub, false))
        // The end of a batch may be among what was lost; this ends it.
        else if (isOpenBatch) yield bodyLine(controlBody({ control: 'witness', time }, false))
        if (stub !== undefined || isOpenBatch) isOpenBatch = false
      }
      if ('bad' in line) continue
      yield line.bytes
      isOpenBatch = line.more
      time = line.event?.time ?? time
    }
    if (isOpenBatch) yield bodyLine(controlBody({ control: 'witness', time }, false))
  } finally {
    await file.close()
  }
}

function stubFor({ from, to, streams }: DamagedPlace): RemovedControl | undefined {
  return from > to ? undefined : { control: 'removed', from, to, count: to - from + 1, streams }
}

// The active segment.

async function exciseActive(scene: RepairScene, source: Source): Promise<readonly string[]> {
  const { disk } = scene
  const { header, segment } = source
  const copy = await copyAside(disk, segment.path, 0)
  const lines: Buffer[] = []
  for await (const line of keptLines(scene, source)) lines.push(line)
  const kept = Buffer.concat(lines)
  const first = headerLine({ ...header.header, carried: kept.length }, header.link)
  // The published place speaks of the old file; a crash right here leaves that file, damaged as it was.
  await removeIfThere(disk, durablePath)
  await disk.syncDirectory('')
  await writeWholeFile(disk, segment.path, Buffer.concat([first.bytes, linkLines(kept, first.sum).bytes]))
  await disk.syncDirectory(folders.segments)
  await dropCaches(disk)
  return [copy]
}

// A sealed segment.

async function exciseSealed(
  scene: RepairScene,
  source: Source,
  segments: readonly FoundSegment[],
): Promise<readonly string[]> {
  const { disk } = scene
  const { segment } = source
  const next = segments[segments.indexOf(segment) + 1]
  const previous = next?.header?.header.previous
  assert(previous !== undefined && previous !== null, 'the segment behind was checked')
  const copies = [await copyAside(disk, segment.path, 0)]
  const written = await writePart(scene, source)
  const known = await knownDigest(scene, segments, segment.name)
  const old = [[segment.name, known ?? previous.sha256]] as const
  const sealed = [previous.name, previous.bytes, previous.sha256] as const
  const rewrite = { control: 'rewrite', reason: 'repair', old, ...written, sealed } as const
  const aside = await appendRecord(scene, (time) => ({ ...rewrite, time }))
  if (aside !== undefined) copies.push(aside)
  await putInPlace(disk, { ...rewrite, time: 0 })
  await dropCaches(disk)
  return copies
}

async function writePart(
  scene: RepairScene,
  source: Source,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const { disk } = scene
  const { header, segment } = source
  const path = `${segment.path}.part`
  await removeIfThere(disk, path)
  const file = await disk.open(path, { mode: 'write', create: 'exclusive' })
  try {
    const first = headerLine({ ...header.header, carried: 0, rewritten: 'repair' }, header.link)
    const out = new LineWriter(file)
    await out.addLine(first.bytes, first.sum)
    for await (const line of keptLines(scene, source)) {
      await out.moveLine(line, { start: 0, end: line.length - 1, sum: sumOf(line) })
    }
    const { sha256, bytes } = await out.finish()
    return { sha256, bytes }
  } finally {
    await file.close()
  }
}

/** The sum that a line carries: eight digits, at a fixed distance from its end. */
function sumOf(line: Buffer): number {
  return Number.parseInt(line.toString('latin1', line.length - 29, line.length - 21), 16)
}

/** What an earlier rewrite said of this segment. */
async function knownDigest(
  { disk }: RepairScene,
  segments: readonly FoundSegment[],
  name: string,
): Promise<string | undefined> {
  let digest: string | undefined
  for (const { path, bytes } of segments) {
    await withFile(disk, path, async (file) => {
      for await (const line of segmentLines(file, { from: 0, to: bytes, sum: undefined })) {
        if ('bad' in line || line.control?.control !== 'rewrite' || line.control.old[0]?.[0] !== name) continue
        digest = line.control.sha256
      }
    })
  }
  return digest
}
