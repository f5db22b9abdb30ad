// What tables hold. A null value is a tombstone: it says that the key is gone, whatever older tables say.
// Keys are compared as UTF-8 bytes everywhere.

import { compareUtf8 } from '../../core/utf8-order.ts'

export type Entry = readonly [key: string, value: string | null]

/** Entries in rising order of key, each key once: one by one, and how many where that is known, or in batches where they
 * have to be waited for. */
export type EntrySource = (Iterable<Entry> & { readonly length?: number }) | AsyncIterable<readonly Entry[]>

export interface ScanRange {
  /** Inclusive. */
  readonly from?: string | undefined
  /** Exclusive. */
  readonly after?: string | undefined
  readonly prefix?: string | undefined
}

const batchEntries = 256

/** One form for both kinds of source. */
export async function* batchesOf(source: EntrySource): AsyncGenerator<readonly Entry[]> {
  if (Symbol.asyncIterator in source) {
    yield* source
    return
  }
  let batch: Entry[] = []
  for (const entry of source) {
    batch.push(entry)
    if (batch.length < batchEntries) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** A ScanRange, resolved to one place to start from and one test for where to stop. */
export class KeyRange {
  /** Where to look first: no key of the range sorts before it. */
  readonly start: string
  readonly #startExcluded: boolean
  readonly #prefix: string

  constructor(range: ScanRange) {
    const prefix = range.prefix ?? ''
    let start = prefix
    let excluded = false
    if (range.from !== undefined && compareUtf8(range.from, start) > 0) start = range.from
    if (range.after !== undefined && compareUtf8(range.after, start) >= 0) {
      start = range.after
      excluded = true
    }
    this.start = start
    this.#startExcluded = excluded
    this.#prefix = prefix
  }

  /** True for keys that sort before the range. */
  isBefore(key: string): boolean {
    const order = compareUtf8(key, this.start)
    return order < 0 || (order === 0 && this.#startExcluded)
  }

  /** True for keys that sort behind the range; asked only of keys that are not before it. */
  isBehind(key: string): boolean {
    return !key.startsWith(this.#prefix)
  }
}

/** Those of a sorted source that lie in the range. */
export function* entriesWithin(entries: Iterable<Entry>, range: KeyRange): Generator<Entry> {
  for (const entry of entries) {
    if (range.isBefore(entry[0])) continue
    if (range.isBehind(entry[0])) return
    yield entry
  }
}
