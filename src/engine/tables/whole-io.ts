// Reads and writes that are whole: a short count is normal for a disk, and these loop over it.

import type { DiskFile } from '../../disks/disk.ts'
import { diskError } from '../../disks/disk-error.ts'

/** Fills `into` from the offset on; fewer bytes only where the file ends. Returns how many. */
export async function readWhole(file: DiskFile, into: Uint8Array, at: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const count = await file.read(into.subarray(done), at + done)
    if (count === 0) break
    done += count
  }
  return done
}

export async function writeWhole(file: DiskFile, from: Uint8Array, at: number): Promise<void> {
  let done = 0
  while (done < from.length) {
    const count = await file.write(from.subarray(done), at + done)
    if (count === 0) throw diskError('EIO', 'write', '', 'the disk took no byte and gave no reason')
    done += count
  }
}
