// Excision from logs in every state in which a log can be beside its damage.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../../disks/disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { type ForgedSegment, forgedControl, forgedEvent, forgedJournal } from '../../testing/forged-log.ts'
import { readEvents } from '../../testing/journal-contents.ts'
import {
  bytesOf,
  diskOf,
  type Files,
  filesOf,
  flipped,
  openSample,
  putFile,
  sampleEvent,
  sampleProcess,
  segmentsOf,
} from '../../testing/sample-journal.ts'
import { encodeMark } from '../durable-mark.ts'
import { type RepairReport, repairDirectory } from '../repair.ts'

interface Place {
  readonly file: string
  readonly offset: number
}

function excise(disk: Disk, ...places: readonly Place[]): Promise<RepairReport> {
  const actions = places.map((place) => ({ do: 'excise' as const, ...place }))
  const clock = fakeClock(1_700_000_200_000)
  return repairDirectory(disk, { actions, clock, ownership: { process: sampleProcess } })
}

const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const all = { select: { kind: 'all' }, direction: 'forward' } as const

/** Where the lines of a segment begin, its header first. */
function linesOf(bytes: Buffer): readonly number[] {
  const starts = [0]
  for (let at = bytes.indexOf(0x0a); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0x0a, at + 1))
    starts.push(at + 1)
  return starts
}

interface Damaged {
  readonly disk: Disk
  readonly files: Map<string, Buffer>
  readonly paths: readonly string[]
  /** Flips a bit in this line of this segment. */
  readonly damage: (segment: number, line: number) => Promise<Place>
}

async function damagedLog(from: readonly ForgedSegment[] | Files): Promise<Damaged> {
  const files = new Map(from instanceof Map ? from : forgedJournal(from as readonly ForgedSegment[]))
  const disk = await diskOf(files)
  const paths = segmentsOf(files)
  const damage = async (segment: number, line: number): Promise<Place> => {
    const file = paths.at(segment) ?? ''
    const bytes = await bytesOf(disk, file)
    const offset = linesOf(bytes)[line] ?? 0
    await putFile(disk, file, flipped(bytes, offset + 5, 1))
    return { file, offset }
  }
  return { disk, files, paths, damage }
}

/** Positions that can be read when it is opened, with what was removed. */
async function readPositions(disk: Disk): Promise<readonly number[]> {
  const store = await openSample(disk, { clock: fakeClock(1_700_000_300_000) })
  try {
    expect((await store.verify({})).ok).toBe(true)
    return (await readEvents(store, all)).map(({ position }) => position)
  } finally {
    await store.close()
  }
}

const three: readonly ForgedSegment[] = [
  { lines: [forgedEvent(1), forgedEvent(2)] },
  { lines: [forgedEvent(3), forgedEvent(4)], header: { first: 3 } },
  { lines: [forgedEvent(5), forgedEvent(6)], header: { first: 5 } },
]

