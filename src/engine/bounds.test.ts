// What keeps memory and descriptors bounded: queues that refuse, buffers that are given back, files that are closed.

import { expect, it } from 'vitest'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { writeText } from '../disks/file-content.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { Group } from './group.ts'
import { RemovedStub } from './removed-stub.ts'
import { TaskQueue } from './task-queue.ts'
import { readWholeFile } from './whole-file.ts'

it('tasks beyond what may wait are refused, but for those that hold nothing', () => {
  const nothing = (): void => undefined
  const queue = new TaskQueue({ canLayOut: () => false, failed: nothing, paused: nothing })
  const refused: unknown[] = []
  const task = (bytes: number) => ({
    bytes,
    missing: () => undefined,
    stage: nothing,
    refuse: (error: Error) => void refused.push(error),
  })
  queue.take(task(limits.queueBytesMax))
  expect(refused).toEqual([])
  queue.take(task(1))
  expect(refused).toMatchObject([{ code: 'QUEUE_FULL', retryable: true }])
  queue.takeAlways(task(0))
  expect(refused).toHaveLength(1)
})

it('a group gives back the buffer that one large batch made', () => {
  const group = new Group()
  const line = 'x'.repeat(limits.groupBytesMax)
  for (let n = 0; n < 3; n++) group.add(line, 0)
  expect(group.bytes.buffer.byteLength).toBeGreaterThan(2 * limits.groupBytesMax)
  group.clear()
  expect([group.isEmpty, group.bytes.buffer.byteLength < limits.groupBytesMax]).toEqual([true, true])
})

it('a stub of many streams takes several lines, and only the first one counts', () => {
  const stub = new RemovedStub()
  for (let n = 1; n <= 4_500; n++) stub.addEvent({ stream: `s${n}`, seq: 1, position: n })
  const records = stub.take()
  expect(records.map(({ count, streams }) => [count, streams.length])).toEqual([
    [4_500, 2_000],
    [0, 2_000],
    [0, 500],
  ])
  expect(stub.isEmpty).toBe(true)
})

it('a small file of ours that something made large is not read', async () => {
  const disk = memoryDisk()
  await writeText(disk, 'small', 'x'.repeat(11))
  await expect(readWholeFile(disk, 'small', 10)).rejects.toMatchObject({ code: 'FOREIGN_FILE' })
  expect((await readWholeFile(disk, 'small', 11))?.length).toBe(11)
})

it('of many segments only so many stay open, and every event can still be read', async () => {
  const inner = memoryDisk()
  const opened = new Set<DiskFile>()
  let most = 0
  const open = async (...args: Parameters<Disk['open']>): Promise<DiskFile> => {
    const file = await inner.open(...args)
    if (!args[0].startsWith('segments/')) return file
    const counted: DiskFile = new Proxy(file, {
      get(_target, key) {
        if (key === 'close') opened.delete(counted)
        const value: unknown = Reflect.get(file, key, file)
        return typeof value === 'function' ? value.bind(file) : value
      },
    })
    opened.add(counted)
    most = Math.max(most, opened.size)
    return counted
  }
  const disk = new Proxy(inner, {
    get(_target, key) {
      const value: unknown = key === 'open' ? open : Reflect.get(inner, key, inner)
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })
  const process = { pid: 1, host: 'test' }
  const store = await openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes: 4_096 })
  const data = JSON.stringify('x'.repeat(2_000))
  const count = 150
  for (let n = 0; n < count; n++)
    await store.append({ events: [{ stream: 's', type: 't', version: 1, data }], durability: 'sync' })
  for (const select of [{ kind: 'all' }, { kind: 'stream', stream: 's' }] as const) {
    let events = 0
    for await (const page of store.read({ select, direction: 'forward' })) events += page.length
    expect(events).toBe(count)
  }
  expect((await store.stats()).segments).toBeGreaterThan(60)
  expect(most).toBeLessThan(60)
  await store.close()
})

it('events that retention hid but did not rewrite yet are not counted', async () => {
  const process = { pid: 1, host: 'test' }
  const clock = fakeClock()
  const store = await openFileStore({
    disk: memoryDisk(),
    clock,
    random: seededRandom(1),
    process,
    segmentBytes: 4_096,
  })
  const data = JSON.stringify('x'.repeat(300))
  const append = () => store.append({ events: [{ stream: 's', type: 't', version: 1, data }], durability: 'sync' })
  // Two old events are too few to write their segment anew.
  for (let n = 0; n < 2; n++) await append()
  clock.advance(1_000)
  for (let n = 0; n < 18; n++) await append()
  await store.retain({ before: clock.now() }, { dryRun: false })
  expect((await store.stream('s'))?.earliest).toBe(3)
  expect((await store.stats()).events).toBe(18)
  await store.close()
})
