// A reference to a blob, as it stands inside a payload. It is a class of its own, so that a payload can't name a blob by
// accident: what looks like a reference but isn't one is stored as the plain object it is.
// Invariant: `digest` is the content's SHA-256 in 64 lower-case hexadecimal digits, `bytes` its exact length.

import { HoldfastError } from '../errors.ts'

const digestPattern = /^[0-9a-f]{64}$/

/** Whether this is a digest in the one form that is used everywhere. */
export function isBlobDigest(value: unknown): value is string {
  return typeof value === 'string' && digestPattern.test(value)
}

export class BlobRef {
  readonly digest: string
  readonly bytes: number

  constructor(digest: string, bytes: number) {
    if (!isBlobDigest(digest)) {
      throw new HoldfastError('INVALID_ARGUMENT', 'a blob digest must be 64 lower-case hexadecimal digits', {
        hint: 'Use the reference that storing the blob returned.',
      })
    }
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new HoldfastError('INVALID_ARGUMENT', `the length of blob ${digest} must be an integer of 0 or more`, {
        hint: 'Use the reference that storing the blob returned.',
        details: { digest },
      })
    }
    this.digest = digest
    this.bytes = bytes
    Object.freeze(this)
  }
}

export function isBlobRef(value: unknown): value is BlobRef {
  return value instanceof BlobRef
}
