import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'

function openStore(disk: Disk): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process })
}

/** Gives other bytes than were written, from when it is told to. */
function lyingDisk(inner: Disk): { readonly disk: Disk; lie(): void } {
  let lies = false
  const disk: Disk = {
    label: inner.label,
    lockMechanism: inner.lockMechanism,
    async open(path, options) {
      const file = await inner.open(path, options)
      const read = async (into: Uint8Array, at: number): Promise<number> => {
        const count = await file.read(into, at)
        if (lies && count > 60) into.fill(0x30, count - 60, count - 50)
        return count
      }
      return { ...file, read }
    },
    list: (path) => inner.list(path),
    makeDirectory: (path) => inner.makeDirectory(path),
    rename: (from, to) => inner.rename(from, to),
    remove: (path) => inner.remove(path),
    removeDirectory: (path) => inner.removeDirectory(path),
    syncDirectory: (path) => inner.syncDirectory(path),
    existsNow: (path) => inner.existsNow(path),
    lock: (path) => inner.lock(path),
    watch: (path, changed) => inner.watch(path, changed),
  }
  return {
    disk,
    lie: () => {
      lies = true
    },
  }
}

describe('probe', () => {
  it('passes on a disk that works, and leaves no event', async () => {
    const store = await openStore(memoryDisk())
    await store.probe()
    const data = JSON.stringify('x'.repeat(20_000))
    const appends = [1, 2, 3].map(() =>
      store.append({ events: [{ stream: 's', type: 't', version: 1, data }], durability: 'sync' }),
    )
    await Promise.all([...appends, store.probe()])
    expect(store.head().position).toBe(3)
    await store.close()
  })

  it('says so when what is read back is not what was written', async () => {
    const { disk, lie } = lyingDisk(memoryDisk())
    const store = await openStore(disk)
    lie()
    await expect(store.probe()).rejects.toMatchObject({ code: 'DAMAGED' })
    await store.close()
  })

  it('says so when nothing can be written', async () => {
    const inner = memoryDisk()
    await (await openStore(inner)).close()
    let broken = false
    const only = (call: { readonly op: string; readonly path: string }): boolean =>
      broken && call.op === 'write' && call.path.startsWith('segments')
    const store = await openStore(faultyDisk(inner, { at: 1, times: 'forever', fault: 'EIO', only }))
    broken = true
    await expect(store.probe()).rejects.toMatchObject({ code: 'INDETERMINATE' })
    await store.close()
  })
})
