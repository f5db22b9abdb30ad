// The content of a file in memory. Invariant: bytes at and past `size` are zero, so that growth shows zeros, as
// POSIX has it, and never what a cut has removed.

export class GrowingBytes {
  #bytes: Uint8Array
  #size: number

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.#bytes = content.slice()
    this.#size = content.length
  }

  get size(): number {
    return this.#size
  }

  read(into: Uint8Array, at: number): number {
    const found = this.#bytes.subarray(Math.min(at, this.#size), Math.min(at + into.length, this.#size))
    into.set(found)
    return found.length
  }

  write(from: Uint8Array, at: number): void {
    if (from.length === 0) return
    if (at + from.length > this.#size) this.resize(at + from.length)
    this.#bytes.set(from, at)
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2, 1024))
      larger.set(this.#bytes.subarray(0, this.#size))
      this.#bytes = larger
    } else if (size < this.#size) this.#bytes.fill(0, size, this.#size)
    this.#size = size
  }

  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size)
  }
}
