// What an encoded event costs in a log, and its checksum: the same in every store, so figures and rules by size mean the
// same. Pure.

import { bodySum, hex8 } from './record.ts'

/** Beside its text: the checksum fields and the newline. */
export const lineOverheadBytes = 37

export function textBytes(text: string): number {
  return Buffer.byteLength(text) + lineOverheadBytes
}

export function sumOfText(text: string): string {
  return hex8(bodySum(text.slice(0, -1)))
}
