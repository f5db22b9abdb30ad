// The blocks that were used last, over all tables of a set, within a number of bytes. Each table has its own shelf
// (offset → block), so that a lookup makes no key and a table that goes takes its blocks along.
// Invariant: `used` is the cost of what stands on the shelves, and passes the limit only by a single block.

import type { Block } from './block.ts'

interface Slot {
  readonly block: Block
  readonly shelf: Map<number, Slot>
  readonly offset: number
  newer: Slot | undefined
  older: Slot | undefined
}

export class BlockCache {
  readonly #bytesMax: number
  #used = 0
  #newest: Slot | undefined
  #oldest: Slot | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get used(): number {
    return this.#used
  }

  shelf(): BlockShelf {
    const slots = new Map<number, Slot>()
    return {
      get: (offset) => {
        const slot = slots.get(offset)
        if (slot === undefined) return undefined
        if (slot !== this.#newest) {
          this.#unlink(slot)
          this.#link(slot)
        }
        return slot.block
      },
      put: (offset, block) => {
        const known = slots.get(offset)
        if (known !== undefined) this.#drop(known)
        const slot: Slot = { block, shelf: slots, offset, newer: undefined, older: undefined }
        slots.set(offset, slot)
        this.#used += block.cost
        this.#link(slot)
        while (this.#used > this.#bytesMax && this.#oldest !== undefined && this.#oldest !== slot)
          this.#drop(this.#oldest)
      },
      clear: () => {
        for (const slot of slots.values()) this.#drop(slot)
      },
    }
  }

  #drop(slot: Slot): void {
    slot.shelf.delete(slot.offset)
    this.#used -= slot.block.cost
    this.#unlink(slot)
  }

  #link(slot: Slot): void {
    slot.older = this.#newest
    slot.newer = undefined
    if (this.#newest === undefined) this.#oldest = slot
    else this.#newest.newer = slot
    this.#newest = slot
  }

  #unlink(slot: Slot): void {
    if (slot.older === undefined) this.#oldest = slot.newer
    else slot.older.newer = slot.newer
    if (slot.newer === undefined) this.#newest = slot.older
    else slot.newer.older = slot.older
  }
}

/** One table's part of the cache. */
export interface BlockShelf {
  get(offset: number): Block | undefined
  put(offset: number, block: Block): void
  clear(): void
}
