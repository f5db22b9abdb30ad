// Command ids that retention forgets, and the tables that are merged meanwhile: what the log has not said durably, they
// must not have dropped.

import { expect, it } from 'vitest'
import { digestBatch } from '../../core/digest.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { openSample, sampleEvent } from '../../testing/sample-journal.ts'
import type { FileStore } from './file-store.ts'

const charge = { events: [sampleEvent(1)], durability: 'sync' as const }
const command = { ...charge, command: { id: 'charge', digest: digestBatch(charge) } }
const forgetting = (before: number) => ({ streams: [{ stream: 'a', before: 2 }], commandsBefore: before })

/** Segments of some events each, and a table for each. */
async function fill(store: FileStore, stream: string, events: number): Promise<void> {
  const event = { stream, type: 'noted', version: 1, data: JSON.stringify('x'.repeat(380)) }
  for (let n = 0; n < events; n++) await store.append({ events: [event], durability: 'sync' })
}

// Which tables are merged when depends on how many there are, and how large.
it('are in the tables as long as what these cover has not forgotten them', async () => {
  for (let events = 8; events <= 48; events += 2) {
    const clock = fakeClock()
    const store = await openSample(memoryDisk(), { clock })
    await store.append(command)
    // The segment of the command stays as it is, one behind it is rewritten: that merges tables.
    await fill(store, 'b', 9)
    await fill(store, 'a', events)
    clock.advance(1)
    await store.retain(forgetting(clock.now()), { dryRun: false })
    expect((await store.verify({})).findings, `${events} events`).toEqual([])
    await store.close()
  }
})
