// What may be a name. Names are data: no character has a meaning in them, and none ever reaches a file system as a path,
// so '../x', '/' and 'con' are as good as any. Refused is only what can't be kept or shown faithfully: control
// characters, lone surrogates (they have no UTF-8), and more bytes than every store can index.
// Invariant: a name that passed here has a UTF-8 form of 1 to the limit's bytes, and that form gives the name back.

import { type ErrorCode, HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'

interface NameRule {
  readonly code: ErrorCode
  readonly what: string
  readonly bytesMax: number
}

// Printable ASCII within the limit needs no closer look, and nearly every name is that.
const shortStream = new RegExp(`^[ -~]{1,${limits.streamNameBytesMax}}$`)
const shortName = new RegExp(`^[ -~]{1,${limits.nameBytesMax}}$`)

/** Throws INVALID_STREAM. */
export function checkStreamName(name: unknown): asserts name is string {
  if (typeof name === 'string' && shortStream.test(name)) return
  checkClosely(name, { code: 'INVALID_STREAM', what: 'stream name', bytesMax: limits.streamNameBytesMax })
}

/** For every other name: `what` says which ('event type', 'command id', 'lease', …). Throws INVALID_ARGUMENT. */
export function checkName(name: unknown, what: string): asserts name is string {
  if (typeof name === 'string' && shortName.test(name)) return
  checkClosely(name, { code: 'INVALID_ARGUMENT', what, bytesMax: limits.nameBytesMax })
}

function checkClosely(name: unknown, rule: NameRule): void {
  if (typeof name !== 'string') throw refusal(rule, `must be a string, not ${name === null ? 'null' : typeof name}`)
  if (name === '') throw refusal(rule, 'is empty')
  const bytes = Buffer.byteLength(name, 'utf8')
  if (bytes > rule.bytesMax) {
    throw refusal(rule, `is ${bytes} bytes of UTF-8 long, the limit is ${rule.bytesMax}`, { bytes })
  }
  for (let index = 0; index < name.length; index += 1) {
    const unit = name.charCodeAt(index)
    if (isControl(unit)) throw refusal(rule, `has a control character, ${hex(unit)}, at index ${index}`, { index })
    if (!isSurrogate(unit)) continue
    const point = name.codePointAt(index)
    if (point === undefined || point <= 0xffff) {
      throw refusal(rule, `has half of a surrogate pair, ${hex(unit)}, at index ${index}`, { index })
    }
    // The other half of a whole pair.
    index += 1
  }
}

function isControl(unit: number): boolean {
  return unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

function hex(unit: number): string {
  return `U+${unit.toString(16).toUpperCase().padStart(4, '0')}`
}

function refusal(rule: NameRule, problem: string, details: Readonly<Record<string, unknown>> = {}): HoldfastError {
  return new HoldfastError(rule.code, `the ${rule.what} ${problem}`, {
    hint: `Use 1 to ${rule.bytesMax} bytes of UTF-8 without control characters; otherwise any Unicode.`,
    details: { ...details, what: rule.what },
  })
}
