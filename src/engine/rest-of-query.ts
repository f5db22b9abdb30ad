// What is left of a query when a page was given: where a read goes on that has to begin anew.

import type { ReadItem, ReadQuery } from '../stores/store.ts'
import { countEvents } from './sequential-read.ts'

export function restOfQuery(query: ReadQuery, page: readonly ReadItem[]): ReadQuery {
  const { from: _from, to: _to, limit, ...same } = query
  const last = page.at(-1)
  if (last === undefined) return query
  const place = 'removed' in last ? last.removed.to : query.select.kind === 'stream' ? last.seq : last.position
  const bounds =
    query.direction === 'backward'
      ? { ...(query.from === undefined ? {} : { from: query.from }), to: place - 1 }
      : { from: place + 1, ...(query.to === undefined ? {} : { to: query.to }) }
  return { ...same, ...bounds, ...(limit === undefined ? {} : { limit: limit - countEvents(page) }) }
}
