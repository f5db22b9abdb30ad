// Why a writer stops, as whoever appends is told it.

import type { Disk } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import { errorCodeOf } from './whole-file.ts'

export function superseded(disk: Disk): HoldfastError {
  return new HoldfastError('SUPERSEDED', `another process has taken over ${disk.label}`, {
    hint: 'This process must not write any more. Open the journal anew to see what the other one did.',
  })
}

export function failureOf(error: unknown, disk: Disk): HoldfastError {
  if (error instanceof HoldfastError) return error
  const code = errorCodeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new HoldfastError('DISK_FULL', `no room to write to ${disk.label}: ${message}`, {
        hint: 'Free some space (retain() after opening helps too), then reopen().',
        cause: error,
      })
    : new HoldfastError('IO', `writing to ${disk.label} failed: ${message}`, { cause: error })
}
