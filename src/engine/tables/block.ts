// A block as it is looked up and cached: keys as text (so that a lookup needs no encoding), values as bytes until they
// are asked for. Values are cut out as fresh text: a caller that keeps one does not keep the block.

import { compareUtf8 } from '../../core/utf8-order.ts'
import { decodePointer, type Pointer } from './pointer.ts'
import { TableDamaged } from './table-damaged.ts'

/** Where a block came from, for the message when it makes no sense. */
export interface BlockPlace {
  readonly file: string
  readonly offset: number
}

export class Block {
  readonly keys: readonly string[]
  /** About what this costs in memory. */
  readonly cost: number
  readonly #bytes: Buffer
  /** Start and end of each value; start -1 for a tombstone. */
  readonly #values: Int32Array
  readonly #place: BlockPlace

  constructor(bytes: Buffer, place: BlockPlace) {
    const decoded = decode(bytes, place)
    this.keys = decoded.keys
    this.cost = bytes.length + decoded.keyCost + decoded.values.byteLength
    this.#bytes = bytes
    this.#values = decoded.values
    this.#place = place
  }

  /** Index of the first key that is not before `key`; the number of keys when there is none. */
  lowerBound(key: string): number {
    let low = 0
    let high = this.keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      // In range: low <= middle < high <= length.
      if (compareUtf8(this.keys[middle] as string, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** `index` is that of a key. */
  value(index: number): string | null {
    const start = this.#values[index * 2] as number
    return start < 0 ? null : this.#bytes.toString('utf8', start, this.#values[index * 2 + 1])
  }

  /** In an index block: the child whose last key is the key at this index. */
  pointer(index: number): Pointer {
    const start = this.#values[index * 2] as number
    const pointer = start < 0 ? undefined : decodePointer(this.#bytes.subarray(start, this.#values[index * 2 + 1]))
    if (pointer === undefined)
      throw new TableDamaged(this.#place.file, this.#place.offset, 'the index entry is no pointer')
    return pointer
  }
}

function decode(bytes: Buffer, place: BlockPlace) {
  const keys: string[] = []
  const values: number[] = []
  let key = Buffer.allocUnsafe(256)
  let keyLength = 0
  let keyCost = 0
  let at = 0

  function varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new TableDamaged(place.file, place.offset, 'an entry of the block has no valid length')
  }

  while (at < bytes.length) {
    const shared = varint()
    const suffix = varint()
    const valueLength = varint() - 1
    const end = at + suffix + Math.max(0, valueLength)
    if (shared > keyLength || end > bytes.length) {
      throw new TableDamaged(place.file, place.offset, 'an entry of the block reaches beyond it')
    }
    if (key.length < shared + suffix) {
      const larger = Buffer.allocUnsafe((shared + suffix) * 2)
      key.copy(larger, 0, 0, shared)
      key = larger
    }
    bytes.copy(key, shared, at, at + suffix)
    keyLength = shared + suffix
    keys.push(key.toString('utf8', 0, keyLength))
    keyCost += keyLength + 40
    values.push(valueLength < 0 ? -1 : at + suffix, end)
    at = end
  }
  return { keys, keyCost, values: Int32Array.from(values) }
}
