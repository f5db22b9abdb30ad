// The one error type of Holdfast. Programs decide by `code`, people read `message` and `hint`;
// codes are stable and documented, messages are not part of the interface.

/** Every code that Holdfast can throw. */
export type ErrorCode =
  // Opening
  | 'NOT_A_JOURNAL'
  | 'JOURNAL_MISSING'
  | 'TARGET_IS_FILE'
  | 'UNKNOWN_SCHEME'
  | 'NEWER_FORMAT'
  | 'NO_PERMISSION'
  | 'LOCKED'
  | 'FOREIGN_FILE'
  // Integrity
  | 'DAMAGED'
  | 'RETAINED'
  // The life of a journal
  | 'CLOSED'
  | 'READ_ONLY'
  | 'LATCHED'
  | 'INDETERMINATE'
  | 'SUPERSEDED'
  | 'DISK_FULL'
  | 'IO'
  | 'UNAVAILABLE'
  // Appending
  | 'SEQ_CONFLICT'
  | 'COMMAND_CONFLICT'
  | 'LEASE_HELD'
  | 'LEASE_LOST'
  | 'QUEUE_FULL'
  | 'TOO_LARGE'
  | 'BLOB_MISSING'
  | 'OWNER_SILENT'
  // Arguments and payloads
  | 'INVALID_ARGUMENT'
  | 'INVALID_STREAM'
  | 'NOT_STORABLE'
  | 'TOO_DEEP'
  | 'UNKNOWN_TAG'
  | 'SCHEMA_MISMATCH'
  | 'UNKNOWN_VERSION'
  | 'CURSOR_INVALID'
  | 'CURSOR_RESET'
  // Moving journals
  | 'IMPORT_INVALID'
  | 'MOVED'
  | 'COPY_UNFINISHED'
  | 'TARGET_NOT_EMPTY'
  | 'ABORTED'
  | 'UNSUPPORTED'
  // Runs
  | 'RUN_UNKNOWN'
  | 'RUN_ENDED'
  | 'RUN_TOO_DEEP'
  | 'RUN_CONFLICT'
  | 'RUN_OWNED'
  | 'RUN_DIVERGED'
  | 'RUN_CANCELLED'
  | 'RUN_NOT_PARKED'
  | 'STEP_TIMEOUT'
  // A defect of Holdfast itself
  | 'ASSERTION'

/** Codes with which the same call can succeed later. */
const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'LOCKED',
  'INDETERMINATE',
  'DISK_FULL',
  'UNAVAILABLE',
  'SEQ_CONFLICT',
  'LEASE_HELD',
  'QUEUE_FULL',
  'OWNER_SILENT',
  'ABORTED',
  'RUN_OWNED',
])

/** What an error is about, for programs: which file, offset, stream, seq, path in a payload … */
export type ErrorDetails = Readonly<Record<string, unknown>>

export interface ErrorExtras {
  readonly hint?: string
  readonly cause?: unknown
  readonly details?: ErrorDetails
}

export class HoldfastError extends Error {
  override readonly name: 'HoldfastError' = 'HoldfastError'
  readonly code: ErrorCode
  /** What an operator or developer can do about it. */
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.code = code
    this.hint = extras.hint
    this.retryable = retryableCodes.has(code)
    this.details = extras.details ?? {}
  }
}

/** Narrow an unknown caught value to a HoldfastError, optionally with one of these codes. */
export function isHoldfastError(value: unknown, ...codes: readonly ErrorCode[]): value is HoldfastError {
  return value instanceof HoldfastError && (codes.length === 0 || codes.includes(value.code))
}

/** A branch that no input and no fault may reach: reaching it is a defect, and the instance must not go on. */
export function never(why: string): never {
  throw new HoldfastError('ASSERTION', `internal assertion failed: ${why}`, {
    hint: 'This is a defect in Holdfast. The journal on disk is as it was at the last acknowledgement; close and reopen it.',
  })
}

/** An assertion that is always on. `why` states the invariant. */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) never(why)
}
