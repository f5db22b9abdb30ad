// A disk that is memory, for tests: same rules, no durability, so syncing does nothing.

import type { Disk } from './disk.ts'
import { newDirectory } from './file-tree.ts'
import { TreeDisk } from './tree-disk.ts'

export function memoryDisk(label: string = 'memory'): Disk {
  const done = (): void => undefined
  const nothing = (): (() => void) => done
  return new TreeDisk({
    label,
    lockMechanism: 'memory',
    root: newDirectory(),
    perform: (call, act) => act(call.bytes ?? 0),
    checkAlive: nothing,
    effects: {
      wrote: nothing,
      resized: nothing,
      syncedFile: nothing,
      changedEntry: nothing,
      renamed: nothing,
      removedDirectory: nothing,
      syncedDirectory: nothing,
    },
  })
}
