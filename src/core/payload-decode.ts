// Reading payloads back: turns the tagged forms in a parsed JSON value into what they stand for, and takes the escapes
// off keys. Works in place: the value was just parsed for this caller, and nobody else holds it.
// Invariants: a key that starts with one `$` is a tag and nothing else, since user keys are escaped; a form that is not
// exactly as the encoder writes it is refused; no key can set a prototype; recursion is bounded.

import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import { BlobRef, isBlobDigest } from './blob-ref.ts'
import { startsWithDollar } from './payload-plain.ts'

/** Makes a value from a form's content, or returns `malformed`. `inner` decodes what stands inside the content. */
export type FormReader = (content: unknown, inner: (value: unknown) => unknown, form: JsonObject) => unknown
type JsonObject = Record<string, unknown>

const malformed: unique symbol = Symbol('malformed')

/** A level of a user's value takes at most three levels of JSON ({"$map":[[k, v]]}), and a leaf's form one more. */
const jsonDepthMax = limits.depthMax * 3 + 1

const errorClasses: ReadonlyMap<unknown, new (message: string) => Error> = new Map([
  ['TypeError', TypeError],
  ['RangeError', RangeError],
  ['SyntaxError', SyntaxError],
  ['ReferenceError', ReferenceError],
  ['EvalError', EvalError],
  ['URIError', URIError],
])

export class PayloadDecoder {
  readonly #readers: ReadonlyMap<string, FormReader>

  constructor(readers: ReadonlyMap<string, FormReader>) {
    this.#readers = readers
  }

  /** `depth`: how many containers stand around this value. */
  decode(value: unknown, depth: number): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (depth >= jsonDepthMax) {
      throw new HoldfastError('TOO_DEEP', `a payload nests deeper than ${jsonDepthMax} levels of JSON`, {
        hint: 'Holdfast does not write such a payload; look where this one comes from.',
      })
    }
    if (!Array.isArray(value)) return this.#object(value as JsonObject, depth + 1)
    for (let index = 0; index < value.length; index += 1) value[index] = this.decode(value[index], depth + 1)
    return value
  }

  #object(object: JsonObject, depth: number): unknown {
    const names = Object.keys(object)
    let escaped = false
    for (const name of names) {
      if (startsWithDollar(name)) {
        if (!startsWithDollar(name.slice(1))) return this.#form(object, names, name.slice(1), depth)
        escaped = true
      }
      // Safe for `__proto__` too: JSON.parse made it an own property, and assigning to that doesn't reach the setter.
      object[name] = this.decode(object[name], depth)
    }
    if (!escaped) return object
    // fromEntries defines properties, it doesn't assign them: `__proto__` stays a key.
    return Object.fromEntries(names.map((name) => [startsWithDollar(name) ? name.slice(1) : name, object[name]]))
  }

  #form(form: JsonObject, names: readonly string[], tag: string, depth: number): unknown {
    const reader = this.#readers.get(tag)
    if (reader === undefined) {
      throw new HoldfastError('UNKNOWN_TAG', `a payload holds a form with the unknown tag "$${tag}"`, {
        hint: `Give the journal the codec for "${tag}" that this payload was written with.`,
        details: { tag },
      })
    }
    const inner = (value: unknown): unknown => this.decode(value, depth)
    const value = names.length === (tag === 'blob' ? 2 : 1) ? reader(form[`$${tag}`], inner, form) : malformed
    if (value === malformed) throw unreadable(tag)
    return value
  }
}

/** The error for a form whose tag is known but whose content is not what the encoder writes. */
export function unreadable(tag: string, cause?: unknown): HoldfastError {
  return new HoldfastError('UNKNOWN_TAG', `a payload holds a form "$${tag}" that can't be read`, {
    hint: 'It was not written by this codec. A plain object with such a key is stored with one more "$" before the key.',
    cause,
    details: { tag },
  })
}

export const builtInReaders: ReadonlyMap<string, FormReader> = new Map<string, FormReader>([
  ['undefined', (content) => (content === true ? undefined : malformed)],
  ['bigint', (content) => (isText(content) && /^(0|-?[1-9][0-9]*)$/.test(content) ? BigInt(content) : malformed)],
  ['date', readDate],
  ['bytes', readBytes],
  ['map', readMap],
  ['set', (content, inner) => (Array.isArray(content) ? new Set(inner(content) as unknown[]) : malformed)],
  ['error', readError],
  ['blob', readBlob],
])

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function readDate(content: unknown): unknown {
  if (!isText(content)) return malformed
  const date = new Date(content)
  return !Number.isNaN(date.getTime()) && date.toISOString() === content ? date : malformed
}

function readBytes(content: unknown): unknown {
  if (!isText(content)) return malformed
  const buffer = Buffer.from(content, 'base64')
  // Buffer.from skips what isn't base64; only what encodes back to the same text is. The copy has memory of its own.
  return buffer.toString('base64') === content ? new Uint8Array(buffer) : malformed
}

function readMap(content: unknown, inner: (value: unknown) => unknown): unknown {
  if (!Array.isArray(content)) return malformed
  if (!content.every((entry) => Array.isArray(entry) && entry.length === 2)) return malformed
  return new Map(inner(content) as [unknown, unknown][])
}

function readBlob(content: unknown, _inner: unknown, form: JsonObject): unknown {
  const bytes = form.bytes
  if (!isBlobDigest(content) || !Number.isSafeInteger(bytes)) return malformed
  return (bytes as number) >= 0 ? new BlobRef(content, bytes as number) : malformed
}

function readError(content: unknown, inner: (value: unknown) => unknown): unknown {
  if (!isObject(content)) return malformed
  const { name, message, stack, errors, props } = content
  if (!isText(name) || !isText(message)) return malformed
  if (stack !== undefined && !isText(stack)) return malformed
  if (errors !== undefined && !Array.isArray(errors)) return malformed
  if (props !== undefined && !isObject(props)) return malformed
  const error = makeError(name, message, errors === undefined ? undefined : (inner(errors) as unknown[]))
  hide(error, 'stack', stack)
  if (error.name !== name) hide(error, 'name', name)
  if (Object.hasOwn(content, 'cause')) hide(error, 'cause', inner(content.cause))
  if (props !== undefined) {
    for (const [key, value] of Object.entries(inner(props) as JsonObject)) {
      Object.defineProperty(error, key, { value, writable: true, enumerable: true, configurable: true })
    }
  }
  return error
}

function makeError(name: string, message: string, errors: readonly unknown[] | undefined): Error {
  if (errors !== undefined || name === 'AggregateError') return new AggregateError(errors ?? [], message)
  const ErrorClass = errorClasses.get(name) ?? Error
  return new ErrorClass(message)
}

function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, enumerable: false, configurable: true })
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
