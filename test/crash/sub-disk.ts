// A folder of a disk as a disk of its own, so that a copy of a journal lies on the same simulated disk as the journal, and
// one power cut meets both.

import type { Directories } from '../../src/disks/directories.ts'
import type { Disk } from '../../src/disks/disk.ts'
import { ensureDirectory } from '../../src/engine/whole-file.ts'

export function subDisk(disk: Disk, folder: string): Disk {
  const at = (path: string): string => (path === '' ? folder : `${folder}/${path}`)
  return {
    label: `${disk.label}/${folder}`,
    lockMechanism: disk.lockMechanism,
    open: (path, options) => disk.open(at(path), options),
    list: (path) => disk.list(at(path)),
    makeDirectory: (path) => disk.makeDirectory(at(path)),
    rename: (from, to) => disk.rename(at(from), at(to)),
    remove: (path) => disk.remove(at(path)),
    removeDirectory: (path) => disk.removeDirectory(at(path)),
    syncDirectory: (path) => disk.syncDirectory(at(path)),
    existsNow: (path) => disk.existsNow(at(path)),
    lock: (path) => disk.lock(at(path)),
    watch: (path, changed) => disk.watch(at(path), changed),
  }
}

/** Builds each directory under another name, and renames it when it is done, as the real one does. */
export function directoriesOn(disk: Disk, parent: string): Directories {
  return {
    async begin(name) {
      if (await ensureDirectory(disk, parent)) await disk.syncDirectory('')
      const part = `${parent}/${name}.part`
      await disk.makeDirectory(part)
      return {
        disk: subDisk(disk, part),
        async commit() {
          await disk.syncDirectory(part)
          await disk.rename(part, `${parent}/${name}`)
          await disk.syncDirectory(parent)
        },
        // Left for whoever clears it: no scenario looks at it.
        discard: () => Promise.resolve(),
      }
    },
  }
}
