// Several sorted sources as one: for a key that more than one of them has, the newest (first in the list) wins.
// Memory: one batch per source and one to hand on. Tombstones are handed on; the caller knows whether they still matter.

import { compareUtf8 } from '../../core/utf8-order.ts'
import type { Entry } from './entry.ts'

const batchEntries = 256

export async function* mergeEntries(
  sources: readonly AsyncGenerator<readonly Entry[]>[],
): AsyncGenerator<readonly Entry[]> {
  const cursors = sources.map((source) => new Cursor(source))
  try {
    await Promise.all(cursors.map((cursor) => cursor.refill()))
    let live = cursors.filter((cursor) => cursor.current !== undefined)
    let batch: Entry[] = []
    while (live.length > 1) {
      const { entry, usedUp } = takeLeast(live)
      batch.push(entry)
      if (usedUp) {
        for (const cursor of live) await cursor.refill()
        live = live.filter((cursor) => cursor.current !== undefined)
      }
      if (batch.length < batchEntries) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
    for (const cursor of live) yield* cursor.rest()
  } finally {
    // Also for those that nobody read to the end: they hold files open.
    await Promise.all(sources.map((source) => source.return(undefined)))
  }
}

/** The least key's newest entry; steps every cursor that stands on this key. */
function takeLeast(cursors: readonly Cursor[]): { readonly entry: Entry; readonly usedUp: boolean } {
  let least: Entry = ['', null]
  let found = false
  for (const { current } of cursors) {
    if (current === undefined || (found && compareUtf8(current[0], least[0]) >= 0)) continue
    least = current
    found = true
  }
  let usedUp = false
  for (const cursor of cursors) {
    if (cursor.current?.[0] !== least[0]) continue
    cursor.step()
    if (cursor.current === undefined) usedUp = true
  }
  return { entry: least, usedUp }
}

class Cursor {
  /** undefined: the batch is used up, and after a refill: there is nothing more. */
  current: Entry | undefined
  readonly #source: AsyncGenerator<readonly Entry[]>
  #batch: readonly Entry[] = []
  #index = 0

  constructor(source: AsyncGenerator<readonly Entry[]>) {
    this.#source = source
  }

  step(): void {
    this.#index++
    this.current = this.#batch[this.#index]
  }

  async refill(): Promise<void> {
    while (this.current === undefined) {
      const next = await this.#source.next()
      if (next.done === true) return
      this.#batch = next.value
      this.#index = 0
      this.current = this.#batch[0]
    }
  }

  /** For the last source that has something: no more comparing. From the current entry, which there is. */
  async *rest(): AsyncGenerator<readonly Entry[]> {
    yield this.#batch.slice(this.#index)
    yield* this.#source
  }
}
