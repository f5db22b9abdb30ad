// Chance that a replay repeats: numbers drawn from the seed that the run was created with, in the order of the calls.

import { createHash } from 'node:crypto'

export class RunChance {
  readonly #seed: string
  #drawn = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  number(): number {
    return this.#bytes().readUIntBE(0, 6) / 0x1_0000_0000_0000
  }

  uuid(): string {
    const bytes = this.#bytes().subarray(0, 16)
    // Version 4, variant 1, as RFC 9562 lays them out.
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
    const hex = bytes.toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }

  /** The seed of a run that this one starts. */
  seedFor(key: string): string {
    return createHash('sha256').update(`${this.#seed}/child/${key}`).digest('hex').slice(0, 32)
  }

  #bytes(): Buffer {
    this.#drawn += 1
    return createHash('sha256').update(`${this.#seed}/${this.#drawn}`).digest()
  }
}
