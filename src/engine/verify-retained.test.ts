// What retention leaves behind is as healthy as what it began with.

import { describe, expect, it } from 'vitest'
import type { RetentionRule } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { diskOf, filesOf, fillSample, openSample, sampleFiles, segmentsOf } from '../testing/sample-journal.ts'
import { verifyDirectory } from './verify.ts'

const rules: Readonly<Record<string, RetentionRule>> = {
  'all below a time': { before: 1_700_000_000_300 },
  'one stream to the end': { streams: [{ stream: 'заметки/2', before: 'all' }] },
  'the beginning of one stream': { streams: [{ stream: '笔记/🦊', before: 12 }] },
  'by size': { bytesMax: 12_000 },
  'what was released': { released: true },
  'old command ids': { commandsBefore: 1_700_000_000_200 },
}

describe('after retention', () => {
  for (const [name, rule] of Object.entries(rules)) {
    it(`of ${name}, nothing is found: open, closed, without caches, and after more`, async () => {
      const disk = await diskOf(await sampleFiles(60))
      const clock = fakeClock(1_700_000_100_000)
      const store = await openSample(disk, { clock })
      await store.retain(rule, { dryRun: false })
      expect((await store.verify({})).findings).toEqual([])
      await fillSample(store, clock, 61, 75)
      await store.retain(rule, { dryRun: false })
      expect((await store.verify({})).findings).toEqual([])
      await store.close()
      const files = await filesOf(disk)
      expect((await verifyDirectory(disk, {})).findings).toEqual([])
      const bare = new Map([...files].filter(([path]) => !/^(index|state)\//.test(path)))
      const bareDisk = await diskOf(bare)
      expect((await verifyDirectory(bareDisk, {})).findings).toEqual([])
      const again = await openSample(bareDisk, { clock })
      expect((await again.verify({})).findings).toEqual([])
      await again.close()
    })
  }

  it('a rewritten segment with other content is told', async () => {
    const disk = await diskOf(await sampleFiles(60))
    const store = await openSample(disk, { clock: fakeClock(1_700_000_100_000) })
    await store.retain({ streams: [{ stream: 'заметки/2', before: 'all' }] }, { dryRun: false })
    await store.close()
    const files = new Map(await filesOf(disk))
    const path = segmentsOf(files)[0] ?? ''
    const bytes = files.get(path) ?? Buffer.alloc(0)
    const end = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1
    files.set(path, bytes.subarray(0, end))
    const found = (await verifyDirectory(await diskOf(files), {})).findings
    expect(found.some(({ kind, file }) => file === path && /^segment-(digest|short)$/.test(kind))).toBe(true)
  })
})
