// What retention says it would do and what it does, what pins hold against it, and what it finds damaged on its way.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import type { DiskCall } from '../disks/disk-call.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import type { RetentionRule } from '../stores/store.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { settle } from '../testing/inbox-scene.ts'
import { bytesOf, diskOf, filesOf, putFile, segmentsOf } from '../testing/sample-journal.ts'
import { appendTo, openSmall, paddedEvent, placesIn } from '../testing/small-segments.ts'
import { segmentName, segmentPath } from './layout.ts'

const carriedOut = { dryRun: false } as const
const forward = { select: { kind: 'all' }, direction: 'forward' } as const

async function filled(fill: (store: FileStore, clock: FakeClock) => Promise<void>) {
  const disk = memoryDisk()
  const clock = fakeClock()
  const store = await openSmall(disk, { clock })
  await fill(store, clock)
  return { disk, clock, store, now: clock.now() }
}

async function appendWithBlob(store: FileStore, stream: string, fill: number): Promise<string> {
  const { digest } = await store.stageBlob(Buffer.alloc(600, fill))
  await store.append({ events: [{ ...paddedEvent(stream), blobs: [digest] }], durability: 'sync' })
  return digest
}

function pin(store: FileStore, fields: { pin: string; from: number; stream?: string; ttlMs?: number }) {
  return store.append({ events: [], pins: [fields], durability: 'sync' })
}

describe('a dry run', () => {
  /** Blobs of the pinned stream, of an old event, of a stream to go and of a young event. */
  const scene = () =>
    filled(async (store, clock) => {
      await appendWithBlob(store, 'pinned', 1)
      await appendWithBlob(store, 'old', 2)
      await appendTo(store, 'old', 12)
      clock.advance(1_000)
      await pin(store, { pin: 'p', stream: 'pinned', from: 1 })
      await appendWithBlob(store, 'leaves', 3)
      await appendWithBlob(store, 'stays', 4)
      await appendTo(store, 'stays', 20)
    })

  it.each<[string, (now: number) => RetentionRule]>([
    ['age', (now) => ({ before: now })],
    ['age and a stream', (now) => ({ before: now, streams: [{ stream: 'leaves', before: 'all' }] })],
    ['a stream', () => ({ streams: [{ stream: 'leaves', before: 'all' }] })],
  ])('changes nothing, and says what the run then does: %s', async (_by, ruleAt) => {
    const { store, now } = await scene()
    const before = await placesIn(store.read(forward))
    const { bytes: _bytes, ...stats } = await store.stats()
    const dry = await store.retain(ruleAt(now), { dryRun: true })
    expect(await placesIn(store.read(forward))).toEqual(before)
    expect(await store.stats()).toMatchObject(stats)
    const { events, streams, bytes, blobs } = dry
    const real = await store.retain(ruleAt(now), carriedOut)
    expect(real).toMatchObject({ events, streams, blobs, heldBy: dry.heldBy })
    expect(blobs).toBeGreaterThan(0)
    expect(bytes).toBeGreaterThan(0)
    expect((await store.stats()).blobs).toBe(stats.blobs - blobs)
    expect(before.length - (await placesIn(store.read(forward))).length).toBe(events)
    await store.close()
  })

  it('counts the segments that are below the cut as a whole', async () => {
    const { store, now } = await filled(async (each, clock) => {
      await appendTo(each, 'a', 30)
      clock.advance(1_000)
    })
    await appendTo(store, 'a', 4)
    const { segments } = await store.stats()
    const dry = await store.retain({ before: now }, { dryRun: true })
    expect(dry.segments).toBe(segments - 1)
    await store.close()
  })
})

describe('a pin for some time', () => {
  /** Ten old events of each of two streams, by turns, and younger ones behind. */
  const scene = () =>
    filled(async (store, clock) => {
      for (let n = 0; n < 10; n++) {
        await appendTo(store, 'pinned', 1)
        await appendTo(store, 'other', 1)
      }
      clock.advance(1_000)
      await appendTo(store, 'other', 4)
    })

  it('holds against age only what a limit of bytes leaves', async () => {
    const { store, now } = await scene()
    await pin(store, { pin: 'p', stream: 'pinned', from: 3, ttlMs: 60_000 })
    await pin(store, { pin: 'nobody', stream: 'never was', from: 1, ttlMs: 60_000 })
    // Room for nine events or so: of the old ones those from about position 16 on.
    const { heldBy } = await store.retain({ before: now, bytesMax: 4_000 }, carriedOut)
    expect(heldBy).toEqual(['p'])
    const places = await placesIn(store.read(forward))
    expect(places.slice(-4)).toEqual([21, 22, 23, 24])
    const held = places.slice(0, -4).map(Number)
    expect(held.length).toBeGreaterThan(0)
    expect(held.length).toBeLessThan(8)
    expect(held.every((position) => position % 2 === 1)).toBe(true)
    expect(held.at(-1)).toBe(19)
    expect((await store.stream('pinned'))?.earliest).toBe(((held[0] ?? 0) + 1) / 2)
    await store.close()
  })

  it('holds nothing when the limit of bytes asks for more than age', async () => {
    const { store } = await scene()
    await pin(store, { pin: 'p', stream: 'pinned', from: 3, ttlMs: 60_000 })
    const { heldBy } = await store.retain({ before: 1, bytesMax: 1_500 }, carriedOut)
    expect(heldBy).toEqual([])
    expect((await store.stream('pinned'))?.earliest).toBe(11)
    await store.close()
  })
})

