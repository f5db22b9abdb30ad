// A disk of which a test replaces single methods.

import type { Disk } from '../disks/disk.ts'

export function alteredDisk(disk: Disk, changes: Partial<Disk>): Disk {
  return {
    label: disk.label,
    lockMechanism: disk.lockMechanism,
    open: (path, options) => disk.open(path, options),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    existsNow: (path) => disk.existsNow(path),
    lock: (path) => disk.lock(path),
    watch: (path, changed) => disk.watch(path, changed),
    ...changes,
  }
}
