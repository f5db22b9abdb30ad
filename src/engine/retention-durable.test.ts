// Retention shows only when its record is durable: what a reader has seen go must not come back behind a power cut.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { assert } from '../errors.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { bytesOf, filesOf, segmentsOf } from '../testing/sample-journal.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { appendTo, openSmall } from '../testing/small-segments.ts'
import { readMark } from './durable-mark.ts'
import { segmentName, segmentPath } from './layout.ts'

function openOn(disk: Disk): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process })
}

const event = { stream: 'a', type: 't', version: 1, data: '1' }

describe('retention that removes nothing', () => {
  it('leaves the earliest event where it is, at every moment', async () => {
    const seen = new Set<number>()
    let look = (): void => undefined
    const only = (): boolean => {
      look()
      return false
    }
    const disk = faultyDisk(new SimulatedDisk().disk, { at: 1, times: 'once', fault: 'EIO', only })
    const store = await openOn(disk)
    await store.append({ events: [event, event, event], durability: 'sync' })
    look = () => void seen.add(store.head().earliest)
    await store.retain({ before: 1 }, { dryRun: false })
    look = () => undefined
    expect([...seen]).toEqual([1])
    await store.close()
  })
})

describe('retention whose record is on its way to the disk', () => {
  it.each([
    ['of a stream', { streams: [{ stream: 'a', before: 3 }] }],
    ['by age', { before: 2_000_000_000_000 }],
  ])('hides nothing yet: %s', async (_name, rule) => {
    let gate: Promise<void> = Promise.resolve()
    const disk = new SimulatedDisk({ latency: () => gate })
    const store = await openOn(disk.disk)
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

describe('retention that is done', () => {
  it('has taken the events from the disk, also behind a power cut', async () => {
    for (const model of ['minimal', 'adversarial', 'ext4'] as const) {
      const simulated = new SimulatedDisk()
      const store = await openSmall(simulated.disk)
      for (let n = 0; n < 24; n++) await appendTo(store, n % 2 === 0 ? 'goes' : 'stays', 1)
      await store.retain({ streams: [{ stream: 'goes', before: 'all' }] }, { dryRun: false })
      const files = await filesOf(simulated.crash({ model, seed: 1 }).disk)
      const holding = segmentsOf(files).filter((path) => files.get(path)?.includes('"stream":"goes","seq"') === true)
      expect(holding, model).toEqual([])
    }
  })
})

describe('a segment that was written anew', () => {
  it('takes its name only when every reader can know of the record that vouches for it', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const store = await openSmall(disk)
    for (let n = 0; n < 12; n++) await appendTo(store, n % 2 === 0 ? 'goes' : 'stays', 1)
    const renaming = hold('rename', (path) => path === `${segmentPath(segmentName(1, 0))}.part`)
    const retained = store.retain({ streams: [{ stream: 'goes', before: 'all' }] }, { dryRun: false })
    await renaming.reached
    const mark = await readMark(disk)
    assert(mark !== undefined, 'a place was published')
    const log = (await bytesOf(disk, segmentPath(mark.segment))).toString()
    const record = log.indexOf('"control":"rewrite"')
    expect(record).toBeGreaterThan(0)
    // By the log itself, whatever becomes of the published place; and by that, for who only follows it.
    expect(log.indexOf('"control":"witness"', record)).toBeGreaterThan(record)
    expect(mark.bytes).toBe(log.length)
    renaming.release()
    await retained
    await store.close()
  })
})
