import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { limits } from '../limits.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { alteredDisk, alteredFile } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { settle } from '../testing/inbox-scene.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { openSmall, paddedEvent } from '../testing/small-segments.ts'
import { DurableMark, type DurablePlace, encodeMark, parseMark, readMark } from './durable-mark.ts'
import { durablePath, segmentName } from './layout.ts'

/** Counts the writes of the mark. */
function counting(disk: Disk): { readonly disk: Disk; readonly count: () => number } {
  let count = 0
  const open: Disk['open'] = async (path, options) => {
    const file = await disk.open(path, options)
    return alteredFile(file, {
      write: (from, at) => {
        if (path === durablePath) count++
        return file.write(from, at)
      },
    })
  }
  return { disk: alteredDisk(disk, { open }), count: () => count }
}

/** Lists the writes of the log, and those of the mark with the position that they publish. */
function listing(disk: Disk, order: string[]): Disk {
  const open: Disk['open'] = async (path, options) => {
    const file = await disk.open(path, options)
    return alteredFile(file, {
      write: (from, at) => {
        if (path.startsWith('segments/')) order.push('log')
        if (path === durablePath) order.push(`mark ${parseMark(Buffer.from(from))?.position}`)
        return file.write(from, at)
      },
    })
  }
  return alteredDisk(disk, { open })
}

const opening = { random: seededRandom(1), process: { pid: 1, host: 'test' }, segmentBytes: 8_388_608 }
const one = { events: [{ stream: 's', type: 't', version: 1, data: '1' }], durability: 'sync' } as const

function place(position: number): DurablePlace {
  return { segment: '000000000001.jsonl', bytes: position * 100, position }
}

describe('the durable mark', () => {
  it('is written once in a millisecond, and at rest or when asked says the newest place', async () => {
    const { disk, count } = counting(memoryDisk())
    const mark = await DurableMark.open(disk)
    for (let position = 1; position <= 9; position++) {
      mark.offer(place(position))
      mark.publishPaced(7)
      await settle()
    }
    expect(count()).toBe(1)
    expect(await readMark(disk)).toEqual(place(1))
    mark.publishHeld()
    await settle()
    expect(await readMark(disk)).toEqual(place(9))
    mark.publishHeld() // nothing newer
    mark.publishPaced(8) // likewise
    mark.offer(place(10))
    await mark.shown()
    expect(await readMark(disk)).toEqual(place(10))
    // Also when the clock went back.
    mark.offer(place(11))
    mark.publishPaced(6)
    await settle()
    expect(await readMark(disk)).toEqual(place(11))
    expect(count()).toBe(4)
    await mark.close()
  })

  it('lags by few places though the clock stands still and the writer never rests', async () => {
    const { disk, count } = counting(memoryDisk())
    const mark = await DurableMark.open(disk)
    for (let position = 1; position <= 100; position++) {
      mark.offer(place(position))
      mark.publishPaced(7)
      await settle()
      expect((await readMark(disk))?.position).toBeGreaterThanOrEqual(position - 16)
    }
    expect(count()).toBe(6)
    await mark.close()
  })

  it('is not written while somebody waits to be told, and no later than the next write of the log', async () => {
    const order: string[] = []
    const disk = listing(memoryDisk(), order)
    const store = await openFileStore({ disk, clock: fakeClock(), ...opening })
    await settle()
    order.length = 0
    for (let position = 1; position <= 2; position++) {
      await store.append(one)
      order.push(`told ${position}`)
    }
    const held = ['log', 'told 1', 'log']
    expect(order.slice(0, 3)).toEqual(held)
    expect(order.indexOf('mark 1')).toBeGreaterThan(2)
    expect(order.at(-1)).toBe('told 2')
    await settle()
    expect(order.at(-1)).toBe('mark 2')
    await store.close()
  })

  it('shows what is durable while the next append is on its way', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const store = await openFileStore({ disk, clock: fakeClock(), ...opening })
    await store.append(one)
    const writing = hold('write', (path) => path.startsWith('segments/'))
    const next = store.append(one)
    await writing.reached
    await settle()
    expect((await readMark(disk))?.position).toBe(1)
    writing.release()
    await next
    await store.close()
  })

  it('waits for whoever appends on at the end of its turn of the event loop', async () => {
    const order: string[] = []
    const disk = listing(memoryDisk(), order)
    const store = await openFileStore({ disk, clock: fakeClock(), ...opening })
    await settle()
    order.length = 0
    await store.append(one)
    await nextTurn()
    const next = store.append(one)
    await settle()
    await next
    expect(order).toEqual(['log', 'log', 'mark 1', 'mark 2'])
    await store.close()
  })

  it('says all that is durable as soon as the writer rests, though its clock stands still', async () => {
    const { disk, count } = counting(memoryDisk())
    const store = await openFileStore({ disk, clock: fakeClock(), ...opening })
    const before = count()
    for (let position = 1; position <= 50; position++) await store.append(one)
    await settle()
    expect((await readMark(disk))?.position).toBe(50)
    expect(count() - before).toBeLessThanOrEqual(5) // one in 17, and the last
    await store.close()
  })

  it('is shown only when the newest place that was offered before is written', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const mark = await DurableMark.open(disk)
    const isMark = (path: string): boolean => path === durablePath
    const first = hold('write', isMark)
    mark.publish(place(1))
    await first.reached
    mark.publish(place(2))
    let isShown = false
    const shown = mark.shown().then(() => {
      isShown = true
    })
    const second = hold('write', isMark)
    first.release()
    await second.reached
    await settle()
    expect(isShown).toBe(false)
    second.release()
    await shown
    expect(await readMark(disk)).toEqual(place(2))
    await mark.close()
  })

  it('that can not be written keeps nobody waiting', async () => {
    const only = ({ op }: { readonly op: string }): boolean => op === 'write'
    const mark = await DurableMark.open(faultyDisk(memoryDisk(), { at: 1, times: 'forever', fault: 'EIO', only }))
    mark.offer(place(1))
    mark.publishPaced(7)
    mark.offer(place(2))
    await mark.shown()
    await mark.close()
  })

  it('says nothing when it is torn', () => {
    const whole = encodeMark(place(12))
    expect(parseMark(whole)).toEqual(place(12))
    const other = encodeMark(place(34))
    const body = other.indexOf(',"sum"')
    expect(parseMark(Buffer.concat([other.subarray(0, body), whole.subarray(body)]))).toBeUndefined()
  })

  it('survives a power cut once it is settled', async () => {
    for (const model of ['minimal', 'adversarial', 'ext4'] as const) {
      const simulated = new SimulatedDisk()
      const mark = await DurableMark.open(simulated.disk)
      await simulated.disk.syncDirectory('')
      await mark.settle(place(9))
      expect(await readMark(simulated.crash({ model, seed: 1 }).disk), model).toEqual(place(9))
    }
  })
})

