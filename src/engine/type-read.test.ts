// Reading the few events of a type among many others: through the index of each segment, and all the same where that is
// stale, where they are many, or where the log is damaged.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import type { ReadItem, ReadQuery } from '../stores/store.ts'
import { alteredDisk, alteredFile } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { rebuilt } from '../testing/rebuilt-segment.ts'
import { bytesOf, filesOf, flipped, putFile, segmentsOf } from '../testing/sample-journal.ts'
import { openSmall, paddedEvent, placesIn } from '../testing/small-segments.ts'

const count = 2_400
const segmentBytes = 262_144

function typeAt(position: number): string {
  if (position % 50 === 7) return 'rare'
  return position % 100 === 30 ? 'other' : 'many'
}

function positions(wanted: (position: number) => boolean): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1).filter(wanted)
}

const isRare = (position: number) => typeAt(position) === 'rare'

async function filled(disk: Disk): Promise<FileStore> {
  const store = await openSmall(disk, { segmentBytes })
  for (let at = 0; at < count; at += 20) {
    const events = Array.from({ length: 20 }, (_, index) => {
      const position = at + index + 1
      return { ...paddedEvent(position % 2 === 0 ? 'even' : 'odd'), type: typeAt(position) }
    })
    await store.append({ events, durability: 'sync' })
  }
  return store
}

function ofTypes(types: readonly string[], more: Partial<ReadQuery> = {}): ReadQuery {
  return { select: { kind: 'all' }, direction: 'forward', types: new Set(types), ...more }
}

function placesOf(events: readonly ReadItem[]): readonly number[] {
  return events.map((item) => ('removed' in item ? 0 : item.position))
}

/** How many bytes of segments were read while the work went on. */
function counted(inner: Disk): { readonly disk: Disk; bytes: number } {
  const counter = {
    bytes: 0,
    disk: alteredDisk(inner, {
      async open(path, options) {
        const file = await inner.open(path, options)
        if (!path.startsWith('segments/')) return file
        return alteredFile(file, {
          read: async (into, at) => {
            const read = await file.read(into, at)
            counter.bytes += read
            return read
          },
        })
      },
    }),
  }
  return counter
}

/** The first rare event of the segment is of the type of the one behind it, and the other way round. */
function withExchangedTypes(segment: Buffer): Buffer {
  return rebuilt(segment, (bodies) => {
    const rare = bodies.findIndex((body) => body.includes('"type":"rare"'))
    return bodies.map((body, index) => {
      if (index === rare) return body.replace('"type":"rare"', '"type":"many"')
      return index === rare + 1 ? body.replace('"type":"many"', '"type":"rare"') : body
    })
  })
}

