// From a path to the file store in it: the part of opening that knows the real file system and this process.

import { mkdir, open as openFile, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { errorCodeOf } from './disks/disk-error.ts'
import { nodeDirectories } from './disks/node-directories.ts'
import { nodeDisk } from './disks/node-disk.ts'
import { HoldfastError, isHoldfastError } from './errors.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { type Random, systemRandom } from './host/random.ts'
import type { FileStore } from './stores/file/file-store.ts'
import { type FileOpenOptions, openFileStore } from './stores/file/open-file-store.ts'

export interface DirectoryOptions {
  readonly readOnly?: boolean
  readonly takeover?: boolean
  readonly create?: 'if-missing' | 'never' | 'exclusive'
  readonly segmentBytes?: number
  readonly progress?: NonNullable<FileOpenOptions['progress']>
  readonly clock?: Clock
  readonly random?: Random
  /** How often a lock that is held is asked for again. Somebody who only looks whether there is an owner holds it for a
   * moment, and an agent that just restarts shall not fail by that. */
  readonly lockAttempts?: number
  /** Also where it is marked as moved: for copying alone. */
  readonly evenMoved?: boolean
}

const lockAttemptsDefault = 4
const lockRetryMs = 60

export async function openDirectory(path: string, options: DirectoryOptions): Promise<FileStore> {
  const directory = resolve(path)
  const { clock = systemClock, random = systemRandom, lockAttempts = lockAttemptsDefault, ...rest } = options
  const { readOnly, create } = rest
  if (readOnly !== true && create !== 'never') await makeDirectories(directory)
  for (let attempt = 1; ; attempt++) {
    try {
      return await openOnce(directory, { ...rest, clock, random })
    } catch (error) {
      if (attempt >= lockAttempts || !isHoldfastError(error, 'LOCKED')) throw error
      await new Promise((resolve) => setTimeout(resolve, lockRetryMs))
    }
  }
}

function openOnce(
  directory: string,
  options: Omit<FileOpenOptions, 'disk' | 'directories' | 'process'>,
): Promise<FileStore> {
  return openFileStore({
    ...options,
    disk: nodeDisk(directory),
    directories: nodeDirectories,
    process: { pid: process.pid, host: hostname() },
  })
}

/** Creates what is missing of the path, durably: each new name is synced into its parent. */
export async function makeDirectories(directory: string): Promise<void> {
  const missing: string[] = []
  for (let at = directory; !(await isThere(at)); at = dirname(at)) missing.push(at)
  for (const path of missing.reverse()) {
    try {
      await mkdir(path)
    } catch (error) {
      if (errorCodeOf(error) !== 'EEXIST') throw pathError(path, error)
    }
    await syncDirectory(dirname(path))
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT' && dirname(path) !== path) return false
    throw pathError(path, error)
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return // there a directory can't be opened for syncing
  const handle = await openFile(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function pathError(path: string, error: unknown): HoldfastError {
  const code = errorCodeOf(error)
  if (code === 'ENOTDIR') {
    return new HoldfastError('TARGET_IS_FILE', `a part of ${path} is a file, not a directory`, {
      hint: 'Choose another path, or move that file away.',
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new HoldfastError('NO_PERMISSION', `no permission to create ${path}`, {
      hint: 'Check who owns the parent directory, and as whom this process runs.',
      cause: error,
    })
  }
  return new HoldfastError('IO', `creating ${path} failed: ${(error as Error).message}`, { cause: error })
}
