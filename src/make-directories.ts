// Directories that a path needs, made durably: for journals whose place is still to be made.

import { mkdir, open as openFile, readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCodeOf } from './disks/disk-error.ts'
import { HoldfastError } from './errors.ts'

/**
 * Creates what is missing of the path, durably: each new name is synced into its parent. So is that of an empty directory
 * which is there already: a process may have been killed, or a person is about to begin, between making and syncing it.
 */
export async function makeDirectories(directory: string): Promise<void> {
  const missing: string[] = []
  let at = directory
  for (; !(await isThere(at)); at = dirname(at)) missing.push(at)
  if (await isEmptyDirectory(at)) await syncDirectory(dirname(at))
  for (const path of missing.reverse()) {
    try {
      await mkdir(path)
    } catch (error) {
      if (errorCodeOf(error) !== 'EEXIST') throw pathError(path, error)
    }
    await syncDirectory(dirname(path))
  }
}

/** What can't be listed is somebody else's, and not new. */
async function isEmptyDirectory(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => undefined)
  return names?.length === 0
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

export async function syncDirectory(path: string): Promise<void> {
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