describe('events of a rare type', () => {
  it('are found in every segment, in both directions, within any range and limit', async () => {
    const store = await filled(memoryDisk())
    const rare = positions(isRare)
    const places = async (query: ReadQuery) => placesOf(await readEvents(store, query))
    expect(await places(ofTypes(['rare']))).toEqual(rare)
    expect(await places(ofTypes(['rare'], { direction: 'backward' }))).toEqual(rare.toReversed())
    expect(await places(ofTypes(['rare'], { direction: 'backward', limit: 3 }))).toEqual(rare.toReversed().slice(0, 3))
    for (const [from, to] of [
      [7, 7],
      [8, 56],
      [100, 420],
      [57, 600],
      [901, 2_400],
    ] as const) {
      const within = rare.filter((position) => position >= from && position <= to)
      expect(await places(ofTypes(['rare'], { from, to }))).toEqual(within)
      expect(await places(ofTypes(['rare'], { from, to, direction: 'backward' }))).toEqual(within.toReversed())
    }
    expect(await places(ofTypes(['absent']))).toEqual([])
    await store.close()
  })

  it('come with those of other types in the order of the log, and only of the streams that are asked for', async () => {
    const store = await filled(memoryDisk())
    const both = positions((position) => typeAt(position) !== 'many')
    expect(placesOf(await readEvents(store, ofTypes(['rare', 'other'])))).toEqual(both)
    const select = { kind: 'prefix', prefix: 'ev' } as const
    expect(placesOf(await readEvents(store, ofTypes(['rare', 'other'], { select })))).toEqual(
      both.filter((position) => position % 2 === 0),
    )
    const common = positions((position) => typeAt(position) === 'many')
    expect(placesOf(await readEvents(store, ofTypes(['rare', 'many', 'other'])))).toEqual(positions(() => true))
    expect(placesOf(await readEvents(store, ofTypes(['many'], { direction: 'backward' })))).toEqual(common.toReversed())
    await store.close()
  })

  it('count towards a limit only when they are of the streams that are asked for', async () => {
    const store = await filled(memoryDisk())
    const select = { kind: 'prefix', prefix: 'ev' } as const
    const wanted = positions((position) => typeAt(position) === 'other' && position % 2 === 0)
    const none = positions((position) => isRare(position) && position % 2 === 0)
    expect([wanted.length > 20, none.length]).toEqual([true, 0])
    for (const limit of [1, 5, 20]) {
      const query = ofTypes(['rare', 'other'], { select, limit })
      expect(placesOf(await readEvents(store, query))).toEqual(wanted.slice(0, limit))
      const backward = await readEvents(store, { ...query, direction: 'backward' })
      expect(placesOf(backward)).toEqual(wanted.toReversed().slice(0, limit))
    }
    await store.close()
  })

  it.each(['forward', 'backward'] as const)(
    'that are on their way to the disk are not among them: %s',
    async (direction) => {
      const { disk, hold } = heldDisk(memoryDisk())
      const store = await filled(disk)
      const writing = hold('write', (path) => path.startsWith('segments/'))
      const event = { ...paddedEvent('even', 10), type: 'rare' }
      const pending = store.append({ events: [event, event], durability: 'sync' })
      await writing.reached
      const found = placesOf(await readEvents(store, ofTypes(['rare'], { direction })))
      expect(found.toSorted((a, b) => a - b)).toEqual(positions(isRare))
      writing.release()
      await pending
      expect(await readEvents(store, ofTypes(['rare'], { direction }))).toHaveLength(positions(isRare).length + 2)
      await store.close()
    },
  )

  it('cost what they are, not what stands between them', async () => {
    const inner = memoryDisk()
    await (await filled(inner)).close()
    const counter = counted(inner)
    const store = await openSmall(counter.disk, { segmentBytes })
    counter.bytes = 0
    await readEvents(store, ofTypes(['rare'], { direction: 'backward' }))
    const { bytes } = counter
    await readEvents(store, ofTypes(['many'], { direction: 'backward' }))
    expect(bytes).toBeLessThan((counter.bytes - bytes) / 3)
    await store.close()
  })

  it('that retention hid or took are not among them', async () => {
    const store = await filled(memoryDisk())
    await store.retain({ streams: [{ stream: 'odd', before: 100 }] }, { dryRun: false })
    const left = positions((position) => isRare(position) && position >= 199)
    for (const direction of ['forward', 'backward'] as const) {
      const found = placesOf(await readEvents(store, ofTypes(['rare'], { direction })))
      expect(found.toSorted((a, b) => a - b)).toEqual(left)
    }
    await store.close()
  })

  it('cost no more in the growing segment to who wants to be told of what was removed', async () => {
    const counter = counted(memoryDisk())
    const store = await filled(counter.disk)
    const told = { select: { kind: 'prefix', prefix: 'e' }, tellRemoved: true, from: 2_390 } as const
    expect((await readEvents(store, ofTypes(['many'], told))).length).toBeGreaterThan(0)
    counter.bytes = 0
    expect(await readEvents(store, ofTypes(['absent'], told))).toEqual([])
    expect(counter.bytes).toBe(0)
    await store.close()
  })

  it('don’t keep it in silence that old ones were hidden in the growing segment', async () => {
    const clock = fakeClock()
    const store = await openSmall(memoryDisk(), { segmentBytes, clock })
    const many = (count: number) => Array.from({ length: count }, () => ({ ...paddedEvent('even'), type: 'many' }))
    await store.append({ events: many(2), durability: 'sync' })
    clock.advance(1_000)
    await store.append({ events: many(200), durability: 'sync' })
    await store.retain({ before: clock.now() }, { dryRun: false })
    const told = { select: { kind: 'prefix', prefix: 'e' }, tellRemoved: true } as const
    expect(await placesIn(store.read(ofTypes(['absent'], told)))).toEqual([[1, 2]])
    await store.close()
  })

  it('don’t keep it in silence that a stream is being truncated', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const store = await openSmall(disk, { segmentBytes })
    const event = { ...paddedEvent('even'), type: 'many' }
    await store.append({ events: [event, event, event], durability: 'sync' })
    const sealing = hold('open', (path) => path.startsWith('segments/') && path.endsWith('.part'))
    const retained = store.retain({ streams: [{ stream: 'even', before: 3 }] }, { dryRun: false })
    await sealing.reached
    const told = { select: { kind: 'prefix', prefix: 'e' }, tellRemoved: true } as const
    expect(await placesIn(store.read(ofTypes(['absent'], told)))).toEqual([[1, 2]])
    sealing.release()
    await retained
    await store.close()
  })

  it.each([
    ['between two pages', 40],
    ['behind the last page', 2],
  ])('tell of what began to be truncated while they were read: %s', async (_, rare) => {
    const { disk, hold } = heldDisk(memoryDisk())
    const store = await openSmall(disk, { segmentBytes: 8 * segmentBytes })
    const events = Array.from({ length: 4_000 }, (_, at) => {
      return { ...paddedEvent('even'), type: at % 100 === 7 && at < rare * 100 ? 'rare' : 'many' }
    })
    for (let at = 0; at < events.length; at += 1_000) {
      await store.append({ events: events.slice(at, at + 1_000), durability: 'sync' })
    }
    const told = { select: { kind: 'prefix', prefix: 'e' }, tellRemoved: true } as const
    const reading = store.read(ofTypes(['rare'], told))[Symbol.asyncIterator]()
    const first = (await reading.next()).value ?? []
    const sealing = hold('open', (path) => path.startsWith('segments/') && path.endsWith('.part'))
    const retained = store.retain({ streams: [{ stream: 'even', before: 3_001 }] }, { dryRun: false })
    await sealing.reached
    const items = [...first]
    for (let page = await reading.next(); page.done !== true; page = await reading.next()) items.push(...page.value)
    expect(first.length).toBeGreaterThan(0)
    expect(items.filter((item) => 'removed' in item).length).toBeGreaterThan(0)
    const read = items.flatMap((item) => ('removed' in item ? [] : [item.position]))
    expect(read).toEqual([...new Set(read)])
    expect(read.filter((position) => position > 3_000)).toEqual(
      events.flatMap(({ type }, at) => (type === 'rare' && at >= 3_000 ? [at + 1] : [])),
    )
    sealing.release()
    await retained
    await store.close()
  })

  it.each(['forward', 'backward'] as const)(
    'are found where an index is that of other places: %s',
    async (direction) => {
      const disk = memoryDisk()
      const store = await filled(disk)
      await store.close()
      const files = await filesOf(disk)
      const sealed = segmentsOf(files).slice(0, -1)
      expect(sealed.length).toBeGreaterThan(2)
      for (const path of sealed) await putFile(disk, path, withExchangedTypes(files.get(path) ?? Buffer.alloc(0)))
      const counter = counted(disk)
      const size = sealed.reduce((sum, path) => sum + (files.get(path)?.length ?? 0), 0)
      const again = await openSmall(counter.disk, { segmentBytes })
      const found = await readEvents(again, ofTypes(['rare'], { direction }))
      const inOrder = direction === 'forward' ? found : found.toReversed()
      const expected = positions(isRare)
      const moved = placesOf(inOrder).filter((position, index) => position === (expected[index] ?? 0) + 1)
      expect([found.length, moved.length]).toEqual([expected.length, sealed.length])
      // By now the indexes were made anew: it costs no more than it should.
      counter.bytes = 0
      expect(await readEvents(again, ofTypes(['rare'], { direction }))).toEqual(found)
      expect(counter.bytes).toBeLessThan(size / 3)
      await again.close()
    },
  )

  it.each(['forward', 'backward'] as const)('are refused where they are damaged: %s', async (direction) => {
    const disk = memoryDisk()
    const store = await filled(disk)
    await store.close()
    const again = await openSmall(disk, { segmentBytes })
    for (const path of segmentsOf(await filesOf(disk)).slice(0, 2)) {
      const bytes = await bytesOf(disk, path)
      await putFile(disk, path, flipped(bytes, bytes.indexOf('"type":"rare"') + 9, 0))
    }
    await expect(readEvents(again, ofTypes(['rare'], { direction }))).rejects.toMatchObject({ code: 'DAMAGED' })
    await again.close()
  })
})
