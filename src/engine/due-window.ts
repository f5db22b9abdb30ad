// The front of the agenda in memory, in order of time: what claims walk over, so that none of them reads the tables for
// what the one before has read. Without claims it stays empty and costs nothing.
//
// Invariant: it holds every entry of the agenda up to its bound, and none behind it. So whatever changes up to there
// changes here too, and what lies behind is read when a claim comes to it. When it grows, its end is cut off and the bound
// falls; it keeps more than the last claims walked over, so that they don't read it again.

import type { TimeMs } from '../core/numbers.ts'
import { compareUtf8 } from '../core/utf8-order.ts'
import { never } from '../errors.ts'
import { limits } from '../limits.ts'
import type { LeaseState } from '../stores/store.ts'

export interface DuePlace {
  readonly due: TimeMs
  readonly id: string
}

/** The last place up to which it holds everything; nothing was read yet, or all is here. */
export type Bound = DuePlace | 'none' | 'all'

export interface DueEntry extends DuePlace {
  /** The lease of the entry's name: undefined when it was not asked for yet, null when nobody has it. */
  lease: LeaseState | null | undefined
}

export class DueWindow {
  readonly #entries: DueEntry[] = []
  readonly #byId: Map<string, DueEntry> = new Map()
  #bound: Bound = 'none'
  /** Counts changes, also of what lies behind the bound. */
  version = 0
  /** How many entries the claims since it was last cut walked over, at most. */
  #walked = 0

  /** In order. */
  get entries(): readonly DueEntry[] {
    return this.#entries
  }

  get bound(): Bound {
    return this.#bound
  }

  /** Whether everything that is due at or before this time stands here. */
  reaches(dueBy: TimeMs): boolean {
    return this.#bound === 'all' || (this.#bound !== 'none' && this.#bound.due > dueBy)
  }

  walked(count: number): void {
    this.#walked = Math.max(this.#walked, count)
  }

  set(due: TimeMs, id: string): void {
    this.version++
    const lease = this.#byId.get(id)?.lease
    this.#remove(id)
    if (!this.#holds({ due, id })) return
    const entry: DueEntry = { due, id, lease }
    this.#entries.splice(this.#indexOf(entry), 0, entry)
    this.#byId.set(id, entry)
    if (this.#entries.length > 2 * Math.max(limits.dueWindowEntries, this.#walked)) this.#cut()
  }

  clear(id: string): void {
    this.version++
    this.#remove(id)
  }

  leased(name: string, lease: LeaseState | null): void {
    this.version++
    const entry = this.#byId.get(name)
    if (entry !== undefined) entry.lease = lease
  }

  /** Takes in what follows behind the bound, in order. */
  extend(places: readonly DuePlace[], bound: Bound): void {
    for (const { due, id } of places) {
      const entry: DueEntry = { due, id, lease: undefined }
      this.#entries.push(entry)
      this.#byId.set(id, entry)
    }
    this.#bound = bound
  }

  #cut(): void {
    const gone = this.#entries.splice(this.#entries.length >> 1)
    for (const { id } of gone) this.#byId.delete(id)
    this.#bound = this.#entries.at(-1) ?? never('half of it is kept')
    this.#walked = 0
  }

  #remove(id: string): void {
    const entry = this.#byId.get(id)
    if (entry === undefined) return
    this.#entries.splice(this.#indexOf(entry), 1)
    this.#byId.delete(id)
  }

  #holds(place: DuePlace): boolean {
    return this.#bound === 'all' || (this.#bound !== 'none' && comparePlaces(place, this.#bound) <= 0)
  }

  /** Where it stands, or would. */
  #indexOf(place: DuePlace): number {
    let from = 0
    let to = this.#entries.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (comparePlaces(this.#entries[middle] as DueEntry, place) < 0)
        from = middle + 1 // below the length
      else to = middle
    }
    return from
  }
}

function comparePlaces(a: DuePlace, b: DuePlace): number {
  return a.due - b.due || compareUtf8(a.id, b.id)
}
