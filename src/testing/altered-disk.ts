// A disk, or a file of it, of which a test replaces single methods.

import type { Disk, DiskFile } from '../disks/disk.ts'

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

export function alteredFile(file: DiskFile, changes: Partial<DiskFile>): DiskFile {
  return {
    read: (into, at) => file.read(into, at),
    write: (from, at) => file.write(from, at),
    sync: () => file.sync(),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    close: () => file.close(),
    ...changes,
  }
}
