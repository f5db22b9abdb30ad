// What is left of a query when some pages were given: where a read goes on that has to begin anew.

import { assert } from '../errors.ts'
import type { ReadItem, ReadQuery } from '../stores/store.ts'
import { countEvents } from './read-range.ts'

export class RestOfQuery {
  readonly #query: ReadQuery
  #last: ReadItem | undefined
  #events = 0

  constructor(query: ReadQuery) {
    this.#query = query
  }

  gave(page: readonly ReadItem[]): void {
    const last = page.at(-1)
    assert(last !== undefined, 'a read gives no empty page')
    this.#last = last
    this.#events += countEvents(page)
  }

  get isEmpty(): boolean {
    return this.#query.limit !== undefined && this.#events >= this.#query.limit
  }

  get query(): ReadQuery {
    const query = this.#query
    const last = this.#last
    if (last === undefined) return query
    const place = 'removed' in last ? last.removed.to : query.select.kind === 'stream' ? last.seq : last.position
    const limit = query.limit === undefined ? {} : { limit: query.limit - this.#events }
    return query.direction === 'backward'
      ? { ...query, ...limit, to: place - 1 }
      : { ...query, ...limit, from: place + 1 }
  }
}
