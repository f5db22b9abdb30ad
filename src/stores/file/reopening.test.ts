// What readers are shown while a failed writer is recovered in place: all of it or an error, never a part as if it were all.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { faultyDisk } from '../../disks/faulty-disk.ts'
import { SimulatedDisk } from '../../disks/simulated-disk.ts'
import { createJournal } from '../../journal.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { readEvents } from '../../testing/journal-contents.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import type { RawEvent, ReadItem } from '../store.ts'
import type { FileStore } from './file-store.ts'
import { openFileStore } from './open-file-store.ts'

const event = { stream: 's', type: 't', version: 1, data: JSON.stringify('x'.repeat(2_000)) }
const all = { select: { kind: 'all' }, direction: 'forward', tellRemoved: true } as const

/** Two segments with three events, behind which a write has failed. */
async function failedStore(): Promise<{ readonly store: FileStore; readonly disk: { fails: boolean } }> {
  const disk = { fails: false }
  const only = ({ op }: { readonly op: string }): boolean => disk.fails && (op === 'write' || op === 'syncDirectory')
  const store = await openFileStore({
    disk: faultyDisk(new SimulatedDisk().disk, { at: 1, times: 'forever', fault: 'EIO', only }),
    clock: fakeClock(),
    random: seededRandom(1),
    process: { pid: 1, host: 'test' },
    segmentBytes: 4_096,
  })
  for (let count = 0; count < 3; count++) await store.append({ events: [event], durability: 'sync' })
  await store.flush()
  for (let turn = 0; turn < 200; turn++) await nextTurn()
  disk.fails = true
  await expect(store.append({ events: [event], durability: 'sync' })).rejects.toMatchObject({ code: 'INDETERMINATE' })
  return { store, disk }
}

describe('a journal that is being reopened', () => {
  it('shows a reader that comes meanwhile all that is there', async () => {
    const { store, disk } = await failedStore()
    disk.fails = false
    const reopened = store.reopen()
    const shown: Promise<readonly RawEvent[]>[] = []
    for (let turn = 0; turn < 40; turn++) {
      shown.push(readEvents(store, all))
      await Promise.resolve()
    }
    await reopened
    const positions = (await Promise.all(shown)).map((events) => events.map(({ position }) => position).slice(0, 3))
    expect(new Set(positions.map(String))).toEqual(new Set(['1,2,3']))
    await store.close()
  })

  it('lets a reader finish that has begun before', async () => {
    const { store, disk } = await failedStore()
    disk.fails = false
    const pages = store.read(all)[Symbol.asyncIterator]()
    const items: ReadItem[] = [...((await pages.next()).value as readonly ReadItem[])]
    await store.reopen()
    for (let page = await pages.next(); page.done !== true; page = await pages.next()) items.push(...page.value)
    expect(items.map((item) => ('removed' in item ? 'removed' : item.position)).slice(0, 3)).toEqual([1, 2, 3])
    await store.close()
  })

  it('refuses reads when that fails, and shows all when it is tried again', async () => {
    const { store, disk } = await failedStore()
    await expect(store.reopen()).rejects.toMatchObject({ code: 'IO' })
    await expect(readEvents(store, all)).rejects.toMatchObject({ code: 'LATCHED' })
    await expect(readEvents(store, { ...all, direction: 'backward' })).rejects.toMatchObject({ code: 'LATCHED' })
    await expect(createJournal(store).read('s').toArray()).rejects.toMatchObject({ code: 'LATCHED' })
    disk.fails = false
    await store.reopen()
    expect((await readEvents(store, all)).length).toBeGreaterThanOrEqual(3)
    await store.close()
  })
})
