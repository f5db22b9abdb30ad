// Randomness as a port, for the same reason as the clock (G12).

import { randomBytes } from 'node:crypto'

export interface Random {
  /** Lower-case hexadecimal text of `byteCount` random bytes. */
  hex(byteCount: number): string
}

export const systemRandom: Random = {
  hex: (byteCount) => randomBytes(byteCount).toString('hex'),
}
