// Taking over as the writer: carries out what the recovery table says of the log's end, and gives the segment that grows on.
// What is cut was copied before (G9); what can be read but may not be durable is written anew into a new segment, which is
// durable before the old one is cut.

import type { TailCase } from '../core/recovery-table.ts'
import type { DiskFile } from '../disks/disk.ts'
import { assert } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { ActiveEnd } from './active-end.ts'
import { ActiveSegment } from './active-segment.ts'
import { carriedLines } from './carry.ts'
import type { Covering } from './cover.ts'
import { digestOf } from './file-digest.ts'
import { readHeader } from './segment.ts'
import { coverFolded, foldRange } from './segment-fold.ts'
import { ActiveIndex } from './segment-index.ts'
import { cutFile, setAside } from './set-aside.ts'

export interface NewWriter {
  readonly fence: number
  readonly clock: Clock
}

/** What was done about the end of the log. */
export interface TailReport {
  readonly tail: TailCase
  /** Records above the last witness that were written anew. */
  readonly carriedBytes: number
  /** Bytes of an unfinished write that were copied to `setAside` and cut. */
  readonly cutBytes: number
  readonly setAside: string | undefined
}

export interface TakenOver {
  readonly active: ActiveSegment
  readonly report: TailReport
}

export async function takeOver(log: Covering, end: ActiveEnd, writer: NewWriter): Promise<TakenOver> {
  const { segment, header, verdict } = end
  const file = await log.disk.open(segment.path, { mode: 'synced' })
  const { old, report } = await closedIfFailed(file, () => prepare(log, end, file))
  // After a takeover the old segment is never appended to: its former writer may still wake up.
  const isForeign = header.header.fence !== writer.fence
  if (verdict.then.carry || isForeign) return carry(log, end, { old, report }, writer)
  return closedIfFailed(file, async () => {
    if (verdict.then.cut) await cutFile(log.disk, segment.path, old.bytes)
    segment.index = Promise.resolve(log.indexes.inMemory(old.index, old.number))
    return { active: old, report: { ...report, carriedBytes: 0 } }
  })
}

/** The log's last segment up to its witness, and a copy of what will be cut. */
interface Prepared {
  readonly old: ActiveSegment
  readonly report: Omit<TailReport, 'carriedBytes'>
}

async function prepare(log: Covering, end: ActiveEnd, file: DiskFile): Promise<Prepared> {
  const { disk } = log
  const { segment, header, tail, verdict } = end
  const index = new ActiveIndex()
  const hash = await digestOf(file, header.bytes)
  const range = { from: header.bytes, to: tail.witness, sum: header.sum, index, hash }
  const lastSum = await foldRange(log, segment, file, range)
  const asidePath = verdict.then.setAside
    ? await setAside(disk, { file, name: segment.facts.name, from: tail.complete, to: tail.fileBytes })
    : undefined
  const { name, number, first } = segment.facts
  const old = new ActiveSegment({ file, name, number, first, bytes: tail.witness, lastSum, hash, index })
  const cutBytes = verdict.then.setAside ? tail.fileBytes - tail.complete : 0
  return { old, report: { tail: verdict.name, cutBytes, setAside: asidePath } }
}

/** Goes on in a new segment, which begins with the records that may not be durable in the old one. */
async function carry(
  log: Covering,
  { segment, tail, verdict }: ActiveEnd,
  { old, report }: Prepared,
  { fence, clock }: NewWriter,
): Promise<TakenOver> {
  const { disk, catalog, indexes, state } = log
  const { journal, epoch } = log.identity
  const first = tail.position + 1
  const range = { from: tail.witness, to: verdict.then.carry ? tail.complete : tail.witness }
  const time = Math.max(clock.now(), state.scalars.time)
  const lines = await closedIfFailed(old.file, () => carriedLines(old.file, range))
  const active = await closedIfFailed(old.file, () =>
    old.createNext(disk, { journal, epoch, first, fence, time }, lines),
  )
  return closedIfFailed(active.file, async () => {
    try {
      if (tail.fileBytes > tail.witness) await cutFile(disk, segment.path, tail.witness)
    } finally {
      await old.file.close()
    }
    const next = { name: active.name, number: active.number, first, sealed: undefined }
    const sealed = catalog.seal({ ...old.sealed(), events: old.index.events }, next)
    sealed.index = Promise.resolve(indexes.inMemory(old.index, old.number))
    await coverFolded(log, sealed)
    const written = await readHeader(active.file, active.name)
    assert(written !== undefined, 'a segment that was just made has its header')
    const carried = { from: written.bytes, to: active.bytes, sum: written.sum, index: active.index }
    await foldRange(log, catalog.active, active.file, carried)
    catalog.active.index = Promise.resolve(indexes.inMemory(active.index, active.number))
    return { active, report: { ...report, carriedBytes: range.to - range.from } }
  })
}

async function closedIfFailed<T>(file: DiskFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await file.close()
    throw error
  }
}
