// What is left of a query when a page was given: where a read goes on that has to begin anew.

import { assert } from '../errors.ts'
import type { ReadItem, ReadQuery } from '../stores/store.ts'
import { countEvents } from './read-range.ts'

export function restOfQuery(query: ReadQuery, page: readonly ReadItem[]): ReadQuery {
  const last = page.at(-1)
  assert(last !== undefined, 'a read gives no empty page')
  const place = 'removed' in last ? last.removed.to : query.select.kind === 'stream' ? last.seq : last.position
  const rest: { -readonly [key in keyof ReadQuery]: ReadQuery[key] } = { ...query }
  if (query.direction === 'backward') rest.to = place - 1
  else rest.from = place + 1
  if (query.limit !== undefined) rest.limit = query.limit - countEvents(page)
  return rest
}
