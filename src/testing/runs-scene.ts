// A stage for tests of runs: one store in memory, any number of "processes" that have it open, and a clock that the test
// moves. A process is killed by a store that takes no more from it.

import { HoldfastError } from '../errors.ts'
import { type FeatureOptions, HoldfastJournal } from '../holdfast-journal.ts'
import { type MemoryStore, memoryStore } from '../stores/memory.ts'
import type { Batch, Store } from '../stores/store.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export interface RunsScene {
  readonly clock: FakeClock
  readonly store: MemoryStore
  /** Another process with the same journal. */
  process(options?: ProcessOptions): HoldfastJournal
  /** Lets time pass, step by step, until it is settled. */
  settled<T>(promise: Promise<T>, stepMs?: number): Promise<T>
  /** Lets time pass until it holds. */
  until(holds: () => boolean | Promise<boolean>, stepMs?: number): Promise<void>
}

export interface ProcessOptions extends NonNullable<FeatureOptions['runs']> {
  /** It dies before its append with this number: nothing of it or of what follows is stored. */
  readonly dieAt?: number
  readonly dies?: () => void
  /** As a store that several processes write to at once has it. */
  readonly manyWriters?: boolean
}

const looksMax = 2_000

export function runsScene(seed: number = 1): RunsScene {
  const clock = fakeClock()
  const store = memoryStore({ clock, random: seededRandom(seed) })
  let processes = 0

  const until = async (holds: () => boolean | Promise<boolean>, stepMs = 1_000): Promise<void> => {
    for (let looks = 0; !(await holds()); looks += 1) {
      if (looks > looksMax) throw new Error('it never came to hold')
      await turns(3)
      if (await holds()) return
      clock.advance(stepMs)
    }
  }
  return {
    clock,
    store,
    until,
    process({ dieAt = Number.POSITIVE_INFINITY, dies = () => undefined, manyWriters = false, ...runs } = {}) {
      processes += 1
      const random = seededRandom(seed * 1_000 + processes)
      return new HoldfastJournal(seenBy(store, { dieAt, dies, manyWriters }), { clock, random, runs })
    },
    async settled(promise, stepMs) {
      let isSettled = false
      const settle = (): void => {
        isSettled = true
      }
      promise.then(settle, settle)
      await until(() => isSettled, stepMs)
      return promise
    },
  }
}

/** As much of what follows from one another as follows without time passing. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}

function seenBy(
  store: MemoryStore,
  { dieAt, dies, manyWriters }: Required<Pick<ProcessOptions, 'dieAt' | 'dies' | 'manyWriters'>>,
): Store {
  let appends = 0
  return new Proxy<Store>(store, {
    get(target, name) {
      if (name === 'manifest') return { ...target.manifest, manyWriters }
      if (name === 'append') {
        return (batch: Batch) => {
          appends += 1
          if (appends < dieAt) return target.append(batch)
          dies()
          return Promise.reject(new HoldfastError('CLOSED', 'killed'))
        }
      }
      // Others have it open too.
      if (name === 'close') return () => Promise.resolve()
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