describe('excise from a sealed segment', () => {
  it('carries along what stands above the last witness, and puts an unfinished write aside', async () => {
    const { disk, paths, damage } = await damagedLog(three)
    const newest = paths.at(-1) ?? ''
    await putFile(disk, newest, Buffer.concat([await bytesOf(disk, newest), Buffer.from('{"position":7,"str')]))
    const report = await excise(disk, await damage(0, 2))
    expect(report.verifyAfter.ok).toBe(true)
    expect(report.actions[0]?.setAside).toHaveLength(2)
    const torn = report.actions[0]?.setAside[1] ?? ''
    expect((await bytesOf(disk, torn)).toString()).toBe('{"position":7,"str')
    expect(await readPositions(disk)).toEqual([1, 3, 4, 5, 6])
  })

  it('cuts nothing from a newest segment that is durable to its end', async () => {
    const { disk, paths, damage } = await damagedLog(three)
    const newest = paths.at(-1) ?? ''
    const bytes = (await bytesOf(disk, newest)).length
    await putFile(disk, 'durable', encodeMark({ segment: newest.slice('segments/'.length), bytes, position: 6 }))
    const report = await excise(disk, await damage(1, 1))
    expect(report.actions).toMatchObject([{ eventsLost: 1, setAside: [expect.anything()] }])
    expect((await bytesOf(disk, newest)).length).toBe(bytes)
    expect(await readPositions(disk)).toEqual([1, 2, 4, 5, 6])
  })

  it('is refused, and nothing changed, when the newest segment is damaged itself', async () => {
    const durable = { control: 'witness', time: 5 }
    for (const inNewest of ['{"position":oops', forgedControl(durable)]) {
      const { disk, paths, damage } = await damagedLog([
        ...three.slice(0, 2),
        { lines: [forgedEvent(5), inNewest], header: { first: 5 } },
      ])
      const newest = paths.at(-1) ?? ''
      const bytes = (await bytesOf(disk, newest)).length
      await putFile(disk, 'durable', encodeMark({ segment: newest.slice('segments/'.length), bytes, position: 5 }))
      if (!inNewest.includes('oops')) await damage(-1, 1)
      const place = await damage(0, 1)
      const before = await filesOf(disk)
      await expect(excise(disk, place)).rejects.toEqual(refused)
      const after = new Map(await filesOf(disk))
      for (const path of [...after.keys()]) if (/^(fences|owner)/.test(path)) after.delete(path)
      expect(after).toEqual(before)
    }
  })

  it('is refused, and nothing changed, when the newest segment has no valid header', async () => {
    const { disk, damage } = await damagedLog(three)
    await damage(-1, 0)
    const place = await damage(0, 1)
    await expect(excise(disk, place)).rejects.toEqual(refused)
    const next = await damagedLog(three)
    await next.damage(1, 0)
    await expect(excise(next.disk, await next.damage(0, 1))).rejects.toEqual(refused)
  })

  it('works while another segment than its neighbour has no valid header', async () => {
    const four = [...three, { lines: [forgedEvent(7)], header: { first: 7 } }]
    const { disk, paths, damage } = await damagedLog(four)
    await damage(2, 0)
    const report = await excise(disk, await damage(0, 1))
    const [found, ...more] = report.verifyAfter.findings.filter(({ severity }) => severity === 'damage')
    expect(found).toMatchObject({ kind: 'segment-header', file: paths[2] })
    expect(more).toEqual([])
  })

  it('works again in a segment that was rewritten before', async () => {
    const { disk, damage } = await damagedLog(three)
    expect((await excise(disk, await damage(0, 1))).verifyAfter.ok).toBe(true)
    // The header, the stub for what was lost, and the second event.
    const report = await excise(disk, await damage(0, 2))
    expect(report.verifyAfter.ok).toBe(true)
    expect(await readPositions(disk)).toEqual([3, 4, 5, 6])
  })

  it('ends a batch whose end the file lost', async () => {
    const open = { lines: [forgedEvent(1), forgedEvent(2, { more: true })] }
    const { disk, damage } = await damagedLog([open, { lines: [forgedEvent(3)], header: { first: 3 } }])
    const report = await excise(disk, await damage(0, 1))
    expect(report.verifyAfter.findings.map(({ kind }) => kind)).not.toContain('batch-incomplete')
    expect(report.verifyAfter.ok).toBe(true)
    expect(await readPositions(disk)).toEqual([2, 3])
  })

  it('takes out lines that are not what a line can be, though their checksums are sound', async () => {
    const strange = ['{"position":oops', '{"control":oops', '{"x":1', forgedEvent(9, { seq: 'x' }), '{"control":"pin"']
    for (const line of strange) {
      const { disk, paths } = await damagedLog([
        { lines: [forgedEvent(1), line, forgedEvent(2)] },
        { lines: [forgedEvent(3)], header: { first: 3 } },
      ])
      const file = paths[0] ?? ''
      const offset = linesOf(await bytesOf(disk, file))[2] ?? 0
      const report = await excise(disk, { file, offset })
      expect(report.verifyAfter.ok, line).toBe(true)
      expect(report.actions).toMatchObject([{ eventsLost: 0 }])
      expect(await readPositions(disk)).toEqual([1, 2, 3])
    }
  })

  it('does not count as lost what a removal stands for', async () => {
    const stub = { control: 'removed', from: 2, to: 3, count: 2, streams: [['s', 2, 3]] }
    const { disk, damage } = await damagedLog([
      { lines: [forgedEvent(1), forgedControl(stub), forgedControl({ control: 'witness', time: 5 })] },
      // A removal can also stand behind what came after it: it moves no stream back.
      { lines: [forgedEvent(4), forgedControl(stub), forgedEvent(5)], header: { first: 4 } },
    ])
    const report = await excise(disk, await damage(0, 3))
    expect(report.actions).toMatchObject([{ eventsLost: 0 }])
    expect(report.verifyAfter.ok).toBe(true)
    expect(await readPositions(disk)).toEqual([1, 4, 5])
  })

  it('keeps the seqs of streams whose newest event is lost, as far as the tables know them', async () => {
    const made = await diskOf(new Map())
    const clock = fakeClock()
    const store = await openSample(made, { clock })
    const append = (stream: string) => store.append({ events: [{ ...sampleEvent(1), stream }], durability: 'sync' })
    for (const stream of ['twice', 'once', 'twice']) await append(stream)
    for (let number = 0; number < 60; number++) await append('other')
    await store.close()
    const { disk, files, damage } = await damagedLog(await filesOf(made))
    const place = await damage(0, 2)
    await damage(0, 3)
    const report = await excise(disk, place)
    expect(report).toMatchObject({ actions: [{ eventsLost: 2 }], verifyAfter: { ok: true } })
    const again = await openSample(disk, { clock: fakeClock(1_700_000_300_000) })
    expect(await again.stream('once')).toMatchObject({ seq: 1, earliest: 2 })
    expect(await again.stream('twice')).toMatchObject({ seq: 2 })
    await again.close()

    // Without sound tables it is not known which stream the lost events were of; that is no reason to stop.
    const blind = await damagedLog(files)
    for (const [path, bytes] of files)
      if (/^state\/.*\.table$/.test(path)) await putFile(blind.disk, path, Buffer.from(bytes.map((byte) => byte ^ 1)))
    const lost = await blind.damage(0, 2)
    await blind.damage(0, 3)
    expect(await excise(blind.disk, lost)).toMatchObject({ actions: [{ eventsLost: 2 }], verifyAfter: { ok: true } })
  })
})

describe('excise', () => {
  it('is refused where there is no segment with a valid header', async () => {
    const { disk, paths, damage } = await damagedLog(three)
    await expect(excise(disk, { file: 'segments/none', offset: 0 })).rejects.toEqual(refused)
    await damage(1, 0)
    await expect(excise(disk, { file: paths[1] ?? '', offset: 0 })).rejects.toEqual(refused)
  })

  it('is refused at the end of a newest segment that opens as it is', async () => {
    const { disk, damage } = await damagedLog(three)
    await expect(excise(disk, await damage(-1, 2))).rejects.toEqual(refused)
  })

  it('is refused behind a header that names nothing before it', async () => {
    const { disk, damage } = await damagedLog([
      three[0] ?? { lines: [] },
      { lines: [forgedEvent(3)], header: { first: 3, previous: null } },
    ])
    await expect(excise(disk, await damage(0, 1))).rejects.toEqual(refused)
  })
})
