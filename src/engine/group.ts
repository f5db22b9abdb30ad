// A write group: the lines that go to disk in one write, and whom to tell when they are there. While one group is
// being written the next one is filled, so the processor and the disk work at the same time.

import type { ByteOffset, Position } from '../core/numbers.ts'
import { lineBytesMax, writeLine } from '../core/record.ts'
import { limits } from '../limits.ts'

/** Told when the group is durable, or with the error when it failed. */
export interface Outcome {
  done(): void
  failed(error: Error): void
}

const initialBytes = 65_536

export class Group {
  #buffer: Buffer = Buffer.allocUnsafe(initialBytes)
  #filled: ByteOffset = 0
  readonly outcomes: Outcome[] = []
  #lines = 0
  /** How many of the lines are bare witnesses. */
  witnesses = 0
  /** Newest position in the journal once this group is durable. */
  position: Position = 0

  get isEmpty(): boolean {
    return this.#filled === 0 && this.outcomes.length === 0
  }

  /** Whether there is nothing of value in it: then its being durable need not be witnessed. */
  get isWitness(): boolean {
    return this.#lines === this.witnesses
  }

  get byteCount(): number {
    return this.#filled
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#filled)
  }

  /** Adds a line; the group's first one says that all before it is durable. Returns the line's sum. */
  add(body: string, link: number): number {
    this.#makeRoom(lineBytesMax(body))
    const { end, sum } = writeLine(this.#buffer, this.#filled, body, link, this.#filled === 0 ? 'sync' : 'link')
    this.#filled = end
    this.#lines++
    return sum
  }

  #makeRoom(needed: number): void {
    if (this.#buffer.length - this.#filled >= needed) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#filled + needed))
    this.#buffer.copy(larger, 0, 0, this.#filled)
    this.#buffer = larger
  }

  /** Ready to be filled anew. A buffer that one large batch made huge is given back. */
  clear(): void {
    this.#filled = 0
    this.#lines = 0
    this.witnesses = 0
    this.outcomes.length = 0
    if (this.#buffer.length > 2 * limits.groupBytesMax) this.#buffer = Buffer.allocUnsafe(initialBytes)
  }
}
