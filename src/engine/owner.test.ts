import { expect, it } from 'vitest'
import type { Disk, DiskLock } from '../disks/disk.ts'
import { writeText } from '../disks/file-content.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { fencePath, folders } from './layout.ts'
import { becomeOwner, isOwned, makeFence, newestFence, readOwner } from './owner.ts'

const options = { takeover: false, process: { pid: 1, host: 'test' }, now: 5 }

/** `lock` is asked in place of the disk. */
function locking(inner: Disk, lock: (path: string) => Promise<DiskLock | undefined>): Disk {
  return new Proxy(inner, {
    get(_target, key) {
      const value: unknown = key === 'lock' ? lock : Reflect.get(inner, key, inner)
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })
}

it('a journal is owned from the first opening to the release', async () => {
  const disk = memoryDisk()
  expect(await isOwned(disk)).toBe(false)
  const { fence, lock } = await becomeOwner(disk, options)
  expect([fence, await isOwned(disk)]).toEqual([1, true])
  await lock.release()
  expect(await isOwned(disk)).toBe(false)
})

it('a second owner is refused, whether or not the first one can be named', async () => {
  const disk = memoryDisk()
  await becomeOwner(disk, options)
  await expect(becomeOwner(disk, options)).rejects.toMatchObject({ code: 'LOCKED', details: { pid: 1, since: 5 } })
  await disk.remove('owner.json')
  expect(await readOwner(disk)).toBeUndefined()
  await expect(becomeOwner(disk, options)).rejects.toMatchObject({ code: 'LOCKED', details: {} })
})

it('a fence is made once, and other files beside it are none', async () => {
  const disk = memoryDisk()
  await disk.makeDirectory(folders.fences)
  expect([await makeFence(disk, 3), await makeFence(disk, 3)]).toEqual([true, false])
  await writeText(disk, `${folders.fences}/notes.txt`, 'not ours')
  expect(await newestFence(disk)).toBe(3)
})

it('of two that take over at once, the one that made no fence looks again', async () => {
  const disk = memoryDisk()
  await becomeOwner(disk, options)
  const beaten = locking(disk, async (path) => {
    // The other one makes its fence, and is gone before the lock of it is asked for.
    if (path === fencePath(1)) await makeFence(disk, 2)
    return disk.lock(path)
  })
  expect((await becomeOwner(beaten, { ...options, takeover: true })).fence).toBe(2)
})

it('who gets the lock of a fence that is the newest no more lets it go and looks again', async () => {
  const disk = memoryDisk()
  await (await becomeOwner(disk, options)).lock.release()
  const late = locking(disk, async (path) => {
    // Between the listing and the lock another one took over, and ended.
    if (path === fencePath(1)) await makeFence(disk, 2)
    return disk.lock(path)
  })
  const { fence, lock } = await becomeOwner(late, options)
  expect(fence).toBe(2)
  const first = await disk.lock(fencePath(1))
  expect(first).toBeDefined()
  await first?.release()
  await lock.release()
  expect(await isOwned(disk)).toBe(false)
})

it('who takes over and finds its new fence locked is refused', async () => {
  const disk = memoryDisk()
  await becomeOwner(disk, options)
  const beaten = locking(disk, async (path) => (path === fencePath(2) ? undefined : disk.lock(path)))
  await expect(becomeOwner(beaten, { ...options, takeover: true })).rejects.toMatchObject({ code: 'LOCKED' })
})
