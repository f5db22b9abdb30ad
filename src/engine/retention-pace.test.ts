// A rewrite beside appends is done in small pieces: none keeps the process or the disk busy for long.

import { expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import { alteredDisk, alteredFile } from '../testing/altered-disk.ts'
import { openSmall, paddedEvent } from '../testing/small-segments.ts'

it('writes a segment anew in pieces, and syncs it as it goes', async () => {
  const pieces: number[] = []
  const unsynced: number[] = []
  let gathered = 0
  const inner = memoryDisk()
  const disk = alteredDisk(inner, {
    async open(path, options) {
      const file = await inner.open(path, options)
      if (!path.startsWith('segments/') || !path.endsWith('.part')) return file
      gathered = 0
      return alteredFile(file, {
        async write(from, at) {
          pieces.push(from.length)
          gathered += from.length
          return file.write(from, at)
        },
        async sync() {
          await file.sync()
          unsynced.push(gathered)
          gathered = 0
        },
      })
    },
  })
  const store = await openSmall(disk, { segmentBytes: 4 * limits.upkeepSyncBytes })
  for (let batch = 0; batch < 3; batch++) {
    const events = Array.from({ length: 4_000 }, (_, at) => paddedEvent(at === 0 ? 'goes' : 'stays'))
    await store.append({ events, durability: 'sync' })
  }
  pieces.length = 0
  unsynced.length = 0
  await store.retain({ streams: [{ stream: 'goes', before: 'all' }] }, { dryRun: false })
  const written = pieces.reduce((sum, bytes) => sum + bytes, 0)
  expect(written).toBeGreaterThan(2 * limits.upkeepSyncBytes)
  expect(Math.max(...pieces)).toBeLessThanOrEqual(2 * limits.upkeepPieceBytes)
  expect(Math.max(...unsynced)).toBeLessThanOrEqual(limits.upkeepSyncBytes + 2 * limits.upkeepPieceBytes)
  expect(unsynced.length).toBeGreaterThan(2)
  await store.close()
})

const appendsMax = 100_000

it('lets appends have their turn between two pieces, all along', async () => {
  const store = await openSmall(memoryDisk(), { segmentBytes: 40 * limits.upkeepPieceBytes })
  for (let batch = 0; batch < 3; batch++) {
    const events = Array.from({ length: 4_000 }, (_, at) => paddedEvent(at === 0 ? 'goes' : 'stays'))
    await store.append({ events, durability: 'sync' })
  }
  const { bytes } = await store.stats()
  let isOver = false
  const retained = store.retain({ streams: [{ stream: 'goes', before: 'all' }] }, { dryRun: false })
  void retained.finally(() => {
    isOver = true
  })
  let appends = 0
  for (; !isOver && appends < appendsMax; appends++) {
    await store.append({ events: [paddedEvent('stays')], durability: 'sync' })
  }
  await retained
  // Every segment is looked through, and then written anew.
  expect(appends).toBeGreaterThan((2 * bytes) / (2 * limits.upkeepPieceBytes))
  await store.close()
})
