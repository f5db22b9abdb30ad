// A batch that names more than the state keeps in memory of what it looks up.

import { expect, it } from 'vitest'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { limits } from '../../limits.ts'
import { openSample, sampleEvent } from '../../testing/sample-journal.ts'

it('is taken, however many streams, entries and leases it names', { timeout: 60_000 }, async () => {
  const disk = memoryDisk()
  const store = await openSample(disk)
  const names = Array.from({ length: limits.batchEventsMax }, (_, at) => `n${at}`)
  expect(4 * names.length).toBeGreaterThan(2 * limits.stateCacheMax)
  const batch = {
    events: names.map((stream) => ({ ...sampleEvent(1), stream })),
    agenda: names.map((id) => ({ id, due: 1 })),
    leases: names.map((name) => ({ lease: `l-${name}`, op: 'acquire' as const, owner: 'me', ttlMs: 1_000 })),
    releases: names.map((name) => ({ stream: `other-${name}` })),
    durability: 'sync' as const,
  }
  expect((await store.append(batch)).events).toHaveLength(names.length)
  await store.close()

  // All of it stands in the tables now.
  const again = await openSample(disk)
  expect((await again.append({ ...batch, leases: [] })).events).toHaveLength(names.length)
  const { claimed } = await again.append({
    events: [],
    claim: { dueBy: 10_000_000, limit: names.length, owner: 'me', ttlMs: 1_000 },
    durability: 'sync',
  })
  expect(claimed).toHaveLength(names.length)
  await again.close()
})
