// Stores that read wrongly.

import type { ReadItem } from '../../src/stores/store.ts'
import { answering, asking, eventsChanged, type WrongStore, wrong } from './wrong-store.ts'

export const wrongReads: readonly WrongStore[] = [
  answering('read', 'drops the last event of a read with a limit', (page, { limit }) =>
    limit !== undefined && page.length === limit ? page.slice(0, -1) : page,
  ),
  wrong('read combinations', 'cuts to the limit before it filters by type', (right) => ({
    async *read(query) {
      const { types, ...rest } = query
      for await (const page of right.read(rest)) {
        const fitting = page.filter((item) => 'removed' in item || (types?.has(item.type) ?? true))
        if (fitting.length > 0) yield fitting
      }
    },
  })),
  asking('read combinations', 'ignores the type filter', ({ types: _types, ...query }) => query),
  asking('read', 'takes a limit of 0 for none', ({ limit, ...query }) => (limit ? { ...query, limit } : query)),
  asking('read', 'takes from for exclusive', (query) =>
    query.from === undefined ? query : { ...query, from: query.from + 1 },
  ),
  asking('read', 'takes to for exclusive', (query) =>
    query.to === undefined ? query : { ...query, to: query.to - 1 },
  ),
  asking('read combinations', 'reads a prefix as a path', (query) =>
    query.select.kind === 'prefix' && !query.select.prefix.endsWith('/') && query.select.prefix !== ''
      ? { ...query, select: { kind: 'prefix', prefix: `${query.select.prefix}/` } }
      : query,
  ),
  asking('stream names', 'reads a stream by prefix', (query) =>
    query.select.kind === 'stream' ? { ...query, select: { kind: 'prefix', prefix: query.select.stream } } : query,
  ),
  asking('removed ranges', 'never tells what was removed', ({ tellRemoved: _tell, ...query }) => query),
  answering('removed ranges', 'tells one removed number too many', (page) =>
    page.map((item) => ('removed' in item ? { removed: { from: item.removed.from, to: item.removed.to + 1 } } : item)),
  ),
  eventsChanged('payloads', 'writes payloads anew', (event) => ({
    ...event,
    ...(event.text === undefined ? {} : { text: JSON.stringify(JSON.parse(event.text)) }),
  })),
  eventsChanged('append', 'forgets that a batch goes on', (event) => ({ ...event, more: false })),
  eventsChanged('append', 'has a meta of null where there is none', (event) => ({
    ...event,
    meta: event.meta ?? null,
  })),
  wrong('time', 'takes the time from the clock as it is', (right, clock) => {
    const times = new Map<number, number>()
    return {
      async append(batch) {
        const receipt = await right.append(batch)
        for (const { position } of receipt.events) {
          if (!times.has(position)) times.set(position, clock.now())
        }
        return receipt
      },
      async *read(query) {
        for await (const page of right.read(query)) {
          yield page.map((item) =>
            'removed' in item ? item : { ...item, time: times.get(item.position) ?? item.time },
          )
        }
      },
    }
  }),
  wrong('pages', 'gives the whole answer as one page', (right) => ({
    async *read(query) {
      const all: ReadItem[] = []
      for await (const page of right.read(query)) all.push(...page)
      if (all.length > 0) yield all
    },
  })),
]
