// Taking over as the writer: carries out what the recovery table says of the log's end, and gives the segment that grows on.
// What is cut was copied before (G9); what can be read but may not be durable is written anew into a new segment, which is
// durable before the old one is cut.

import type { TailCase } from '../core/recovery-table.ts'
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
  const { disk } = log
  const { segment, header, tail, verdict } = end
  const index = new ActiveIndex()
  const file = await disk.open(segment.path, { mode: 'synced' })
  try {
    const hash = await digestOf(file, header.bytes)
    const range = { from: header.bytes, to: tail.witness, sum: header.sum, index, hash }
    const lastSum = await foldRange(log, segment, file, range)
    const asidePath = verdict.then.setAside
      ? await setAside(disk, { file, name: segment.facts.name, from: tail.complete, to: tail.fileBytes })
      : undefined
    const { name, number, first } = segment.facts
    const old = new ActiveSegment({ file, name, number, first, bytes: tail.witness, lastSum, hash, index })
    const cutBytes = verdict.then.setAside ? tail.fileBytes - tail.complete : 0
    const report = { tail: verdict.name, cutBytes, setAside: asidePath }
    // After a takeover the old segment is never appended to: its former writer may still wake up.
    const isForeign = header.header.fence !== writer.fence
    if (verdict.then.carry || isForeign) {
      const { active, carriedBytes } = await carry(log, end, old, writer)
      return { active, report: { ...report, carriedBytes } }
    }
    if (verdict.then.cut) await cutFile(disk, segment.path, tail.witness)
    segment.index = Promise.resolve(log.indexes.inMemory(index, number))
    return { active: old, report: { ...report, carriedBytes: 0 } }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Goes on in a new segment, which begins with the records that may not be durable in the old one. */
async function carry(
  log: Covering,
  { segment, tail, verdict }: ActiveEnd,
  old: ActiveSegment,
  { fence, clock }: NewWriter,
): Promise<{ readonly active: ActiveSegment; readonly carriedBytes: number }> {
  const { disk, catalog, indexes, state } = log
  const { journal, epoch } = log.identity
  const first = tail.position + 1
  const range = { from: tail.witness, to: verdict.then.carry ? tail.complete : tail.witness }
  const lines = await carriedLines(old.file, range)
  const time = Math.max(clock.now(), state.scalars.time)
  const active = await old.createNext(disk, { journal, epoch, first, fence, time }, lines)
  if (tail.fileBytes > tail.witness) await cutFile(disk, segment.path, tail.witness)
  await old.file.close()

  const next = { name: active.name, number: active.number, first, sealed: undefined }
  const sealed = catalog.seal({ ...old.sealed(), events: old.index.events }, next)
  sealed.index = Promise.resolve(indexes.inMemory(old.index, old.number))
  await coverFolded(log, sealed)
  const written = await readHeader(active.file, active.name)
  assert(written !== undefined, 'a segment that was just made has its header')
  const carried = { from: written.bytes, to: active.bytes, sum: written.sum, index: active.index }
  await foldRange(log, catalog.active, active.file, carried)
  catalog.active.index = Promise.resolve(indexes.inMemory(active.index, active.number))
  return { active, carriedBytes: range.to - range.from }
}
