// What a persistent store may forget or get wrong when it is opened again: each of these must fail a case.

import type { Store } from '../../src/stores/store.ts'
import { overridden } from './overridden-store.ts'

export interface WrongReopening {
  /** The group of cases that is there to catch it. */
  readonly group: string
  readonly wrong: string
  /** From the store that was reopened as it should be. */
  readonly change: (store: Store) => Store
}

export const wrongReopenings: readonly WrongReopening[] = [
  {
    group: 'lifecycle',
    wrong: 'has lost its last event',
    change: (store) =>
      overridden(store, {
        async *read(query) {
          const last = store.head().position
          for await (const page of store.read(query)) {
            const left = page.filter((item) => 'removed' in item || item.position < last)
            if (left.length > 0) yield left
          }
        },
      }),
  },
  {
    group: 'command ids',
    wrong: 'knows no command id',
    change: (store) =>
      overridden(store, {
        command: async () => undefined,
        append: ({ command: _command, ...batch }) => store.append(batch),
      }),
  },
  { group: 'agenda', wrong: 'has an empty agenda', change: (store) => overridden(store, { agenda: async () => [] }) },
  {
    group: 'fences',
    wrong: 'lets every fence pass',
    change: (store) => overridden(store, { append: ({ fences: _fences, ...batch }) => store.append(batch) }),
  },
  {
    group: 'pins',
    wrong: 'has lost its pins',
    change: (store) => overridden(store, { pins: async () => [] }),
  },
  {
    group: 'releases',
    wrong: 'has lost what was released',
    change: (store) =>
      overridden(store, { retain: (rule, options) => store.retain({ ...rule, released: false }, options) }),
  },
  {
    group: 'blobs that go',
    wrong: 'has lost its blobs',
    change: (store) => overridden(store, { blob: async () => undefined, readBlob: () => store.readBlob('lost') }),
  },
  {
    group: 'removed ranges',
    wrong: 'no longer knows what was removed',
    change: (store) => overridden(store, { read: ({ tellRemoved: _tell, ...query }) => store.read(query) }),
  },
  {
    group: 'heads',
    wrong: 'forgets streams without events',
    change: (store) =>
      overridden(store, {
        async *streams(query) {
          for await (const page of store.streams(query)) yield page.filter(({ seq, earliest }) => earliest <= seq)
        },
      }),
  },
  {
    group: 'upkeep',
    wrong: 'has another identity',
    change: (store) => overridden(store, { identity: () => ({ ...store.identity(), epoch: 'another' }) }),
  },
  {
    group: 'durability',
    wrong: 'has lost what was appended eventually',
    change: (store) =>
      overridden(store, {
        async *read() {
          yield* []
        },
      }),
  },
]
