// When the active segment ends, and how the next one takes its place.
//
// Invariant: from the moment at which a rotation is due, nothing is laid out until it is done. So a line is never linked,
// numbered or indexed for a segment that it doesn't go to, and what is sealed is durable as a whole.

import type { TimeMs } from '../core/numbers.ts'
import { assert } from '../errors.ts'
import type { Staging } from './staging.ts'
import type { WriterParts } from './writer-parts.ts'

export class Rotation {
  readonly #parts: WriterParts
  readonly #staging: Staging
  #isDue = false
  #isWanted = false

  constructor(parts: WriterParts, staging: Staging) {
    this.#parts = parts
    this.#staging = staging
  }

  /** Behind what is on its way to the disk. */
  get isDue(): boolean {
    return this.#isDue
  }

  /** Behind the next group, however long the segment is by then. */
  get isWanted(): boolean {
    return this.#isWanted
  }

  want(): void {
    this.#isWanted = true
  }

  /** So many bytes are about to go on their way. */
  lookAhead(groupBytes: number): void {
    this.#isDue = this.#isWanted || this.#staging.active.bytes + groupBytes >= this.#parts.segmentBytes
  }

  /** Seals the active segment and begins the next. Everything laid out so far is durable, and nothing new is. */
  async run(time: TimeMs): Promise<void> {
    const old = this.#staging.active
    assert(this.#staging.byteCount === 0, 'nothing is laid out while a rotation is due')
    const { disk, events, journal, epoch, fence, state } = this.#parts
    await events.beforeSeal()
    const first = state.scalars.position + 1
    const next = await old.createNext(disk, { journal, epoch, first, fence, time })
    this.#staging.active = next
    events.sealed(old, next)
    await old.file.close()
    this.#isDue = false
    this.#isWanted = false
  }
}
