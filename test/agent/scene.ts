// A journal in memory for loops of agents, with time in hand, and a store that dies before a certain append.

import { HoldfastError } from '../../src/errors.ts'
import { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { type MemoryStore, memoryStore } from '../../src/stores/memory.ts'
import type { Batch, Store } from '../../src/stores/store.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'

export interface Scene {
  readonly clock: FakeClock
  readonly store: MemoryStore
  /** Another process with the same journal: a driver that takes over. */
  another(store?: Store): HoldfastJournal
  /** What it ends with, a thrown error too, while time passes; `meanwhile` is done again and again until then. */
  ended(running: Promise<unknown>, meanwhile?: () => Promise<unknown>): Promise<unknown>
}

export function scene(): Scene {
  const clock = fakeClock()
  const store = memoryStore({ clock, random: seededRandom(1) })
  return {
    clock,
    store,
    another: (on = store) => new HoldfastJournal(on, { clock, random: seededRandom(7) }),
    async ended(running, meanwhile) {
      let end: { readonly value: unknown } | undefined
      const settle = (value: unknown): void => {
        end = { value }
      }
      running.then(settle, settle)
      while (end === undefined) {
        await turns(3)
        await meanwhile?.()
        clock.advance(100)
      }
      return end.value
    },
  }
}

/** As when the process is killed before the append with this number: nothing of it or of what follows is stored. */
export function dyingStore(store: MemoryStore, dieAt: number): Store {
  let appends = 0
  return new Proxy<Store>(store, {
    get(target, name) {
      if (name === 'append') {
        return (batch: Batch) => {
          appends += 1
          return appends < dieAt ? target.append(batch) : Promise.reject(new HoldfastError('CLOSED', 'killed'))
        }
      }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise<void>((resolve) => setImmediate(resolve))
}
