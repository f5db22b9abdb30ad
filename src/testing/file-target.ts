// The file store as a target of the conformance suite: on a simulated disk, where it can be killed, and on the real one,
// where a backup can be opened.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Directories } from '../disks/directories.ts'
import type { Disk } from '../disks/disk.ts'
import { nodeDirectories } from '../disks/node-directories.ts'
import { nodeDisk } from '../disks/node-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { fileManifest } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { Store } from '../stores/store.ts'
import type { CreateOptions, StoreHandle, StoreUnderTest } from './store-under-test.ts'

/** Small, so that rules about segments have segments to work on. */
const segmentBytes = 16_384
const process = { pid: 1, host: 'test' }

function opener(disk: Disk, options: CreateOptions, directories?: Directories): (readOnly: boolean) => Promise<Store> {
  return (readOnly) => openFileStore({ disk, ...options, process, segmentBytes, readOnly, directories })
}

/** On a disk in memory that knows what was synced. `crash` leaves what the system's cache would still show. */
export const simulatedFileTarget: StoreUnderTest = {
  name: 'file store on a simulated disk',
  manifest: { ...fileManifest, backup: false },
  crashes: true,
  async create(options: CreateOptions): Promise<StoreHandle> {
    let simulated = new SimulatedDisk({ label: '/simulated' })
    const opened: Store[] = []
    let store = await opener(simulated.disk, options)(false)
    opened.push(store)
    return {
      store,
      async reopen() {
        await store.close()
        store = await opener(simulated.disk, options)(false)
        opened.push(store)
        return store
      },
      async crash() {
        simulated = simulated.crash({ seed: 1, model: 'process' })
        store = await opener(simulated.disk, options)(false)
        opened.push(store)
        return store
      },
      async openReader() {
        const reader = await opener(simulated.disk, options)(true)
        opened.push(reader)
        return reader
      },
      async dispose() {
        for (const each of opened) await each.close().catch(() => undefined) // some of them were killed
      },
    }
  },
}

/** In a directory of the real file system. */
export const directoryFileTarget: StoreUnderTest = {
  name: 'file store in a directory',
  manifest: fileManifest,
  async create(options: CreateOptions): Promise<StoreHandle> {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'))
    const directory = join(root, 'journal')
    await mkdir(directory)
    const open = opener(nodeDisk(directory), options, nodeDirectories)
    const opened: Store[] = []
    let store = await open(false)
    opened.push(store)
    const backupTo = join(root, 'backup')
    return {
      store,
      async reopen() {
        await store.close()
        store = await open(false)
        opened.push(store)
        return store
      },
      async openReader() {
        const reader = await open(true)
        opened.push(reader)
        return reader
      },
      backup: {
        to: backupTo,
        async open() {
          const copy = await opener(nodeDisk(backupTo), options)(false)
          opened.push(copy)
          return copy
        },
      },
      async dispose() {
        for (const each of opened) await each.close()
        await rm(root, { recursive: true, force: true })
      },
    }
  },
}
