import { expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { assert } from '../errors.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { alteredDisk } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { seededRandom } from '../testing/seeded-random.ts'

const all = { select: { kind: 'all' }, direction: 'forward' } as const

function open(disk: Disk, takeover: boolean = false): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes: 4_096, takeover })
}

function append(store: FileStore, by: string) {
  const data = JSON.stringify({ by, pad: 'x'.repeat(300) })
  return store.append({ events: [{ stream: 's', type: 't', version: 1, data }], durability: 'sync' })
}

it('a segment that its writer was making as it was superseded gets no name: the successor may have given it away', async () => {
  const disk = memoryDisk()
  let successor: FileStore | undefined
  let named = ''
  let isArmed = false
  const stopped: Disk['open'] = async (path, options) => {
    if (path.endsWith('.part') && path.startsWith('segments/') && successor === undefined && isArmed) {
      named = path.slice(0, path.indexOf('.jsonl') + '.jsonl'.length)
      successor = await open(disk, true)
      await append(successor, 'successor')
    }
    return disk.open(path, options)
  }
  const former = await open(alteredDisk(disk, { open: stopped }))
  isArmed = true
  let told = 0
  const refused = await (async () => {
    for (;;) {
      assert(told < 100, 'the segment is full before')
      try {
        await append(former, 'former')
        told++
      } catch (error) {
        return error
      }
    }
  })()
  expect(refused).toMatchObject({ code: 'SUPERSEDED' })
  assert(successor !== undefined, 'it took over')
  expect(disk.existsNow(named)).toBe(true)
  const by = (await readEvents(successor, all)).map(({ data }) => (data as { readonly by: string }).by)
  expect(by).toEqual([...Array<string>(told).fill('former'), 'successor'])
  expect((await successor.verify({})).ok).toBe(true)
  await append(successor, 'successor')
  await former.close().catch(() => undefined)
  await successor.close()
  const again = await open(disk)
  expect(await readEvents(again, all)).toHaveLength(told + 2)
  await again.close()
})
