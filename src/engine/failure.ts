// What goes wrong at the disk, in words and codes of ours: callers decide by code and never see a bare system error.

import type { Disk } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { HoldfastError } from '../errors.ts'

/** Whatever it was, as a reason to stop writing. */
export function failureOf(error: unknown, disk: Disk): HoldfastError {
  if (error instanceof HoldfastError) return error
  const code = errorCodeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new HoldfastError('DISK_FULL', `no room to write to ${disk.label}: ${message}`, {
        hint: 'Free some space (retain() after opening helps too), then reopen().',
        cause: error,
      })
    : new HoldfastError('IO', `working on ${disk.label} failed: ${message}`, {
        hint: 'Look at the cause, and at what the system says of the disk; reopen() when it is mended.',
        cause: error,
      })
}

/** The operating system's errors get a code of ours; all others are what they are. */
export function typedFailure(error: unknown, disk: Disk): unknown {
  return /^E[A-Z0-9]+$/.test(errorCodeOf(error) ?? '') ? failureOf(error, disk) : error
}

export function superseded(disk: Disk): HoldfastError {
  return new HoldfastError('SUPERSEDED', `another process has taken over ${disk.label}`, {
    hint: 'This process must not write any more. Open the journal anew to see what the other one did.',
  })
}

/** For whoever waited for a write that failed. */
export function indeterminate(failure: HoldfastError): HoldfastError {
  return new HoldfastError('INDETERMINATE', `the write failed: ${failure.message}`, {
    hint: 'It may or may not be in the journal. reopen() the journal, then look, or repeat it with the same command id.',
    cause: failure,
  })
}

/** For whoever comes after the failure: nothing of theirs was written. */
export function latched(failure: HoldfastError): HoldfastError {
  if (failure.code === 'CLOSED' || failure.code === 'SUPERSEDED') return failure
  return new HoldfastError('LATCHED', `the journal stopped after a failure: ${failure.message}`, {
    hint: 'Nothing was stored. Mend the cause (see the cause of this error) and call reopen().',
    cause: failure,
  })
}
