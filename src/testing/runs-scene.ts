// A stage for tests of runs: one store in memory, any number of "processes" that have it open, and a clock that the test
// moves. A process is killed by a store that takes no more from it.

import { HoldfastError } from '../errors.ts'
import { type FeatureOptions, HoldfastJournal } from '../holdfast-journal.ts'
import { noProcesses, type Processes } from '../host/processes.ts'
import { type MemoryStore, memoryStore } from '../stores/memory.ts'
import type { Store } from '../stores/store.ts'
import { deafStore, dyingStore, turns } from './cut-off-scene.ts'
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
  /** It dies behind that append, not before: it is stored, and the process hears nothing of it any more. */
  readonly diesBehind?: boolean
  readonly dies?: () => void
  /** It is dead as soon as this is true. */
  readonly isDead?: () => boolean
  /** As a store that several processes write to at once has it. */
  readonly manyWriters?: boolean
  /** What it knows of the others; nothing by default. */
  readonly processes?: Processes
}

const looksMax = 2_000

export function runsScene(seed: number = 1): RunsScene {
  const clock = fakeClock()
  const store = memoryStore({ clock, random: seededRandom(seed) })
  let count = 0

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
    process(options = {}) {
      const { dieAt = Number.POSITIVE_INFINITY, diesBehind = false, ...others } = options
      const { dies = () => undefined, isDead = () => false, ...rest } = others
      const { manyWriters = false, processes = noProcesses, ...runs } = rest
      count += 1
      const random = seededRandom(seed * 1_000 + count)
      return new HoldfastJournal(seenBy(store, { dieAt, diesBehind, dies, isDead, manyWriters }), {
        clock,
        random,
        processes,
        runs,
      })
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

type Death = 'dieAt' | 'diesBehind' | 'dies' | 'isDead' | 'manyWriters'

function seenBy(
  store: MemoryStore,
  { dieAt, diesBehind, dies, isDead, manyWriters }: Required<Pick<ProcessOptions, Death>>,
): Store {
  return new Proxy<Store>((diesBehind ? deafStore : dyingStore)(store, dieAt, dies), {
    get(target, name) {
      if (name === 'manifest') return { ...target.manifest, manyWriters }
      if (name === 'append' && isDead()) {
        return () => Promise.reject(new HoldfastError('CLOSED', 'killed'))
      }
      // Others have it open too.
      if (name === 'close') return () => Promise.resolve()
      return Reflect.get(target, name)
    },
  })
}
