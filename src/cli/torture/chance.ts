// Repeatable chance from a seed: SHA-256 over a counter. Not for secrets.

import { createHash } from 'node:crypto'

export interface Chance {
  /** A whole number from 0 to `bound` - 1; 0 when the bound is. */
  below(bound: number): number
  bytes(count: number): Buffer
}

export function chanceFrom(seed: number): Chance {
  let drawn = 0
  const draw = (): Buffer => createHash('sha256').update(`${seed}:${drawn++}`).digest()
  return {
    below: (bound) => (bound <= 0 ? 0 : draw().readUIntBE(0, 6) % bound),
    bytes: (count) => Buffer.concat(Array.from({ length: Math.ceil(count / 32) }, draw)).subarray(0, count),
  }
}
