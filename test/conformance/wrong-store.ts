// How a deliberately wrong store is made: the memory store with one thing changed, and the group of cases that must
// catch it.

import type { Clock } from '../../src/host/clock.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Batch, RawEvent, ReadItem, ReadQuery, Receipt, Store } from '../../src/stores/store.ts'
import type { CreateOptions } from '../../src/testing/store-under-test.ts'
import { overridden } from './overridden-store.ts'

export interface WrongStore {
  /** The group of cases that is there to catch it. */
  readonly group: string
  readonly wrong: string
  readonly make: (options: CreateOptions) => Store
}

/** `change` gets the right store and gives the methods that are wrong. */
export function wrong(group: string, name: string, change: (right: Store, clock: Clock) => Partial<Store>): WrongStore {
  return {
    group,
    wrong: name,
    make(options) {
      const right = memoryStore(options)
      return overridden(right, change(right, options.clock))
    },
  }
}

type Append = (batch: Batch) => Promise<Receipt>

export function appending(
  group: string,
  name: string,
  append: (right: Store, batch: Batch) => Promise<Receipt>,
): WrongStore {
  return wrong(group, name, (right) => ({ append: ((batch) => append(right, batch)) satisfies Append }))
}

export function asking(group: string, name: string, ask: (query: ReadQuery) => ReadQuery): WrongStore {
  return wrong(group, name, (right) => ({ read: (query) => right.read(ask(query)) }))
}

export function answering(
  group: string,
  name: string,
  answer: (page: readonly ReadItem[], query: ReadQuery) => readonly ReadItem[],
): WrongStore {
  return wrong(group, name, (right) => ({
    async *read(query) {
      for await (const page of right.read(query)) {
        const changed = answer(page, query)
        if (changed.length > 0) yield changed
      }
    },
  }))
}

export function eventsChanged(group: string, name: string, change: (event: RawEvent) => RawEvent): WrongStore {
  return answering(group, name, (page) => page.map((item) => ('removed' in item ? item : change(item))))
}
