// Single files of the real file system. Any name that the system allows is taken, links included.

import { lstat, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { HoldfastError } from '../errors.ts'
import { errorCodeOf } from './disk-error.ts'
import type { Files, SourceFile } from './files.ts'
import { nodeDisk } from './node-disk.ts'

const readBytes = 262_144

export const nodeFiles: Files = { writeWhole, read }

/** Beside it as `.part`, synced, renamed, the directory synced. */
async function writeWhole<T>(
  path: string,
  options: { readonly overwrite: boolean },
  produce: (write: (bytes: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const target = resolve(path)
  const part = `${target}.part`
  if (!options.overwrite) await mustBeFree(target)
  try {
    await rm(part, { force: true }) // what a crash left
    const file = await open(part, 'wx')
    try {
      const result = await produce(async (bytes) => {
        // writeFile on a handle writes all of it from where the last write ended.
        await file.writeFile(bytes)
      })
      await file.sync()
      await file.close()
      if (!options.overwrite) await mustBeFree(target)
      await rename(part, target)
      await nodeDisk(dirname(target)).syncDirectory('')
      return result
    } catch (error) {
      await file.close().catch(() => undefined) // closed already, or the first failure matters more
      await rm(part, { force: true }).catch(() => undefined) // likewise; a part has no meaning
      throw error
    }
  } catch (error) {
    throw fileError(error, path, 'writing')
  }
}

async function mustBeFree(target: string): Promise<void> {
  try {
    await lstat(target)
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return
    throw fileError(error, target, 'writing')
  }
  throw new HoldfastError('TARGET_NOT_EMPTY', `${target} is there already`, {
    hint: 'Choose another path, or say overwrite: true.',
  })
}

async function read(path: string): Promise<SourceFile> {
  try {
    const found = await stat(path)
    if (!found.isFile()) {
      throw new HoldfastError('INVALID_ARGUMENT', `${path} is ${found.isDirectory() ? 'a directory' : 'no file'}`, {
        hint: 'Give the file that an export wrote. A journal or a backup is a directory, and is opened as it is.',
      })
    }
    return { bytesTotal: found.size, bytes: bytesOf(path) }
  } catch (error) {
    throw fileError(error, path, 'reading')
  }
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open(path, 'r')
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(readBytes)
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } catch (error) {
    throw fileError(error, path, 'reading')
  } finally {
    await file.close()
  }
}

function fileError(error: unknown, path: string, doing: 'reading' | 'writing'): unknown {
  if (error instanceof HoldfastError) return error
  const code = errorCodeOf(error)
  switch (code) {
    case undefined:
      return error
    case 'ENOENT':
    case 'ENOTDIR':
      return new HoldfastError(
        'INVALID_ARGUMENT',
        `there is no ${doing === 'reading' ? 'file' : 'place for'} ${path}`,
        {
          hint: doing === 'reading' ? 'Check the path.' : 'Create its directory first.',
          cause: error,
        },
      )
    case 'EISDIR':
      return new HoldfastError('INVALID_ARGUMENT', `${path} is a directory`, { hint: 'Give a file.', cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HoldfastError('NO_PERMISSION', `no permission for ${doing} ${path}`, {
        hint: 'Check who owns the file and its directory.',
        cause: error,
      })
    case 'ENOSPC':
    case 'EDQUOT':
      return new HoldfastError('DISK_FULL', `no room for ${path}`, { hint: 'Free some space.', cause: error })
    default:
      return new HoldfastError('IO', `${doing} ${path} failed: ${(error as Error).message}`, { cause: error })
  }
}
