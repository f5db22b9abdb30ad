// A map that holds all keys while they are few, and a fair sample of them when they are many. Which keys are in the
// sample depends on the key alone, and the sample only ever shrinks: a key that is in it now was in it from the start,
// so what is known of it is complete.

import { crc32 } from 'node:zlib'

export class SampledMap<V> {
  readonly #entries: Map<string, V> = new Map()
  readonly #sizeMax: number
  /** Keys whose hash has a bit of this mask set are not in the sample. */
  #mask = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  get isSample(): boolean {
    return this.#mask !== 0
  }

  get size(): number {
    return this.#entries.size
  }

  covers(key: string): boolean {
    return this.#mask === 0 || (crc32(key) & this.#mask) === 0
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  set(key: string, value: V): void {
    if (!this.covers(key)) return
    this.#entries.set(key, value)
    while (this.#entries.size > this.#sizeMax) this.#thin()
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.#entries.entries()
  }

  #thin(): void {
    this.#mask = this.#mask * 2 + 1
    for (const key of this.#entries.keys()) if (!this.covers(key)) this.#entries.delete(key)
  }
}
