// Retention shows only when its record is durable: what a reader has seen go must not come back behind a power cut.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { seededRandom } from '../testing/seeded-random.ts'

describe('retention whose record is on its way to the disk', () => {
  it.each([
    ['of a stream', { streams: [{ stream: 'a', before: 3 }] }],
    ['by age', { before: 2_000_000_000_000 }],
  ])('hides nothing yet: %s', async (_name, rule) => {
    let gate: Promise<void> = Promise.resolve()
    const disk = new SimulatedDisk({ latency: () => gate })
    const process = { pid: 1, host: 'test' }
    const store = await openFileStore({ disk: disk.disk, clock: fakeClock(), random: seededRandom(1), process })
    const event = { stream: 'a', type: 't', version: 1, data: '1' }
    await store.append({ events: [event, event, event], durability: 'sync' })

    let open = (): void => undefined
    gate = new Promise((resolve) => {
      open = resolve
    })
    const written = disk.operations
    const retained = store.retain(rule, { dryRun: false })
    while (disk.operations === written) await nextTurn()
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    const all = { select: { kind: 'all' }, direction: 'forward' } as const
    const stream = { select: { kind: 'stream', stream: 'a' }, direction: 'backward' } as const
    expect(await readEvents(store, all)).toHaveLength(3)
    expect(await readEvents(store, stream)).toHaveLength(3)
    open()
    const { events } = await retained
    expect(await readEvents(store, all)).toHaveLength(3 - events)
    expect(await readEvents(store, stream)).toHaveLength(3 - events)
    expect(events).toBeGreaterThan(0)
    await store.close()
  })
})
