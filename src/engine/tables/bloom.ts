// A bloom filter per table: ten bits a key say "surely not here" for 99 of 100 keys that are not, without a read.
// One hash of the key serves all tables; the seven probes come from it by double hashing.
// Invariant: a key that was added is never denied.

const bitsPerKey = 10
const probes = 7

export interface KeyHash {
  readonly first: number
  readonly second: number
}

/** Two 32-bit lanes over the UTF-16 units: no encoding needed, and part of the file format. */
export function hashKey(key: string): KeyHash {
  let first = 0x2c1b3c6d ^ key.length
  let second = 0x297a2d39
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index)
    first = Math.imul(first ^ unit, 0x9e3779b1)
    first ^= first >>> 15
    second = Math.imul(second ^ unit, 0x85ebca77)
    second ^= second >>> 13
  }
  first = Math.imul(first ^ (second >>> 16), 0x7feb352d)
  second = Math.imul(second ^ (first >>> 15), 0x846ca68b)
  // An odd step never gets stuck in a filter whose size is a power of two.
  return { first: (first ^ (first >>> 16)) >>> 0, second: ((second ^ (second >>> 16)) | 1) >>> 0 }
}

/** `bits` are not empty, so that every probe (modulo their number) lies within them. */
export function bloomMayContain(bits: Uint8Array, hash: KeyHash): boolean {
  const bitCount = bits.length * 8
  let probe = hash.first
  for (let count = 0; count < probes; count++) {
    const bit = probe % bitCount
    if (((bits[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false
    probe = (probe + hash.second) >>> 0
  }
  return true
}

/** Collects the hashes when the number of keys is not known beforehand (8 bytes a key until finish). */
export class BloomBuilder {
  #bits: Uint8Array | undefined
  #hashes: Uint32Array = new Uint32Array(512)
  #used = 0

  /** `keysMax`: about how many keys will come at most; more only make the filter less sharp. */
  constructor(keysMax?: number) {
    if (keysMax !== undefined) this.#bits = emptyBloom(keysMax)
  }

  add(hash: KeyHash): void {
    if (this.#bits !== undefined) {
      setBits(this.#bits, hash.first, hash.second)
      return
    }
    if (this.#used === this.#hashes.length) {
      const larger = new Uint32Array(this.#hashes.length * 2)
      larger.set(this.#hashes)
      this.#hashes = larger
    }
    this.#hashes[this.#used] = hash.first
    this.#hashes[this.#used + 1] = hash.second
    this.#used += 2
  }

  finish(): Uint8Array {
    if (this.#bits !== undefined) return this.#bits
    const bits = emptyBloom(this.#used / 2)
    for (let index = 0; index < this.#used; index += 2) {
      setBits(bits, this.#hashes[index] as number, this.#hashes[index + 1] as number)
    }
    return bits
  }
}

function emptyBloom(keyCount: number): Uint8Array {
  return new Uint8Array(Math.max(8, Math.ceil((keyCount * bitsPerKey) / 8)))
}

function setBits(bits: Uint8Array, first: number, second: number): void {
  const bitCount = bits.length * 8
  let probe = first
  for (let count = 0; count < probes; count++) {
    const bit = probe % bitCount
    bits[bit >>> 3] = (bits[bit >>> 3] as number) | (1 << (bit & 7))
    probe = (probe + second) >>> 0
  }
}
