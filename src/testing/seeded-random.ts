// The random port with a seed, so that a test's journals have the same ids and bytes every time (G12).

import type { Random } from '../host/random.ts'
import { prng } from './prng.ts'

export function seededRandom(seed: number): Random {
  const numbers = prng(seed)
  return {
    hex: (byteCount) => Buffer.from(Uint8Array.from({ length: byteCount }, () => numbers.below(256))).toString('hex'),
  }
}