describe('a truncation that the log tells of', () => {
  const events = [1, 2, 3, 4].map((position) => forgedEvent(position))
  const witness = forgedControl({ control: 'witness', time: 5 })

  it.each([
    ['whose events still stand in the newest segment', 's', 3, [3, 4]],
    ['of a stream that never was', 'never was', 9, [1, 2, 3, 4]],
  ])('stays in force: %s', async (_what, stream, before, left) => {
    const retain = forgedControl({ control: 'retain', time: 5, streams: [[stream, before]] })
    const disk = await diskOf(forgedJournal([{ lines: [...events, retain, witness] }]))
    const store = await openSmall(disk)
    expect(await placesIn(store.read(forward))).toEqual(left)
    // The newest segment is not rewritten for what was asked for earlier.
    expect(await store.retain({}, carriedOut)).toMatchObject({ events: 0 })
    expect(await standsInLog(disk, 1)).toBe(true)
    expect(await placesIn(store.read(forward))).toEqual(left)
    await appendTo(store, 's', 12)
    await store.retain({}, carriedOut)
    expect((await placesIn(store.read(forward))).slice(0, left.length)).toEqual(left)
    expect((await store.stream('s'))?.earliest).toBe(left[0])
    expect(await standsInLog(disk, 1)).toBe(left[0] === 1)
    await store.close()
    const again = await openSmall(disk)
    expect((await placesIn(again.read(forward))).slice(0, left.length)).toEqual(left)
    await again.close()
  })
})

async function standsInLog(disk: Disk, position: number): Promise<boolean> {
  const files = await filesOf(disk)
  return segmentsOf(files).some((path) => files.get(path)?.includes(`{"position":${position},`))
}

describe('damage in what retention looks through', () => {
  const first = segmentPath(segmentName(1, 0))

  async function spoil(disk: Disk, path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
    await putFile(disk, path, change(await bytesOf(disk, path)))
  }

  it('is told where events are hidden and still stand, and nothing is rewritten', async () => {
    const { disk, store, now } = await filled(async (each, clock) => {
      await appendTo(each, 'a', 2)
      clock.advance(1_000)
    })
    await appendTo(store, 'b', 24)
    await store.retain({ before: now }, carriedOut)
    // Less than half of it is hidden, so that it was not rewritten.
    await spoil(disk, first, (bytes) => {
      bytes[bytes.indexOf('xxxx')] = 0x79
      return bytes
    })
    const spoilt = await bytesOf(disk, first)
    expect(spoilt.includes('{"position":1,')).toBe(true)
    await appendTo(store, 'c', 1)
    const rule: RetentionRule = { streams: [{ stream: 'c', before: 'all' }] }
    await expect(store.retain(rule, carriedOut)).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { kind: 'line-checksum', file: first },
    })
    expect(await bytesOf(disk, first)).toEqual(spoilt)
    await store.close()
  })

  it.each([
    [
      'a changed byte',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('"removed"', '"Removed"'), 'latin1'),
    ],
    ['a lost end', (bytes: Buffer) => bytes.subarray(0, bytes.length - 9)],
  ])('is told where only what was removed is left, before it is merged: %s', async (_what, change) => {
    const { disk, store } = await filled((each) => appendTo(each, 'a', 34))
    await store.retain({ streams: [{ stream: 'a', before: 11 }] }, carriedOut)
    const kept = await bytesOf(disk, segmentPath(segmentName(11, 0)))
    await spoil(disk, first, change)
    const spoilt = await bytesOf(disk, first)
    await expect(store.retain({ streams: [{ stream: 'a', before: 21 }] }, carriedOut)).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { kind: 'line-checksum', file: first },
    })
    expect(await bytesOf(disk, first)).toEqual(spoilt)
    expect(await bytesOf(disk, segmentPath(segmentName(11, 0)))).toEqual(kept)
    await store.close()
  })
})

describe('retention beside appends', () => {
  it('takes what was appended before it, though it is still on its way to the disk', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const store = await openSmall(disk)
    await appendTo(store, 'goes', 3)
    const writing = hold('write', (path) => path.startsWith('segments/'))
    const pending = appendTo(store, 'goes', 1)
    await writing.reached
    const retained = store.retain({ streams: [{ stream: 'goes', before: 'all' }] }, carriedOut)
    await settle()
    writing.release()
    await pending
    expect(await retained).toMatchObject({ events: 4, streams: 1 })
    expect(await placesIn(store.read(forward))).toEqual([])
    await store.close()
  })
})

describe('retention that could not write a segment anew', () => {
  it('can be carried out by the next, in the same process', async () => {
    let isFailing = false
    const first = segmentPath(segmentName(1, 0))
    const only = ({ op, path }: DiskCall): boolean => isFailing && op === 'write' && path === `${first}.part`
    const inner = memoryDisk()
    const store = await openSmall(faultyDisk(inner, { at: 1, times: 'forever', fault: 'EIO', only }))
    for (let n = 0; n < 12; n++) await appendTo(store, n % 2 === 0 ? 'goes' : 'stays', 1)
    const rule: RetentionRule = { streams: [{ stream: 'goes', before: 'all' }] }
    isFailing = true
    await expect(store.retain(rule, carriedOut)).rejects.toMatchObject({ code: 'IO' })
    isFailing = false
    await store.retain({ streams: [{ stream: 'stays', before: 2 }] }, carriedOut)
    expect(await placesIn(store.read(forward))).toEqual([4, 6, 8, 10, 12])
    const names = [...(await filesOf(inner)).keys()]
    expect(names.filter((path) => path.endsWith('.part'))).toEqual([])
    const bytes = await bytesOf(inner, first)
    expect(bytes.includes('"stream":"goes","seq"')).toBe(false)
    await store.close()
  })
})
