// The payload codec: user values to readable JSON text and back. What JSON lacks is written as a tagged form, an object
// whose key starts with `$`; a user's own key that starts with `$` gets one more, so that data never turns into a form:
//
//   {"$bytes":"<base64>"}   {"$date":"<ISO 8601>"}   {"$bigint":"123"}   {"$map":[[k,v],…]}   {"$set":[…]}
//   {"$undefined":true}     {"$error":{"name","message","stack"?,"cause"?,"errors"?,"props"?}}
//   {"$blob":"<sha256>","bytes":n}     {"$<tag>":…} of a custom codec
//
// Invariant: a value comes back equal, or is refused with the path of the culprit; never is something silently left
// out. Knowingly not kept: object identity, prototypes null, Buffer (it comes back as Uint8Array), the class of an
// error that isn't built in, and whether a property of an Error was enumerable where the form has a field for it.

import { HoldfastError } from '../errors.ts'
import type { CustomCodec } from './custom-codec.ts'
import { builtInReaders, type FormReader, PayloadDecoder, unreadable } from './payload-decode.ts'
import { PayloadEncoder } from './payload-encode.ts'
import { isPlain } from './payload-plain.ts'

export interface EncodedPayload {
  /** JSON text without raw newlines. */
  readonly text: string
  /** Digests of the blobs that it names, each once. */
  readonly blobs: readonly string[]
}

export interface PayloadCodec {
  /** Throws NOT_STORABLE or TOO_DEEP, with the culprit's path in `details.path`. `what` begins the path. */
  encode(value: unknown, what: 'data' | 'meta'): EncodedPayload
  /** Takes a value that was just parsed from JSON, and changes it in place. Throws UNKNOWN_TAG or TOO_DEEP. */
  decode(parsed: unknown): unknown
}

export type { CustomCodec }

const noBlobs: readonly string[] = Object.freeze([])
const tagPattern = /^[a-z][a-z0-9-]*$/

export function createPayloadCodec(codecs: readonly CustomCodec[] = []): PayloadCodec {
  const own = [...codecs]
  const decoder = new PayloadDecoder(readersWith(own))
  return {
    encode(value, what) {
      if (isPlain(value, 0)) return { text: JSON.stringify(value), blobs: noBlobs }
      const encoder = new PayloadEncoder(own, what)
      const text = encoder.encode(value)
      return { text, blobs: encoder.blobs() }
    },
    decode: (parsed) => decoder.decode(parsed, 0),
  }
}

/** Whether this JSON text can hold a form or an escape: if not, what JSON.parse gives is the value. */
export function needsDecode(text: string): boolean {
  return text.includes('"$')
}

function readersWith(codecs: readonly CustomCodec[]): ReadonlyMap<string, FormReader> {
  const readers = new Map(builtInReaders)
  for (const codec of codecs) {
    if (!tagPattern.test(codec.tag)) {
      throw new HoldfastError('INVALID_ARGUMENT', `codec tag ${JSON.stringify(codec.tag)} is malformed`, {
        hint: 'A tag begins with a lower-case letter and goes on with lower-case letters, digits and hyphens.',
      })
    }
    if (readers.has(codec.tag)) {
      throw new HoldfastError('INVALID_ARGUMENT', `codec tag "${codec.tag}" is already taken`, {
        hint: `Choose a tag that no other codec has, and none of: ${[...builtInReaders.keys()].join(', ')}.`,
      })
    }
    readers.set(codec.tag, customReader(codec))
  }
  return readers
}

function customReader(codec: CustomCodec): FormReader {
  return (content, inner) => {
    const plain = inner(content)
    try {
      return codec.decode(plain)
    } catch (cause) {
      throw unreadable(codec.tag, cause)
    }
  }
}
