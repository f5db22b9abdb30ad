// Builds one block: entries in order, each key without what it shares with the key before it.
//   entry = shared (varint, bytes) · suffix length (varint) · value length + 1, or 0 for a tombstone (varint) · suffix · value
// Invariant: keys rise strictly, and what is stored comes back as the same text (halves of surrogate pairs are refused).

import { compareUtf8, isUtf8Text } from '../../core/utf8-order.ts'
import { assert, HoldfastError } from '../../errors.ts'

const headerBytesMax = 15

export class BlockBuilder {
  #bytes: Buffer
  #used = 0
  #key: Buffer = Buffer.allocUnsafe(256)
  #previous: Buffer = Buffer.allocUnsafe(256)
  #previousLength = 0
  #last: string | undefined

  constructor(blockBytes: number) {
    this.#bytes = Buffer.allocUnsafe(blockBytes * 2)
  }

  get length(): number {
    return this.#used
  }

  get lastKey(): string | undefined {
    return this.#last
  }

  /** `value` is text in a data block, an encoded pointer in an index block, null for a tombstone. */
  add(key: string, value: string | Uint8Array | null): void {
    assert(this.#last === undefined || compareUtf8(this.#last, key) < 0, 'keys of a table rise strictly')
    const keyLength = this.#encodeKey(key)
    const shared = this.#used === 0 ? 0 : sharedLength(this.#previous, this.#previousLength, this.#key, keyLength)
    const valueLength = value === null ? 0 : typeof value === 'string' ? textLength(value) : value.length
    this.#reserve(headerBytesMax + keyLength - shared + valueLength)
    this.#varint(shared)
    this.#varint(keyLength - shared)
    this.#varint(value === null ? 0 : valueLength + 1)
    this.#used += this.#key.copy(this.#bytes, this.#used, shared, keyLength)
    if (typeof value === 'string') this.#used += this.#bytes.write(value, this.#used)
    else if (value !== null) {
      this.#bytes.set(value, this.#used)
      this.#used += value.length
    }
    const spare = this.#previous
    this.#previous = this.#key
    this.#previousLength = keyLength
    this.#key = spare
    this.#last = key
  }

  /** The finished block, valid until the next add; the order of keys goes on across blocks. */
  take(): Uint8Array {
    const block = this.#bytes.subarray(0, this.#used)
    this.#used = 0
    return block
  }

  #encodeKey(key: string): number {
    if (this.#key.length < key.length * 3) this.#key = Buffer.allocUnsafe(key.length * 3)
    const length = this.#key.write(key)
    if (length !== key.length) mustBeUtf8(key)
    return length
  }

  #reserve(more: number): void {
    if (this.#used + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe((this.#used + more) * 2)
    this.#bytes.copy(larger, 0, 0, this.#used)
    this.#bytes = larger
  }

  #varint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#used++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#used++] = rest
  }
}

function sharedLength(a: Buffer, aLength: number, b: Buffer, bLength: number): number {
  const most = Math.min(aLength, bLength)
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}

function textLength(text: string): number {
  const length = Buffer.byteLength(text)
  if (length !== text.length) mustBeUtf8(text)
  return length
}

function mustBeUtf8(text: string): void {
  if (isUtf8Text(text)) return
  throw new HoldfastError(
    'INVALID_ARGUMENT',
    `text with half a surrogate pair cannot be stored: ${JSON.stringify(text)}`,
    {
      hint: 'Names and values are checked before they reach the tables; such text has no form in UTF-8.',
    },
  )
}
