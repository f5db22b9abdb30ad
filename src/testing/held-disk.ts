// A disk that holds one operation until a test lets it go on: what happens meanwhile happens in the middle of another
// work. Invariant: it changes when operations take place, never what they do.

import type { Disk, DiskFile } from '../disks/disk.ts'
import type { DiskOperation } from '../disks/disk-call.ts'
import { alteredDisk, alteredFile } from './altered-disk.ts'

type HeldOperation = Extract<DiskOperation, 'open' | 'read' | 'write' | 'list' | 'rename' | 'remove'>

export interface Held {
  /** Resolves when the operation waits. */
  readonly reached: Promise<void>
  release(): void
}

export interface HeldDisk {
  readonly disk: Disk
  /** Holds the next operation of this kind at such a path. */
  hold(op: HeldOperation, at: (path: string) => boolean): Held
}

interface Hold {
  readonly matches: (op: HeldOperation, path: string) => boolean
  readonly tell: () => void
  readonly released: Promise<void>
}

export function heldDisk(inner: Disk): HeldDisk {
  let next: Hold | undefined
  const pass = async (op: HeldOperation, path: string): Promise<void> => {
    const hold = next
    if (hold?.matches(op, path) !== true) return
    next = undefined
    hold.tell()
    await hold.released
  }
  const disk = alteredDisk(inner, {
    async open(path, options) {
      await pass('open', path)
      return handle(await inner.open(path, options), path)
    },
    async list(path) {
      await pass('list', path)
      return inner.list(path)
    },
    async rename(from, to) {
      await pass('rename', from)
      await inner.rename(from, to)
    },
    async remove(path) {
      await pass('remove', path)
      await inner.remove(path)
    },
  })
  const handle = (file: DiskFile, path: string): DiskFile =>
    alteredFile(file, {
      read: async (into, at) => {
        await pass('read', path)
        return file.read(into, at)
      },
      write: async (from, at) => {
        await pass('write', path)
        return file.write(from, at)
      },
    })
  return {
    disk,
    hold(op: HeldOperation, at) {
      let release = (): void => undefined
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      const reached = new Promise<void>((tell) => {
        next = { matches: (seen, path) => seen === op && at(path), tell, released }
      })
      return { reached, release: () => release() }
    },
  }
}
