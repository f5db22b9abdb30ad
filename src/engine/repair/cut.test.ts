// Cuts at every kind of place, and of logs that are damaged in more than one.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../../disks/disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { forgedEvent, forgedJournal } from '../../testing/forged-log.ts'
import { readEvents } from '../../testing/journal-contents.ts'
import {
  bytesOf,
  diskOf,
  filesOf,
  flipped,
  openSample,
  putFile,
  sampleProcess,
  segmentsOf,
} from '../../testing/sample-journal.ts'
import { type RepairReport, repairDirectory } from '../repair.ts'

const files = forgedJournal([
  { lines: [forgedEvent(1), forgedEvent(2), forgedEvent(3), forgedEvent(4)] },
  { lines: [forgedEvent(5), forgedEvent(6)], header: { first: 5 } },
  { lines: [forgedEvent(7)], header: { first: 7 } },
])
const [first = '', second = '', third = ''] = segmentsOf(files)
const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

function cut(disk: Disk, file: string, offset: number): Promise<RepairReport> {
  const clock = fakeClock(1_700_000_200_000)
  const actions = [{ do: 'cut', file, offset }] as const
  return repairDirectory(disk, { actions, clock, ownership: { process: sampleProcess } })
}

function lines(path: string): readonly number[] {
  const bytes = files.get(path) ?? Buffer.alloc(0)
  return [0, ...[...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1)]
}

async function damaged(...places: readonly (readonly [path: string, line: number])[]): Promise<Disk> {
  const disk = await diskOf(files)
  for (const [path, line] of places)
    await putFile(disk, path, flipped(await bytesOf(disk, path), (lines(path)[line] ?? 0) + 5, 1))
  return disk
}

async function positions(disk: Disk): Promise<readonly number[]> {
  const store = await openSample(disk, { clock: fakeClock(1_700_000_300_000) })
  try {
    expect((await store.verify({})).ok).toBe(true)
    return (await readEvents(store, { select: { kind: 'all' }, direction: 'forward' })).map(({ position }) => position)
  } finally {
    await store.close()
  }
}

describe('a cut', () => {
  it('within bytes that are no lines ends before all of them', async () => {
    const disk = await damaged([first, 2], [first, 3])
    const report = await cut(disk, first, lines(first)[3] ?? 0)
    expect(report.verifyAfter.ok).toBe(true)
    expect(await positions(disk)).toEqual([1])
  })

  it('behind damage that good lines follow is refused, and changes nothing', async () => {
    const disk = await damaged([first, 2])
    const before = (await filesOf(disk)).get(first)
    for (const line of [4, 5]) {
      await expect(cut(disk, first, lines(first)[line] ?? 0)).rejects.toEqual(refused)
      expect(await bytesOf(disk, first)).toEqual(before)
    }
  })

  it('in no file, in the header, or behind the end is refused', async () => {
    const disk = await diskOf(files)
    const nowhere = 'segments/00000000000000000099.jsonl'
    for (const [path, offset] of [
      [nowhere, 0],
      [nowhere, 7],
      [second, 5],
      [second, 1_000_000],
    ] as const)
      await expect(cut(disk, path, offset), `${offset} of ${path}`).rejects.toEqual(refused)
    for (const path of segmentsOf(files)) expect(await bytesOf(disk, path)).toEqual(files.get(path))
  })

  it('at a segment whose header is damaged ends before what is damaged in the one before', async () => {
    const disk = await damaged([first, 3], [second, 0])
    const report = await cut(disk, second, 0)
    expect(report.verifyAfter.ok).toBe(true)
    expect(await positions(disk)).toEqual([1, 2])
  })

  it('at a segment keeps all of the one before whose header is damaged as well: that takes another cut', async () => {
    const disk = await damaged([second, 0], [third, 0])
    const report = await cut(disk, third, 0)
    expect(report.actions).toMatchObject([{ eventsLost: 1 }])
    expect(report.verifyAfter.findings).toMatchObject([
      { kind: 'set-aside' },
      { kind: 'segment-header', file: second, repair: 'cut' },
    ])
    expect((await cut(disk, second, 0)).verifyAfter.ok).toBe(true)
    expect(await positions(disk)).toEqual([1, 2, 3, 4])
  })
})
