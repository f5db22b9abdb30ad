import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import type { ImportRecord } from '../stores/store.ts'
import { CopyLog } from './copy-log.ts'
import { findKept } from './kept-segments.ts'
import { folders, segmentPath } from './layout.ts'
import { listNames, readWholeFile, writeWholeFile } from './whole-file.ts'

const identity = { journal: 'a'.repeat(32), epoch: 'b'.repeat(32), created: 1 }
const segmentBytes = 4_096

function event(position: number): ImportRecord {
  const place = `{"position":${position},"stream":"s","seq":${position},"time":1,"type":"t","data":`
  return { event: { text: `${place}"${'x'.repeat(900)}"}`, sum: '00000000' } }
}

const blob = (text: string): ImportRecord => {
  const digest = { a: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb' }[text] ?? ''
  return { control: `{"control":"blob","digest":"${digest}","bytes":1,"data":"${btoa(text)}"}` }
}
const agenda: ImportRecord = { control: '{"control":"agenda","id":"w","due":5}' }
const removed = (from: number, to: number): ImportRecord => ({
  control: `{"control":"removed","from":${from},"to":${to},"count":1,"streams":[]}`,
})

async function load(disk: Disk, records: readonly ImportRecord[]): Promise<void> {
  const log = await CopyLog.open({ disk, identity, segmentBytes })
  async function* pages() {
    yield records
  }
  await log.load(pages())
  await log.seal()
}

const events = (count: number): readonly ImportRecord[] => Array.from({ length: count }, (_, index) => event(index + 1))

async function segments(disk: Disk): Promise<readonly string[]> {
  return [...(await listNames(disk, folders.segments))].sort()
}

async function change(disk: Disk, name: string, edit: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readWholeFile(disk, segmentPath(name), 1_000_000)
  if (bytes === undefined) throw new Error('it is there')
  edit(bytes)
  await writeWholeFile(disk, segmentPath(name), bytes)
}

/** Where a copy goes on. */
async function resumed(disk: Disk): Promise<number> {
  const log = await CopyLog.open({ disk, identity, segmentBytes })
  try {
    return log.position
  } finally {
    await log.close()
  }
}

describe('what is kept of an interrupted copy', () => {
  it('is nothing where nothing is', async () => {
    expect(await resumed(memoryDisk())).toBe(0)
  })

  it('is all of the history, and none of the state', async () => {
    const disk = memoryDisk()
    await load(disk, [blob('a'), ...events(20), agenda])
    expect(await resumed(disk)).toBe(20)
    const log = await CopyLog.open({ disk, identity, segmentBytes })
    const [known, unknown] = ['ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', 'd'.repeat(64)]
    expect([await log.hasBlob(known), await log.hasBlob(unknown)]).toEqual([true, false])
    await log.close()
  })

  it('is nothing of another journal or history', async () => {
    const disk = memoryDisk()
    await load(disk, events(20))
    for (const other of [
      { ...identity, epoch: 'c'.repeat(32) },
      { ...identity, journal: 'c'.repeat(32) },
    ]) {
      expect((await findKept(disk, other, 99)).segments).toEqual([])
    }
  })

  it('ends with an event: what was removed behind it is given again', async () => {
    const disk = memoryDisk()
    const many = Array.from({ length: 60 }, (_, index) => removed(21 + index, 21 + index))
    await load(disk, [...events(20), ...many, agenda])
    expect(await resumed(disk)).toBeLessThanOrEqual(20)
    expect(await resumed(disk)).toBeGreaterThan(12)
  })

  it('may be blobs alone', async () => {
    const disk = memoryDisk()
    await load(disk, [blob('a')])
    const { segments: kept, position } = await findKept(disk, identity, 99)
    expect([kept.length, position]).toEqual([1, 0])
  })

  it.each([
    ['a bit of a line', (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(2_000) ^ 1, 2_000)],
    [
      'a bit of its last line',
      (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(bytes.length - 100) ^ 1, bytes.length - 100),
    ],
    ['all behind the header', (bytes: Buffer) => bytes.fill(0, 600)],
  ])('ends before the segment of which %s is damaged', async (_name, edit) => {
    const disk = memoryDisk()
    await load(disk, events(40))
    const names = await segments(disk)
    await change(disk, names[5] ?? '', edit)
    const whole = Number((names[5] ?? '').slice(0, 20)) - 1
    expect(await resumed(disk)).toBe(whole)
    // What can't follow any more is gone.
    expect(await segments(disk)).toEqual(names.slice(0, 5))
  })

  it('ends with a segment that ends with an event: not with one whose end is no line', async () => {
    const disk = memoryDisk()
    await load(disk, events(40))
    const names = await segments(disk)
    await change(disk, names.at(-2) ?? '', (bytes) => bytes.fill(0, bytes.length - 20))
    expect(await resumed(disk)).toBe(Number((names.at(-2) ?? '').slice(0, 20)) - 1)
  })

  it('ends before the segment of which nobody says any more that it was whole', async () => {
    const disk = memoryDisk()
    await load(disk, events(40))
    const names = await segments(disk)
    await change(disk, names[5] ?? '', (bytes) => bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40))
    expect(await resumed(disk)).toBe(Number((names[4] ?? '').slice(0, 20)) - 1)
    expect(await segments(disk)).toEqual(names.slice(0, 4))
  })

  it('ends before a segment that is missing, and before one that is cut short', async () => {
    const disk = memoryDisk()
    await load(disk, events(40))
    const names = await segments(disk)
    await disk.remove(segmentPath(names[7] ?? ''))
    expect((await findKept(disk, identity, 99)).segments).toHaveLength(6)
    const file = await disk.open(segmentPath(names[3] ?? ''), { mode: 'write' })
    await file.truncate(1_000)
    await file.close()
    expect(await resumed(disk)).toBe(Number((names[3] ?? '').slice(0, 20)) - 1)
  })

  it('is not judged where the disk fails', async () => {
    const disk = memoryDisk()
    await load(disk, events(40))
    const names = await segments(disk)
    const only = (call: { readonly op: string; readonly path: string }): boolean =>
      call.op === 'read' && call.path.endsWith(names[4] ?? '')
    for (let at = 1; at <= 4; at++) {
      const failing = faultyDisk(disk, { at, times: 'once', fault: 'EIO', only })
      await expect(resumed(failing)).rejects.toMatchObject({ code: 'EIO' })
      expect(await segments(disk)).toHaveLength(names.length - (at > 3 ? 1 : 0))
    }
  })
})
