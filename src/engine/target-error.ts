// What the file system says of a directory that is to be made, as whoever named it needs it.

import { errorCodeOf } from '../disks/disk-error.ts'
import { HoldfastError } from '../errors.ts'

export interface NamedTarget {
  readonly what: 'backup' | 'import' | 'copy'
  /** As the user gave it. */
  readonly to: string
}

export async function onTarget<T>(named: NamedTarget, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw targetError(error, named)
  }
}

function targetError(error: unknown, named: NamedTarget): unknown {
  const { what, to } = named
  switch (errorCodeOf(error)) {
    case 'ENOTEMPTY':
    case 'EEXIST':
      return new HoldfastError('TARGET_NOT_EMPTY', `${to} is not empty`, {
        hint: `Choose a directory that is empty or not there yet; ${what === 'import' ? 'an' : 'a'} ${what} never overwrites.`,
        cause: error,
      })
    case 'ENOTDIR':
      return new HoldfastError('TARGET_IS_FILE', `${to} is a file, or lies below one`, {
        hint: 'Choose a directory that is empty or not there yet.',
        cause: error,
      })
    case 'ENOENT':
      return new HoldfastError('INVALID_ARGUMENT', `the directory that is to hold ${to} is not there`, {
        hint: 'Create it first.',
        cause: error,
      })
    case 'EBUSY':
      return new HoldfastError('LOCKED', `another process is at work on the ${what} at ${to}`, {
        hint: 'Wait for it, or choose another directory.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HoldfastError('NO_PERMISSION', `no permission to write at ${to}`, {
        hint: 'Check who owns the directory above it.',
        cause: error,
      })
    default:
      return fullError(error, named)
  }
}

/** What went wrong while the directory was made. */
export function fullError(error: unknown, { what, to }: NamedTarget): unknown {
  const code = errorCodeOf(error)
  if (error instanceof HoldfastError || code === undefined) return error
  if (code !== 'ENOSPC' && code !== 'EDQUOT') {
    const message = error instanceof Error ? error.message : String(error)
    return new HoldfastError('IO', `the ${what} to ${to} failed: ${message}`, { cause: error })
  }
  return new HoldfastError('DISK_FULL', `no room for the ${what} at ${to}`, {
    hint: 'Free some space there, or choose another disk.',
    cause: error,
  })
}
