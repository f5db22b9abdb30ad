// Reading the events at known places: in either order, near each other or far apart, and what is no event at its place.

import { describe, expect, it } from 'vitest'
import type { DiskFile } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import { alteredFile } from '../testing/altered-disk.ts'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { flipped, putFile } from '../testing/sample-journal.ts'
import { PlaceReader } from './place-read.ts'

/** A file of these lines, and where each begins. */
async function fileOf(lines: readonly string[], change: (bytes: Buffer) => Buffer = (bytes) => bytes) {
  const bytes = change(forgedJournal([{ lines }]).get('segments/00000000000000000001.jsonl') ?? Buffer.alloc(0))
  const disk = memoryDisk()
  await putFile(disk, 'f', bytes)
  const offsets: number[] = []
  for (let at = bytes.indexOf('\n') + 1; at < bytes.length; at = bytes.indexOf('\n', at) + 1) offsets.push(at)
  return { file: await disk.open('f', { mode: 'read' }), offsets, end: bytes.length }
}

function events(count: number, bytes: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => forgedEvent(index + 1, { data: 'x'.repeat(bytes) }))
}

/** What stands at the places, in as many turns as it takes; and how many there were. */
async function readAll(file: DiskFile, end: number, offsets: readonly number[], backward: boolean) {
  const reader = new PlaceReader(file, end, false)
  const found: (number | string | undefined)[] = []
  let turns = 0
  for (let left = { from: 0, to: offsets.length }; left.from < left.to; turns++) {
    const { events: some } = await reader.read(offsets, left, backward)
    expect(some.length).toBeGreaterThan(0)
    found.push(...some.map((event) => (event === undefined ? undefined : (event.position ?? 'no event'))))
    left = backward ? { from: 0, to: left.to - some.length } : { from: left.from + some.length, to: left.to }
  }
  return { found, turns }
}

describe('events at their places', () => {
  it.each([
    ['close together', 200, 1],
    ['each too far from the next to be read with it', 5_000, 1],
    ['with others left out between them', 700, 9],
  ])('come in order, from either end: %s', async (_where, bytes, step) => {
    const { file, offsets, end } = await fileOf(events(40, bytes))
    const places = offsets.filter((_, index) => index % step === 0)
    const positions = places.map((_, index) => 1 + index * step)
    expect((await readAll(file, end, places, false)).found).toEqual(positions)
    expect((await readAll(file, end, places, true)).found).toEqual(positions.toReversed())
  })

  it('are given in turns when they are many bytes', async () => {
    const bytes = 10_000
    const { file, offsets, end } = await fileOf(events(100, bytes))
    for (const backward of [false, true]) {
      const { found, turns } = await readAll(file, end, offsets, backward)
      expect(found).toHaveLength(100)
      expect(turns).toBe(Math.ceil((100 * bytes) / (limits.pageBytes + bytes)))
    }
  })

  it('are found all the same by a disk that gives less than is asked', async () => {
    const { file, offsets, end } = await fileOf(events(12, 1_500))
    const slow = alteredFile(file, { read: (into, at) => file.read(into.subarray(0, Math.min(into.length, 333)), at) })
    expect((await readAll(slow, end, offsets, false)).found).toEqual(offsets.map((_, index) => index + 1))
  })
})

describe('at a place', () => {
  const lines = [forgedEvent(1), forgedControl({ control: 'witness', time: 5 }), forgedEvent(2), forgedEvent(3)]

  it('that is not the beginning of an event there is none', async () => {
    const { file, offsets, end } = await fileOf(lines)
    const [first = 0, control = 0, second = 0, third = 0] = offsets
    const { found } = await readAll(file, end, [first, control, second, second + 3, third, end], false)
    expect(found).toEqual([1, undefined, 2, undefined, 3, undefined])
  })

  it('that is behind the end of what may be read there is none, whatever stands there', async () => {
    const { file, offsets } = await fileOf(lines)
    const [first = 0, , second = 0, third = 0] = offsets
    expect((await readAll(file, third, [first, second, third], false)).found).toEqual([1, 2, undefined])
  })

  it('of a line that is damaged there is none', async () => {
    const { file, offsets, end } = await fileOf(lines, (bytes) => flipped(bytes, bytes.indexOf('"seq":2') + 6, 0))
    const [first = 0, , second = 0, third = 0] = offsets
    expect((await readAll(file, end, [first, second, third], true)).found).toEqual([3, undefined, 1])
  })
})
