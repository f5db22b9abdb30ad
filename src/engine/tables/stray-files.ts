// Files of the set's folder that no manifest lists: tables that were merged away, or never came to be listed. They are
// removed only while a durable manifest without them stands, so that a crash can never bring back one that lists them.

import type { Disk, DiskEntry } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'

const ownName = /^(?:(\d{8,})\.(?:table|part)|manifest\.json\.part)$/

export class StrayFiles {
  readonly #disk: Disk
  readonly #paths = new Set<string>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  add(path: string): void {
    this.#paths.add(path)
  }

  /** A file that cannot be removed stays on the list for the next time: it costs room, nothing else. */
  async remove(): Promise<void> {
    for (const path of this.#paths) {
      try {
        await this.#disk.remove(path)
        this.#paths.delete(path)
      } catch (error) {
        if (errorCodeOf(error) === 'ENOENT') this.#paths.delete(path)
      }
    }
  }
}

/** Files by their names as only a set of tables gives them. Anything else in the folder is not ours. */
export function ownFiles(entries: readonly DiskEntry[]): readonly string[] {
  return entries.filter((entry) => entry.kind === 'file' && ownName.test(entry.name)).map((entry) => entry.name)
}

/** The highest number that a name in the folder bears, whatever it names; 0 when there is none. */
export function highestNumber(entries: readonly DiskEntry[]): number {
  return entries.reduce((highest, entry) => Math.max(highest, Number(ownName.exec(entry.name)?.[1] ?? 0)), 0)
}
