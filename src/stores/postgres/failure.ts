// What an error of the driver or the server means: whether something may have been stored, and whether the same again can
// succeed. Decided by SQLSTATE (five characters, the same in every language and version).

import { type ErrorCode, HoldfastError } from '../../errors.ts'
import { SqlFailure } from '../sql/backend.ts'

interface Meaning {
  readonly code: ErrorCode
  /** The same call may succeed in a while. */
  readonly transient: boolean
  readonly hint?: string
}

const unreachable: Meaning = {
  code: 'UNAVAILABLE',
  transient: true,
  hint: 'Check that the server runs and can be reached; the journal goes on by itself once it can.',
}
const busy: Meaning = { code: 'LOCKED', transient: true, hint: 'Another process was in the way; try again.' }
/** The server has waited, or worked, for as long as it may: waiting again is up to the caller. */
const tooLong: Meaning = { code: 'LOCKED', transient: false, hint: 'Another process held the journal for too long.' }
const refused: Meaning = {
  code: 'NO_PERMISSION',
  transient: false,
  hint: 'Check user, password and the rights that docs/POSTGRES.md lists.',
}
const broken: Meaning = { code: 'IO', transient: false, hint: "See the cause, and the server's log." }

/** By SQLSTATE, or by its first two characters. */
const meanings: Readonly<Record<string, Meaning>> = {
  '08': unreachable,
  // The server is shutting down, was killed, or starts.
  '57P': unreachable,
  // Too many connections.
  '53300': unreachable,
  // A server that only reads: a standby, or one that has become one.
  '25006': unreachable,
  // Ended because it sat still in a transaction, for too long.
  '25P03': unreachable,
  '55P03': tooLong,
  '57014': tooLong,
  '40001': busy,
  '40P01': busy,
  '28': refused,
  '42501': refused,
  '3D000': { code: 'JOURNAL_MISSING', transient: false, hint: 'Create the database first.' },
  '53100': { code: 'DISK_FULL', transient: true, hint: 'Make room on the disk of the database server.' },
  XX001: { code: 'DAMAGED', transient: false, hint: 'The server found a damaged page: restore a backup.' },
  XX002: { code: 'DAMAGED', transient: false, hint: 'The server found a damaged index: REINDEX, then verify().' },
}

/** Codes of Node for a connection that is not or no longer there. */
const socketCodes = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENETDOWN|EADDRNOTAVAIL)/

/** The failure, with nothing stored. */
export function failureOf(error: unknown, label: string): SqlFailure {
  if (error instanceof SqlFailure) return error
  const { code, transient, hint } = meaningOf(error)
  const told = new HoldfastError(code, `${label}: ${(error as Error).message}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { file: label, sqlState: stateOf(error) },
    cause: error,
  })
  return new SqlFailure(told, { outcome: 'not-done', transient, latches: false })
}

/** The connection went while a commit was on its way, and nothing could be found out about it. */
export function unknownOutcome(cause: unknown, label: string): SqlFailure {
  const error = new HoldfastError('INDETERMINATE', `${label}: the connection was lost while a commit was on its way`, {
    hint: 'reopen(), then send it again with the same command id: it takes effect once.',
    details: { file: label },
    cause,
  })
  return new SqlFailure(error, { outcome: 'unknown', transient: false, latches: true })
}

/** Somebody ended the server's wait for its standby: what it committed is not safe yet. */
export function unreplicatedFailure(label: string): SqlFailure {
  const cancelled = Object.assign(new Error('a commit did not wait for the standby'), { code: '57P00' })
  return failureOf(cancelled, label)
}

/** The journal's head row is not there any more. */
export function journalGone(): HoldfastError {
  return new HoldfastError('JOURNAL_MISSING', 'the journal was removed from the database', {
    hint: 'Restore it from a backup, or open it anew.',
  })
}

function meaningOf(error: unknown): Meaning {
  const state = stateOf(error)
  // The driver's own: no password where the server asks for one, or not the one that it knows.
  if (state === undefined && String((error as Error).message).startsWith('SASL')) return refused
  if (state === undefined) return unreachable
  if (socketCodes.test(state)) return unreachable
  return meanings[state] ?? meanings[state.slice(0, 3)] ?? meanings[state.slice(0, 2)] ?? broken
}

/** Undefined when the error is the driver's own: nearly all of those say that the connection is not usable. */
function stateOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown }).code
  return typeof code === 'string' ? code : undefined
}
