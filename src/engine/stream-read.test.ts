// Reading one stream while retention takes parts of it, over long and far lines, and where places and lines disagree.

import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import type { ReadItem, ReadQuery } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { rebuilt } from '../testing/rebuilt-segment.ts'
import { bytesOf, diskOf, filesOf, flipped, putFile, segmentsOf } from '../testing/sample-journal.ts'
import { appendTo, openSmall, paddedEvent } from '../testing/small-segments.ts'

function ofStream(stream: string, direction: 'forward' | 'backward' = 'forward'): ReadQuery {
  return { select: { kind: 'stream', stream }, direction }
}

function seqsOf(events: readonly ReadItem[]): readonly number[] {
  return events.map((item) => ('removed' in item ? 0 : item.seq))
}

function upTo(last: number, first = 1): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

const carriedOut = { dryRun: false } as const

/** Reads on in a read that has begun. */
async function restOf(pages: AsyncIterator<readonly ReadItem[]>): Promise<readonly ReadItem[]> {
  const items: ReadItem[] = []
  for (let page = await pages.next(); page.done !== true; page = await pages.next()) {
    expect(page.value.length).toBeGreaterThan(0)
    items.push(...page.value)
  }
  return items
}

describe('a stream that retention shortens while it is read', () => {
  it.each([
    ['whose segments are merged', 's'],
    ['whose segments keep events of others', 'o'],
  ])('goes on with what is left, %s', async (_what, other) => {
    const store = await openSmall(memoryDisk())
    for (let n = 0; n < 40; n++) {
      await appendTo(store, 's', 1)
      await appendTo(store, other, 1)
    }
    const last = (await store.stream('s'))?.seq ?? 0
    const pages = store.read(ofStream('s'))[Symbol.asyncIterator]()
    const first = await pages.next()
    const given = seqsOf(first.done === true ? [] : first.value)
    const before = last - 12
    expect(given.length).toBeLessThan(before)
    await store.retain({ streams: [{ stream: 's', before }] }, carriedOut)
    const rest = seqsOf(await restOf(pages))
    expect(rest).toEqual(upTo(last, before))
    await store.close()
  })

  it.each([
    ['forward', [...upTo(16), ...upTo(24, 21)]],
    ['backward', upTo(24, 9).toReversed()],
  ] as const)('shows nothing that is hidden in the segment that it is just in: %s', async (direction, seqs) => {
    const clock = fakeClock()
    const store = await openSmall(memoryDisk(), { clock, segmentBytes: 1_048_576 })
    for (let n = 0; n < 24; n++) {
      if (n === 20) clock.advance(1_000)
      await appendTo(store, 's', 1)
      await appendTo(store, 'far', 1, 10_000)
    }
    const pages = store.read(ofStream('s', direction))[Symbol.asyncIterator]()
    const first = await pages.next()
    const given = first.done === true ? [] : first.value
    await store.retain({ before: clock.now() }, carriedOut)
    expect(seqsOf([...given, ...(await restOf(pages))])).toEqual(seqs)
    await store.close()
  })

  it('says that nothing of it is left when its segments are gone or hold only others', async () => {
    const clock = fakeClock()
    const disk = memoryDisk()
    const store = await openSmall(disk, { clock })
    await appendTo(store, 'stays', 4)
    clock.advance(1_000)
    const before = clock.now()
    await appendTo(store, 'stays', 8)
    await appendTo(store, 'merged', 20)
    await appendTo(store, 'stubbed', 14)
    await appendTo(store, 'stays', 9)
    const streams = ['merged', 'stubbed'].map((stream) => ({ stream, before: 'all' }) as const)
    const { segments } = await store.retain({ before, streams }, carriedOut)
    expect(segments).toBeGreaterThan(0)
    const expected = [
      { stream: 'merged', seq: 20, earliest: 21 },
      { stream: 'stubbed', seq: 14, earliest: 15 },
      { stream: 'stays', seq: 21, earliest: 5 },
    ]
    const seen = async (of: FileStore) => {
      for (const head of expected) {
        expect(await of.stream(head.stream)).toMatchObject(head)
        expect(seqsOf(await readEvents(of, ofStream(head.stream)))).toEqual(upTo(head.seq, head.earliest))
      }
    }
    await seen(store)
    await store.close()
    const files = await filesOf(disk)
    const bare = new Map([...files].filter(([path]) => !/^(index|state)\//.test(path)))
    for (const left of [files, bare]) {
      const again = await openSmall(await diskOf(left), { clock })
      await seen(again)
      await again.close()
    }
  })
})

describe('the earliest event of a stream', () => {
  /** Segments of ten events: `a` seqs 1 to 4 in the first, seqs 5 to 14 behind. */
  async function withCutAt(position: number): Promise<FileStore> {
    const clock = fakeClock()
    const store = await openSmall(memoryDisk(), { clock })
    const append = async (stream: string): Promise<void> => {
      if (store.head().position + 1 === position) clock.advance(1_000)
      await appendTo(store, stream, 1)
    }
    for (let n = 0; n < 4; n++) await append('a')
    for (let n = 0; n < 10; n++) await append('b')
    for (let n = 0; n < 10; n++) await append('a')
    await store.retain({ before: clock.now() }, carriedOut)
    expect(store.head().earliest).toBe(position)
    return store
  }

  it.each([
    ['within a segment', 3, 3],
    ['behind its last event of a segment', 5, 5],
    ['right at its first event of a segment', 15, 5],
    ['in its newest events', 20, 10],
  ])('is found when the cut is %s', async (_where, position, earliest) => {
    const store = await withCutAt(position)
    expect(await store.stream('a')).toMatchObject({ seq: 14, earliest })
    expect(seqsOf(await readEvents(store, ofStream('a')))).toEqual(upTo(14, earliest))
    await store.close()
  })

  it('is found while more of the stream is on its way to the disk', async () => {
    const clock = fakeClock()
    const { disk, hold } = heldDisk(memoryDisk())
    const store = await openSmall(disk, { clock, segmentBytes: 65_536 })
    await appendTo(store, 'a', 2)
    clock.advance(1_000)
    const before = clock.now()
    await appendTo(store, 'a', 4)
    await store.retain({ before }, carriedOut)
    const writing = hold('write', (path) => path.startsWith('segments/'))
    const pending = store.append({ events: Array.from({ length: 40 }, () => paddedEvent('a')), durability: 'sync' })
    await writing.reached
    const told: ReadItem[] = []
    for await (const page of store.read({ ...ofStream('a'), tellRemoved: true })) told.push(...page)
    expect(told[0]).toEqual({ removed: { from: 1, to: 2 } })
    expect(seqsOf(told.slice(1))).toEqual([3, 4, 5, 6])
    writing.release()
    await pending
    await store.close()
  })
})

describe('a stream of which more is on its way to the disk', () => {
  it.each(['forward', 'backward'] as const)(
    'is read as far as it is durable, and then the rest: %s',
    async (direction) => {
      const { disk, hold } = heldDisk(memoryDisk())
      const store = await openSmall(disk, { segmentBytes: 65_536 })
      const seqs = async () => seqsOf(await readEvents(store, ofStream('s', direction))).toSorted((a, b) => a - b)
      await appendTo(store, 's', 3)
      const writing = hold('write', (path) => path.startsWith('segments/'))
      const pending = store.append({ events: Array.from({ length: 4 }, () => paddedEvent('s')), durability: 'sync' })
      await writing.reached
      expect(await seqs()).toEqual(upTo(3))
      writing.release()
      await pending
      await appendTo(store, 's', 1)
      expect(await seqs()).toEqual(upTo(8))
      await store.close()
    },
  )
})

describe('the lines of a stream', () => {
  it('come in several pages when they are many bytes, each of them whole, and as many as are wanted', async () => {
    const bytes = 30_000
    const store = await openSmall(memoryDisk(), { segmentBytes: 2_097_152 })
    await appendTo(store, 's', 60, bytes)
    for (const direction of ['forward', 'backward'] as const) {
      const all = direction === 'forward' ? upTo(60) : upTo(60).toReversed()
      for (const limit of [33, 1_000]) {
        const sizes: number[] = []
        const seqs: number[] = []
        for await (const page of store.read({ ...ofStream('s', direction), limit })) {
          sizes.push(page.length)
          seqs.push(...seqsOf(page))
        }
        expect(seqs).toEqual(all.slice(0, limit))
        expect(sizes.length).toBeGreaterThan(3)
        expect(Math.max(...sizes) * bytes).toBeLessThan(limits.pageBytes + bytes)
      }
    }
    await store.close()
  })

  it('may all be unwanted', async () => {
    const store = await openSmall(memoryDisk(), { segmentBytes: 1_048_576 })
    await appendTo(store, 's', 60, 7_500)
    expect(await readEvents(store, { ...ofStream('s'), types: new Set(['other']) })).toEqual([])
    await store.close()
  })

  it('may be more than are remembered on the way back to the first one', async () => {
    const store = await openSmall(memoryDisk())
    for (let batch = 0; batch < 2; batch++) {
      const events = Array.from({ length: 9_000 }, () => paddedEvent('s', 1))
      await store.append({ events, durability: 'sync' })
    }
    expect(seqsOf(await readEvents(store, ofStream('s')))).toEqual(upTo(18_000))
    await store.close()
  })

  it('may be longer than any piece that is read at once', async () => {
    const store = await openSmall(memoryDisk(), { segmentBytes: 2_097_152 })
    for (const bytes of [300, 70_000, 1_000_000, 300]) await appendTo(store, 's', 1, bytes)
    const events = await readEvents(store, ofStream('s'))
    expect(events.map(({ data }) => String(data).length)).toEqual([300, 70_000, 1_000_000, 300])
    await store.close()
  })
})

describe('a stream whose lines are not where its index says', () => {
  it('is damaged when the log itself leaves out one of its events', async () => {
    const lines = [1, 2, 4, 5].map((seq, index) => forgedEvent(index + 1, { seq }))
    const sealed = forgedJournal([{ lines }, { lines: [], header: { first: 5 } }])
    for (const files of [sealed, forgedJournal([{ lines }])]) {
      const store = await openSmall(await diskOf(files))
      await expect(readEvents(store, ofStream('s'))).rejects.toMatchObject({
        code: 'DAMAGED',
        details: { kind: 'line-misplaced' },
      })
      await store.close()
    }
  })

  it.each(['forward', 'backward'] as const)(
    'is read all the same when only the indexes are wrong: %s',
    async (direction) => {
      const disk = memoryDisk()
      const store = await openSmall(disk)
      for (let n = 0; n < 36; n++) await appendTo(store, 's', 1, n % 2 === 0 ? 500 : 300)
      await store.close()
      const files = await filesOf(disk)
      const sealed = segmentsOf(files).slice(0, -1)
      expect(sealed.length).toBeGreaterThan(3) // as many as a read begins anew without getting on
      for (const path of sealed) await putFile(disk, path, withExchangedLengths(files.get(path) ?? Buffer.alloc(0)))
      const again = await openSmall(disk)
      const events = await readEvents(again, ofStream('s', direction))
      expect(seqsOf(events)).toEqual(direction === 'forward' ? upTo(36) : upTo(36).toReversed())
      await again.close()
    },
  )
})

/** The same events in as many bytes, the second with the payload of the third and the other way round. */
function withExchangedLengths(segment: Buffer): Buffer {
  return rebuilt(segment, ([first = '', second = '', third = '', ...others]) => {
    const [secondData = '', thirdData = ''] = [second, third].map((body) => /"data":"x+"/.exec(body)?.[0])
    expect(secondData.length).not.toBe(thirdData.length)
    return [first, second.replace(secondData, thirdData), third.replace(thirdData, secondData), ...others]
  })
}

describe('a stream whose places hold events of another', () => {
  it.each(['forward', 'backward'] as const)('never gives the event of another stream: %s', async (direction) => {
    const disk = memoryDisk()
    const store = await openSmall(disk)
    for (let n = 0; n < 36; n++) await appendTo(store, n % 2 === 0 ? 'a' : 'b', 1)
    await store.close()
    const files = await filesOf(disk)
    for (const path of segmentsOf(files).slice(0, -1)) {
      // Events of one seq, in the same place: only their streams are exchanged.
      const exchanged = rebuilt(files.get(path) ?? Buffer.alloc(0), (bodies) =>
        bodies.map((body) => body.replace(/"stream":"(.)"/, (_, stream) => `"stream":"${stream === 'a' ? 'b' : 'a'}"`)),
      )
      await putFile(disk, path, exchanged)
    }
    const again = await openSmall(disk)
    const events = await readEvents(again, ofStream('a', direction))
    expect(events.every((event) => !('removed' in event) && event.stream === 'a')).toBe(true)
    expect(seqsOf(events)).toEqual(direction === 'forward' ? upTo(18) : upTo(18).toReversed())
    await again.close()
  })
})

describe('a stream whose head is in a damaged state table', () => {
  it('is refused as damage to a cache, and read when the journal was reopened', async () => {
    const disk = memoryDisk()
    const store = await openSmall(disk)
    await appendTo(store, 's', 12)
    await appendTo(store, 'other', 30)
    await store.close()
    const again = await openSmall(disk)
    const tables = [...(await filesOf(disk)).keys()].filter((path) => /^state\/.*\.table$/.test(path))
    for (const path of tables) await putFile(disk, path, flipped(await bytesOf(disk, path), 12, 0))
    await expect(readEvents(again, ofStream('s'))).rejects.toMatchObject({ code: 'DAMAGED' })
    await again.reopen()
    expect(seqsOf(await readEvents(again, ofStream('s')))).toEqual(upTo(12))
    await again.close()
  })
})
