// Reading and writing with the loops that the operating system demands: counts may be short, and an error
// means what it says. Whole files get their names only after their content is durable.

import type { Disk, DiskFile } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'

/** The `code` of an operating system's error. */
export function errorCodeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}

/** Reads exactly into.length bytes, or fewer at the end of the file; returns the count. */
export async function readFully(file: DiskFile, into: Uint8Array, at: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const count = await file.read(done === 0 ? into : into.subarray(done), at + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Writes all of `from`, however the disk slices it. */
export async function writeFully(file: DiskFile, from: Uint8Array, at: number): Promise<void> {
  let done = await file.write(from, at)
  let stalled = 0
  while (done < from.length) {
    const count = await file.write(from.subarray(done), at + done)
    stalled = count === 0 ? stalled + 1 : 0
    // A disk that takes nothing, again and again, without saying why: full, as far as we can tell.
    if (stalled > 3) throw Object.assign(new Error('write made no progress'), { code: 'ENOSPC' })
    done += count
  }
}

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
