// Reading in the order of positions: what retention took is told where it was, whether it still stands in the log or not,
// and a log that is closed under a read is not taken for one that ends.

import { describe, expect, it } from 'vitest'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import type { ReadQuery } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { bytesOf, diskOf, flipped, putFile } from '../testing/sample-journal.ts'
import { appendTo, openSmall, placesIn } from '../testing/small-segments.ts'
import { segmentName, segmentPath } from './layout.ts'

const all: ReadQuery = { select: { kind: 'all' }, direction: 'forward', tellRemoved: true }
const carriedOut = { dryRun: false } as const

function withPrefix(prefix: string): ReadQuery {
  return { select: { kind: 'prefix', prefix }, direction: 'forward', tellRemoved: true }
}

/** Events of `a` and `b` by turns, ten to a segment; those below position 14 are older. */
async function byTurns(): Promise<{ readonly store: FileStore; readonly before: number }> {
  const clock = fakeClock()
  const store = await openSmall(memoryDisk(), { clock })
  let before = 0
  for (let position = 1; position <= 34; position++) {
    if (position === 14) {
      clock.advance(1_000)
      before = clock.now()
    }
    await appendTo(store, position % 2 === 1 ? 'a' : 'b', 1)
  }
  return { store, before }
}

describe('a removal', () => {
  it('is told of events that still stand in the log as of those that are gone from it', async () => {
    const { store, before } = await byTurns()
    await store.retain({ before }, carriedOut)
    const events = Array.from({ length: 21 }, (_, index) => 14 + index)
    expect(await placesIn(store.read(all))).toEqual([[1, 13], ...events])
    expect(await placesIn(store.read({ ...all, from: 12, to: 15 }))).toEqual([[12, 13], 14, 15])
    expect(await placesIn(store.read({ ...all, from: 5, to: 12 }))).toEqual([[5, 12]])
    await store.close()
  })

  it('is told to whoever reads some streams, up to the next event that is there', async () => {
    const { store, before } = await byTurns()
    await store.retain({ before }, carriedOut)
    const ofA = Array.from({ length: 10 }, (_, index) => 15 + 2 * index)
    const ofB = Array.from({ length: 11 }, (_, index) => 14 + 2 * index)
    expect(await placesIn(store.read(withPrefix('a')))).toEqual([[1, 13], ...ofA])
    expect(await placesIn(store.read({ ...withPrefix('b'), from: 11 }))).toEqual([[12, 12], ...ofB])
    expect(await placesIn(store.read(withPrefix('c')))).toEqual([])
    await store.close()
  })

  it('that is not told leaves nothing between the events, from either end', async () => {
    const { store, before } = await byTurns()
    await store.retain({ before }, carriedOut)
    const events = Array.from({ length: 21 }, (_, index) => 14 + index)
    const untold = { ...all, tellRemoved: false }
    expect(await placesIn(store.read(untold))).toEqual(events)
    expect(await placesIn(store.read({ ...untold, limit: 3 }))).toEqual([14, 15, 16])
    const backward = { ...untold, direction: 'backward' } as const
    expect(await placesIn(store.read(backward))).toEqual(events.toReversed())
    expect(await placesIn(store.read({ ...backward, limit: 3 }))).toEqual([34, 33, 32])
    await store.close()
  })
})

it('who asks for no events gets none', async () => {
  const { store } = await byTurns()
  for (const direction of ['forward', 'backward'] as const)
    for (const select of [{ kind: 'all' }, { kind: 'stream', stream: 'a' }] as const)
      expect(await placesIn(store.read({ select, direction, limit: 0 }))).toEqual([])
  await store.close()
})

describe('a log that is closed under a read', () => {
  it.each([
    ['everything', { kind: 'all' }, 'forward'],
    ['everything backward', { kind: 'all' }, 'backward'],
    ['a stream', { kind: 'stream', stream: 'a' }, 'forward'],
    ['a stream backward', { kind: 'stream', stream: 'a' }, 'backward'],
  ] as const)('is not taken for one that ends here by who reads %s', async (_what, select, direction) => {
    const { store } = await byTurns()
    await appendTo(store, 'a', 40)
    const pages = store.read({ select, direction })[Symbol.asyncIterator]()
    expect((await pages.next()).done).toBe(false)
    await store.close()
    const rest = (async () => {
      for (let page = await pages.next(); page.done !== true; page = await pages.next());
    })()
    await expect(rest).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('is LATCHED when it could not be opened anew', async () => {
    let fails = false
    const only = ({ op }: { readonly op: string }): boolean => fails && (op === 'write' || op === 'syncDirectory')
    const store = await openSmall(faultyDisk(memoryDisk(), { at: 1, times: 'forever', fault: 'EIO', only }))
    await appendTo(store, 'a', 34)
    const pages = store.read({ ...all, tellRemoved: false })[Symbol.asyncIterator]()
    expect((await pages.next()).done).toBe(false)
    fails = true
    await expect(appendTo(store, 'a', 1)).rejects.toMatchObject({ code: 'INDETERMINATE' })
    await expect(store.reopen()).rejects.toMatchObject({ code: 'IO' })
    await expect(pages.next()).rejects.toMatchObject({ code: 'LATCHED' })
    fails = false
    await store.reopen()
    expect((await placesIn(store.read(all))).length).toBeGreaterThanOrEqual(34)
    await store.close()
  })
})

describe('a segment that changed on the disk before it was opened', () => {
  it.each([
    ['is gone', 'segment-missing', undefined],
    ['has a damaged header', 'segment-header', (bytes: Buffer) => flipped(bytes, 5, 0)],
    ['has no line at all', 'segment-header', () => Buffer.from('nothing')],
  ])('is told as damage: it %s', async (_what, kind, change) => {
    const disk = memoryDisk()
    const first = await openSmall(disk)
    await appendTo(first, 'a', 34)
    await first.close()
    const store = await openSmall(disk)
    const path = segmentPath(segmentName(11, 0))
    const bytes = await bytesOf(disk, path)
    await disk.remove(path)
    if (change !== undefined) await putFile(disk, path, change(bytes))
    await expect(placesIn(store.read(all))).rejects.toMatchObject({ code: 'DAMAGED', details: { kind, file: path } })
    await putFile(disk, path, bytes)
    expect(await placesIn(store.read(all))).toHaveLength(34) // once it is back, it is read
    await store.close()
  })

  it('is told as damage when another segment stands there', async () => {
    const disk = memoryDisk()
    const first = await openSmall(disk)
    await appendTo(first, 'a', 34)
    await first.close()
    const store = await openSmall(disk)
    const path = segmentPath(segmentName(11, 0))
    await putFile(disk, path, await bytesOf(disk, segmentPath(segmentName(21, 0))))
    await expect(placesIn(store.read(all))).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { kind: 'segment-header', file: path },
    })
    await store.close()
  })
})

describe('a record of a kind that this release does not know', () => {
  it.each([
    ['in the newest segment', 1, false],
    ['in a sealed one', 2, false],
    ['in a sealed one, for reading', 2, true],
  ])('is refused as a newer format: %s', async (_where, segments, readOnly) => {
    const novel = forgedControl({ control: 'novel', time: 5 })
    const files = forgedJournal(
      [{ lines: [forgedEvent(1), novel] }, { lines: [], header: { first: 2 } }].slice(0, segments),
    )
    await expect(openSmall(await diskOf(files), { readOnly })).rejects.toMatchObject({ code: 'NEWER_FORMAT' })
  })
})
