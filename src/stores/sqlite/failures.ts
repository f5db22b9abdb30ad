// What SQLite says, as the port's failures. Codes are SQLite's primary result codes.
//
//   BUSY, LOCKED         somebody else writes: certainly not done, and it passes
//   FULL                 certainly not done: a transaction whose last frame could not be written whole isn't one
//   IOERR, NOMEM         outside a commit not done; inside, its frames may be in the log and be found after a crash. The
//                        disk can't be trusted either way: latched
//   CORRUPT, NOTADB      DAMAGED; so are tables that are not those of the schema (ERROR) and rows that break its rules
//   READONLY, PERM, …    not done, and trying again changes nothing

import { HoldfastError } from '../../errors.ts'
import { type FailureFacts, SqlFailure } from '../sql/backend.ts'

const primary = {
  error: 1,
  perm: 3,
  busy: 5,
  locked: 6,
  nomem: 7,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  protocol: 15,
  toobig: 18,
  constraint: 19,
  mismatch: 20,
  auth: 23,
  notadb: 26,
} as const

/** undefined: it is no error of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

const notDone: FailureFacts = { outcome: 'not-done', transient: false, latches: false }

/** `inCommit`: the COMMIT had begun. */
export function sqliteFailure(error: unknown, label: string, inCommit: boolean): unknown {
  if (error instanceof HoldfastError || error instanceof SqlFailure) return error
  const code = sqliteCode(error)
  const message = error instanceof Error ? error.message : String(error)
  switch (code) {
    case primary.busy:
    case primary.locked:
    case primary.protocol: {
      const held = new HoldfastError('LOCKED', `another process has been writing to ${label} all the time`, {
        hint: 'Try again. If nothing else writes, look who holds the file open (lsof).',
        cause: error,
      })
      return new SqlFailure(held, { ...notDone, transient: true })
    }
    case primary.full: {
      const full = new HoldfastError('DISK_FULL', `no room to write to ${label}: ${message}`, {
        hint: 'Free some space (retain() helps too, once there is room for its own log), and try again.',
        cause: error,
      })
      return new SqlFailure(full, notDone)
    }
    case primary.ioerr:
    case primary.nomem: {
      const io = new HoldfastError('IO', `working on ${label} failed: ${message}`, {
        hint: 'Look at the cause, and at what the system says of the disk; reopen() when it is mended.',
        cause: error,
      })
      return new SqlFailure(io, { outcome: inCommit ? 'unknown' : 'not-done', transient: false, latches: true })
    }
    case primary.corrupt:
    case primary.notadb:
    case primary.error:
    case primary.toobig:
    case primary.constraint:
    case primary.mismatch:
      return new HoldfastError('DAMAGED', `${label} is damaged: ${message}`, {
        hint: 'Run verify() to see what is. Restore a backup.',
        details: { file: label, offset: undefined, kind: 'sqlite' },
        cause: error,
      })
    case primary.perm:
    case primary.auth:
    case primary.readonly:
    case primary.cantopen: {
      const denied = new HoldfastError('NO_PERMISSION', `${label} can't be opened or written: ${message}`, {
        hint: 'Check who owns the file and its directory: SQLite writes files beside it (-wal, -shm), also to read.',
        cause: error,
      })
      return new SqlFailure(denied, notDone)
    }
    default:
      return isOutOfRange(error) ? numberDamaged(label, error) : error
  }
}

/** A stored number that no number of ours can be. */
function isOutOfRange(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_OUT_OF_RANGE'
}

function numberDamaged(label: string, error: unknown): HoldfastError {
  return new HoldfastError('DAMAGED', `${label} is damaged: a number in it is larger than any that was stored`, {
    hint: 'Run verify() to see what else is. Restore a backup.',
    details: { file: label, offset: undefined, kind: 'sqlite' },
    cause: error,
  })
}
