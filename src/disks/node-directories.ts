// Directories of the real file system, made under a name of their own beside the one they are to have and renamed when
// they are whole. The part holds a locked file while it is made, so that what a crash left can be told from what
// another process is just making; the file goes along with the rename and is removed behind it.

import { lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Directories, NewDirectory } from './directories.ts'
import type { Disk, DiskLock } from './disk.ts'
import { diskError, errorCodeOf } from './disk-error.ts'
import { nodeDisk } from './node-disk.ts'

/** Ends in .part: a journal that still holds it after a crash takes it for what it is. */
const lockPath = 'backup.part'

export const nodeDirectories: Directories = nodeDirectoriesFor('backup')

/** The part is named for what is made of it. */
export function nodeDirectoriesFor(what: 'backup' | 'import'): Directories {
  return { begin: (path) => begin(path, what) }
}

async function begin(path: string, what: string): Promise<NewDirectory> {
  const target = await freeTarget(path)
  const part = `${target}.${what}-part`
  await makeUnlessThere(part)
  const disk = nodeDisk(part)
  const lock = await takeLock(disk, path)
  try {
    await removeContent(part)
  } catch (error) {
    await lock.release()
    throw error
  }
  return newDirectory({ target, part, disk, lock })
}

function newDirectory(made: {
  readonly target: string
  readonly part: string
  readonly disk: Disk
  readonly lock: DiskLock
}): NewDirectory {
  const { target, part, disk, lock } = made
  let at = part
  return {
    disk,
    async commit() {
      await disk.syncDirectory('')
      await rename(part, target)
      at = target
      await nodeDisk(dirname(target)).syncDirectory('')
      const whole = nodeDisk(target)
      await whole.remove(lockPath)
      await whole.syncDirectory('')
      await lock.release()
    },
    async discard() {
      await rm(at, { recursive: true, force: true })
      await lock.release()
    },
  }
}

/** The path without links, once it is certain that nothing stands there. */
async function freeTarget(path: string): Promise<string> {
  const full = resolve(path)
  try {
    const found = await readdir(full)
    if (found.length > 0) throw diskError('ENOTEMPTY', 'begin', path, `it holds ${found.slice(0, 3).join(', ')}`)
    return await realpath(full)
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error
  }
  // A link to nowhere stands there too.
  if ((await lstat(full).catch(absent)) !== undefined) throw diskError('ENOTDIR', 'begin', path, 'a link to nothing')
  return join(await realpath(dirname(full)), basename(full))
}

function absent(error: unknown): undefined {
  if (errorCodeOf(error) !== 'ENOENT') throw error
}

async function makeUnlessThere(part: string): Promise<void> {
  try {
    await mkdir(part)
  } catch (error) {
    if (errorCodeOf(error) !== 'EEXIST') throw error
  }
}

async function takeLock(disk: Disk, path: string): Promise<DiskLock> {
  const file = await disk.open(lockPath, { mode: 'write', create: 'maybe' })
  await file.close()
  const lock = await disk.lock(lockPath)
  if (lock === undefined) throw diskError('EBUSY', 'begin', path, 'another process is at work there')
  return lock
}

/** What an earlier attempt left when it was cut off. */
async function removeContent(part: string): Promise<void> {
  for (const name of await readdir(part)) {
    if (name !== lockPath) await rm(join(part, name), { recursive: true })
  }
}
