// An append that is encoded and checked but not yet made. What can be wrong with it has been said by then, and what
// reading will give back can be had before it is read: redaction and codecs included.
//
// Invariant: append() hands over what was encoded at the time of the call to prepare(); later changes to the caller's
// objects change nothing.

import { needsDecode, type PayloadCodec } from '../core/payload.ts'
import { assert } from '../errors.ts'
import type { Batch, Receipt } from '../stores/store.ts'

export class PreparedAppend {
  readonly #batch: Batch
  readonly #codec: PayloadCodec
  readonly #append: (batch: Batch) => Promise<Receipt>

  constructor(batch: Batch, codec: PayloadCodec, append: (batch: Batch) => Promise<Receipt>) {
    this.#batch = batch
    this.#codec = codec
    this.#append = append
  }

  /** The data of the event at this index of the batch, as reading will give it: a new value with each call. */
  data(index: number): unknown {
    const text = this.#batch.events[index]?.data
    assert(text !== undefined, 'only events of the batch are asked for')
    return decoded(text, this.#codec)
  }

  /** Makes the append; once. */
  append(): Promise<Receipt> {
    return this.#append(this.#batch)
  }
}

/** A payload from its encoded text. */
export function decoded(text: string, codec: PayloadCodec): unknown {
  const parsed: unknown = JSON.parse(text)
  return needsDecode(text) ? codec.decode(parsed) : parsed
}
