// Where a simulated journal's backups go: directories in memory, which are there when they are committed.

import type { Directories } from '../../src/disks/directories.ts'
import type { Disk } from '../../src/disks/disk.ts'
import { memoryDisk } from '../../src/disks/memory-disk.ts'

export interface MemoryDirectories extends Directories {
  /** What was committed under this name. */
  taken(path: string): Disk | undefined
  /** How many were begun so far. */
  readonly begun: number
}

export function memoryDirectories(): MemoryDirectories {
  const committed = new Map<string, Disk>()
  let begun = 0
  return {
    get begun() {
      return begun
    },
    taken: (path) => committed.get(path),
    async begin(path) {
      begun++
      const disk = memoryDisk(path)
      return {
        disk,
        commit: async () => void committed.set(path, disk),
        discard: async () => undefined,
      }
    },
  }
}
