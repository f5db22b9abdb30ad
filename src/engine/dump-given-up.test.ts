// An export that ends before its end.

import { expect, it, vi } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { alteredDisk, alteredFile } from '../testing/altered-disk.ts'
import { filesOf } from '../testing/sample-journal.ts'
import { appendTo, openSmall } from '../testing/small-segments.ts'
import { listNames } from './whole-file.ts'

it('an export that is given up keeps no table open that is not there any more', async () => {
  const { disk, open } = countedDisk(memoryDisk(), (path) => path.endsWith('.table'))
  const store = await openSmall(disk)
  const agenda = [{ id: 'item', due: 1 }]
  await store.append({ events: [], agenda, command: { id: 'c', digest: 'a'.repeat(64) }, durability: 'sync' })
  await appendTo(store, 's', 40)
  await store.verify({}) // and the tables cover what is sealed
  for await (const _page of store.dump()) break
  const before = (await filesOf(disk)).size
  await appendTo(store, 's', 200)
  await store.verify({})
  expect((await filesOf(disk)).size).toBeGreaterThan(before)
  const listed = (await listNames(disk, 'state')).filter((name) => name.endsWith('.table'))
  const stateTables = (): readonly string[] => [...open.keys()].filter((path) => path.startsWith('state/'))
  await vi.waitFor(() => expect(stateTables().toSorted()).toEqual(listed.map((name) => `state/${name}`).toSorted()))
  await store.close()
})

/** Which files of these are open, and how often. */
function countedDisk(
  inner: Disk,
  counts: (path: string) => boolean,
): { readonly disk: Disk; readonly open: ReadonlyMap<string, number> } {
  const open = new Map<string, number>()
  const add = (path: string, by: number): void => {
    const count = (open.get(path) ?? 0) + by
    if (count === 0) open.delete(path)
    else open.set(path, count)
  }
  const disk = alteredDisk(inner, {
    async open(path, options) {
      const file = await inner.open(path, options)
      if (!counts(path)) return file
      add(path, 1)
      return alteredFile(file, {
        close: () => {
          add(path, -1)
          return file.close()
        },
      })
    },
  })
  return { disk, open }
}
