// Files and folders as a whole, where an error means what it says: what isn't there, or is there already, is an answer.
// Whole files get their names only after their content is durable.

import type { Disk, DiskFile } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { readFully, writeFully } from '../disks/whole-io.ts'
import { HoldfastError } from '../errors.ts'

/** All bytes of a file of at most `bytesMax`; undefined when there is no such file. */
export async function readWholeFile(disk: Disk, path: string, bytesMax: number): Promise<Buffer | undefined> {
  let file: DiskFile
  try {
    file = await disk.open(path, { mode: 'read' })
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const size = await file.size()
    if (size > bytesMax) {
      throw new HoldfastError(
        'FOREIGN_FILE',
        `${disk.label}/${path} has ${size} bytes, which Holdfast never writes there`,
        {
          hint: 'Something else wrote this file. Move it away and look at it.',
          details: { file: path },
        },
      )
    }
    const bytes = Buffer.allocUnsafe(size)
    return bytes.subarray(0, await readFully(file, bytes, 0))
  } finally {
    await file.close()
  }
}

/** Writes a new file under a temporary name, syncs it, renames it. The caller syncs the directory. */
export async function writeWholeFile(disk: Disk, path: string, content: Uint8Array): Promise<void> {
  const part = `${path}.part`
  await removeIfThere(disk, part)
  const file = await disk.open(part, { mode: 'write', create: 'exclusive' })
  try {
    await writeFully(file, content, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(part, path)
}

export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error
  }
}

/** Creates the directory unless it is there; true when it was made. */
export async function ensureDirectory(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.makeDirectory(path)
    return true
  } catch (error) {
    if (errorCodeOf(error) !== 'EEXIST') throw error
    return false
  }
}

/** Names of the directory's files; empty when there is no such directory. */
export async function listNames(disk: Disk, path: string): Promise<readonly string[]> {
  try {
    return (await disk.list(path)).map((entry) => entry.name)
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error
    return []
  }
}