describe('what is durable while the writer waits for something else, with a clock that stands still', () => {
  const isSegment = (path: string): boolean => path.startsWith('segments/')

  it('shows though a new segment is long in coming', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const store = await openSmall(disk)
    const opening = hold('rename', isSegment)
    const appends: Promise<unknown>[] = []
    for (let n = 0; n < 12; n++) {
      appends.push(store.append({ events: [paddedEvent('s')], durability: 'sync' }))
      await settle()
    }
    await opening.reached
    const durable = store.head().position
    expect(durable).toBeGreaterThan(4)
    expect(durable).toBeLessThan(12)
    expect((await readMark(disk))?.position).toBe(durable)
    opening.release()
    await Promise.all(appends)
    await store.close()
  })

  it('shows though what the next append needs is long in coming', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const before = await openSmall(disk)
    const command = { id: 'known', digest: '0'.repeat(64) }
    await before.append({ events: [paddedEvent('s')], command, durability: 'sync' })
    for (let n = 0; n < 40; n++) await before.append({ events: [paddedEvent('t')], durability: 'sync' })
    await before.close()
    const store = await openSmall(disk)
    await store.append({ events: [paddedEvent('t')], durability: 'sync' })
    const writing = hold('write', isSegment)
    const written = store.append({ events: [paddedEvent('t')], durability: 'sync' })
    await writing.reached
    const reading = hold('read', (path) => path.startsWith('state/'))
    const waiting = store.append({ events: [paddedEvent('t')], command, durability: 'sync' })
    await reading.reached
    writing.release()
    await written
    await settle()
    expect((await readMark(disk))?.position).toBe(43)
    reading.release()
    expect(await waiting).toMatchObject({ duplicate: true })
    await store.close()
  })

  it('shows though what waits behind a full group is long in coming', async () => {
    const { disk, hold } = heldDisk(memoryDisk())
    const options = { clock: fakeClock(), segmentBytes: 8 * limits.groupBytesMax }
    const before = await openSmall(disk)
    const command = { id: 'known', digest: '0'.repeat(64) }
    await before.append({ events: [paddedEvent('s')], command, durability: 'sync' })
    for (let n = 0; n < 40; n++) await before.append({ events: [paddedEvent('t')], durability: 'sync' })
    await before.close()
    const store = await openSmall(disk, options)
    const one = { events: [paddedEvent('t')], durability: 'sync' } as const
    await store.append(one)
    const writing = hold('write', isSegment)
    const appends = [store.append(one)]
    await writing.reached
    for (let bytes = 0; bytes < limits.groupBytesMax; bytes += 1_000_000) {
      appends.push(store.append({ events: [paddedEvent('t', 1_000_000)], durability: 'sync' }))
    }
    const waiting = store.append({ events: [paddedEvent('t')], command, durability: 'sync' })
    await settle()
    const reading = hold('read', (path) => path.startsWith('state/'))
    writing.release()
    await reading.reached
    await Promise.all(appends)
    expect((await readMark(disk))?.position).toBe(42 + appends.length)
    reading.release()
    expect(await waiting).toMatchObject({ duplicate: true })
    await store.close()
  })

  it('is a place in the new segment once there is one', async () => {
    const disk = memoryDisk()
    const store = await openSmall(disk)
    for (let n = 0; n < 10; n++) await store.append({ events: [paddedEvent('s')], durability: 'sync' })
    await settle()
    const segments = (await disk.list('segments')).map(({ name }) => name).sort()
    expect(segments).toEqual([segmentName(1, 0), segmentName(11, 0)])
    expect(await readMark(disk)).toMatchObject({ segment: segmentName(11, 0), position: 10 })
    await store.close()
  })
})
