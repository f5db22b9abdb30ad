import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { alteredDisk, alteredFile } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { settle } from '../testing/inbox-scene.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { DurableMark, type DurablePlace, readMark } from './durable-mark.ts'
import { durablePath } from './layout.ts'

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

function place(position: number): DurablePlace {
  return { segment: '000000000001.jsonl', bytes: position * 100, position }
}

describe('the durable mark', () => {
  it('is written once in a millisecond, and at rest or when asked says the newest place', async () => {
    const { disk, count } = counting(memoryDisk())
    const mark = await DurableMark.open(disk)
    for (let position = 1; position <= 9; position++) {
      mark.offer(place(position), 7)
      await settle()
    }
    expect(count()).toBe(1)
    expect(await readMark(disk)).toEqual(place(1))
    mark.publishHeld()
    await settle()
    expect(await readMark(disk)).toEqual(place(9))
    mark.publishHeld() // nothing newer
    mark.offer(place(10), 7)
    await mark.shown()
    expect(await readMark(disk)).toEqual(place(10))
    // Also when the clock went back.
    mark.offer(place(11), 6)
    await settle()
    expect(await readMark(disk)).toEqual(place(11))
    expect(count()).toBe(4)
    await mark.close()
  })

  it('lags by few places though the clock stands still and the writer never rests', async () => {
    const { disk, count } = counting(memoryDisk())
    const mark = await DurableMark.open(disk)
    for (let position = 1; position <= 100; position++) {
      mark.offer(place(position), 7)
      await settle()
      expect((await readMark(disk))?.position).toBeGreaterThanOrEqual(position - 16)
    }
    expect(count()).toBe(6)
    await mark.close()
  })

  it('says all that is durable as soon as the writer rests, though its clock stands still', async () => {
    const { disk, count } = counting(memoryDisk())
    const options = { random: seededRandom(1), process: { pid: 1, host: 'test' }, segmentBytes: 8_388_608 }
    const store = await openFileStore({ disk, clock: fakeClock(), ...options })
    const before = count()
    for (let position = 1; position <= 50; position++) {
      await store.append({ events: [{ stream: 's', type: 't', version: 1, data: '1' }], durability: 'sync' })
    }
    await settle()
    expect((await readMark(disk))?.position).toBe(50)
    expect(count() - before).toBeLessThanOrEqual(5) // one in 17, and the last
    await store.close()
  })
})
