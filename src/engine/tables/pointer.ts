// Where a part of a table stands, and the checksum of what stands there. Checksums live in the pointers, not beside
// the bytes: the manifest vouches for the footer, the footer for the root block, each index block for its children.
// So a block that is whole but not the one meant (stale, swapped, of another table) is found like a flipped bit.

import { crc32 } from 'node:zlib'

export interface Pointer {
  readonly offset: number
  readonly length: number
  readonly sum: number
}

/** offset (6 bytes), length (4), CRC32 (4), all little-endian. */
export const pointerBytes = 14

export function pointerTo(bytes: Uint8Array, offset: number): Pointer {
  return { offset, length: bytes.length, sum: crc32(bytes) }
}

export function encodePointer(pointer: Pointer): Buffer {
  const bytes = Buffer.allocUnsafe(pointerBytes)
  bytes.writeUIntLE(pointer.offset, 0, 6)
  bytes.writeUInt32LE(pointer.length, 6)
  bytes.writeUInt32LE(pointer.sum, 10)
  return bytes
}

export function decodePointer(bytes: Buffer): Pointer | undefined {
  if (bytes.length !== pointerBytes) return undefined
  return { offset: bytes.readUIntLE(0, 6), length: bytes.readUInt32LE(6), sum: bytes.readUInt32LE(10) }
}

export function isPointer(value: unknown): value is Pointer {
  if (typeof value !== 'object' || value === null) return false
  const { offset, length, sum } = value as Partial<Record<keyof Pointer, unknown>>
  return isCount(offset) && isCount(length) && isCount(sum)
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
