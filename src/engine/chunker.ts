// Cuts content into chunks where the content itself says so: a rolling hash over the last 32 bytes decides, so after an
// insertion or a change the cuts soon fall at the same bytes again, and the chunks behind are the same as before.
// Where cuts fall is no part of the format (a blob's record lists its chunks), but the same content must give the
// same chunks within a release, or nothing would be shared.
//
// Invariants: the chunks in order are the content; all but the last have min to max bytes; where a cut falls doesn't
// depend on how the content was sliced when it was pushed.

import { assert } from '../errors.ts'
import { limits } from '../limits.ts'

export interface ChunkSizes {
  readonly min: number
  readonly average: number
  readonly max: number
}

const defaultSizes: ChunkSizes = {
  min: limits.chunkBytesMin,
  average: limits.chunkBytesAverage,
  max: limits.chunkBytesMax,
}

/** One pseudo-random number per byte value. */
const gear: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => scrambled(byte + 1))

/** A bijection of 32-bit numbers in which each bit of the input changes about half of the output's. */
function scrambled(value: number): number {
  let mixed = Math.imul(value, 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

export class Chunker {
  readonly #min: number
  readonly #average: number
  readonly #max: number
  /** A cut falls where these bits of the hash are zero: more bits before the average size, fewer behind it, so that
   * sizes gather around it. The top bits are the ones that all of the last 32 bytes went into. */
  readonly #strict: number
  readonly #loose: number
  readonly #pending: Buffer
  #filled = 0
  #hash = 0

  constructor(sizes: ChunkSizes = defaultSizes) {
    const { min, average, max } = sizes
    assert(min > 0 && min < average && average < max, 'chunk sizes rise from min over average to max')
    this.#min = min
    this.#average = average
    this.#max = max
    const bits = Math.round(Math.log2(average))
    this.#strict = topBits(bits + 1)
    this.#loose = topBits(bits - 1)
    this.#pending = Buffer.allocUnsafe(max)
  }

  /** The chunks that are whole now, each in memory of its own. */
  *push(content: Uint8Array): Generator<Buffer, void, undefined> {
    for (let at = 0; at < content.length; ) {
      const room = Math.min(content.length, at + this.#max - this.#filled)
      const end = this.#cutIn(content, at, room)
      this.#pending.set(content.subarray(at, Math.abs(end)), this.#filled)
      this.#filled += Math.abs(end) - at
      at = Math.abs(end)
      if (end < 0 || this.#filled === this.#max) yield this.#take()
    }
  }

  /** What is left when the content has ended. */
  end(): Buffer | undefined {
    return this.#filled === 0 ? undefined : this.#take()
  }

  #take(): Buffer {
    const chunk = Buffer.from(this.#pending.subarray(0, this.#filled))
    this.#filled = 0
    this.#hash = 0
    return chunk
  }

  /** Where the next cut falls in content[from, to), negated; `to` when none does. */
  #cutIn(content: Uint8Array, from: number, to: number): number {
    const start = from - this.#filled
    let at = Math.min(to, Math.max(from, start + this.#min))
    let hash = this.#hash
    for (const [mask, end] of [
      [this.#strict, Math.min(to, start + this.#average)],
      [this.#loose, to],
    ] as const) {
      for (; at < end; at++) {
        hash = ((hash << 1) + (gear[content[at] as number] as number)) | 0 // below the length; a byte has 256 values
        if ((hash & mask) === 0) return -(at + 1)
      }
    }
    this.#hash = hash
    return to
  }
}

function topBits(count: number): number {
  return -1 << (32 - count)
}
