// Streams and types by number. The head row counts the numbers given out, so whoever holds its lock gives out the next;
// nobody else can. Types are few and never renamed: what was once read stays true.

import type { NewEventRow, StreamRow } from '../sql/rows.ts'
import type { Row } from './driver.ts'

/** Of one transaction: what it was told, and what it gives out. */
export class Numbering {
  readonly #known: Map<string, number>
  readonly #new: Map<string, number> = new Map()
  #last: number

  constructor(known: Map<string, number>, last: number) {
    this.#known = known
    this.#last = last
  }

  get last(): number {
    return this.#last
  }

  of(name: string): number {
    const known = this.#known.get(name) ?? this.#new.get(name)
    if (known !== undefined) return known
    this.#new.set(name, ++this.#last)
    return this.#last
  }

  has(name: string): boolean {
    return this.#known.has(name) || this.#new.has(name)
  }

  /** What was looked up since. */
  learn(numbers: ReadonlyMap<string, number>): void {
    for (const [name, number] of numbers) this.#known.set(name, number)
  }

  /** For the next piece of the same transaction: what this one added has its rows. */
  next(): Numbering {
    return new Numbering(new Map([...this.#known, ...this.#new]), this.#last)
  }

  /** Those that have no row yet. */
  get added(): ReadonlyMap<string, number> {
    return this.#new
  }

  /** Once they are committed. */
  keep(): void {
    for (const [name, number] of this.#new) this.#known.set(name, number)
  }
}

export function numbersOf(rows: readonly Row[]): Map<string, number> {
  return new Map(rows.map((row) => [row.name as string, row.id as number]))
}

/** Names of all streams that a write mentions, each once. */
export function streamsOf(write: {
  readonly events: readonly NewEventRow[]
  readonly streams: readonly StreamRow[]
}): string[] {
  return [...new Set([...write.streams, ...write.events].map(({ stream }) => stream))]
}
