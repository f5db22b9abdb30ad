// A journal in memory on which runs are driven, cut off and driven again by another process, with time in the test's hands.

import { assert, HoldfastError, isHoldfastError } from '../errors.ts'
import { HoldfastJournal } from '../holdfast-journal.ts'
import type { Run } from '../runs/run.ts'
import type { RunFunction, RunOptions } from '../runs/runs.ts'
import { type MemoryStore, memoryStore } from '../stores/memory.ts'
import type { Batch, Store } from '../stores/store.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export interface RunScene {
  readonly clock: FakeClock
  readonly store: MemoryStore
  /** Another process with the same journal: a driver that takes over. */
  another(store?: Store): HoldfastJournal
}

export function runScene(): RunScene {
  const clock = fakeClock()
  const store = memoryStore({ clock, random: seededRandom(1) })
  return { clock, store, another: (on = store) => new HoldfastJournal(on, { clock, random: seededRandom(7) }) }
}

/** As when the process is killed before the append with this number: nothing of it or of what follows is stored. */
export function dyingStore(store: Store, dieAt: number, dies: () => void = () => undefined): Store {
  let appends = 0
  return new Proxy<Store>(store, {
    get(target, name) {
      if (name === 'append') {
        return (batch: Batch) => {
          appends += 1
          if (appends < dieAt) return target.append(batch)
          if (appends === dieAt) dies()
          return Promise.reject(new HoldfastError('CLOSED', 'killed'))
        }
      }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** As when the process is killed behind the append with this number: it is stored, and nobody hears of it. */
export function deafStore(store: Store, dieAt: number, dies: () => void = () => undefined): Store {
  let appends = 0
  const dying = dyingStore(store, dieAt + 1)
  return new Proxy<Store>(dying, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'append') return value
      return (batch: Batch) => {
        appends += 1
        if (appends === dieAt) dies()
        const appended = target.append(batch)
        return appends < dieAt ? appended : appended.then(() => Promise.reject(new HoldfastError('CLOSED', 'killed')))
      }
    },
  })
}

/** Lets everything go on that waits for nothing but its turn. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** What a promise ends with while time goes on, a step at a time. */
export async function passing<T>(clock: FakeClock, promise: Promise<T>, stepMs: number = 1_000): Promise<T> {
  let isOver = false
  const done = (): void => {
    isOver = true
  }
  promise.then(done, done)
  for (await turns(20); !isOver; await turns(20)) clock.advance(stepMs)
  return promise
}

export type Body = (run: Run) => Promise<unknown>

/** A step that gives its name. */
export function step(run: Run, name: string, input?: unknown): Promise<unknown> {
  return run.step(name, () => name, input === undefined ? {} : { input })
}

/** These steps, one after the other: gives what the last one does. */
export function inTurn(...names: readonly string[]): Body {
  return async (run) => {
    let last: unknown
    for (const name of names) last = await step(run, name)
    return last
  }
}

/** These steps at the same time, and then one more, `end`. */
export function together(...names: readonly string[]): Body {
  return async (run) => {
    await Promise.all(names.map((name) => step(run, name)))
    return step(run, 'end')
  }
}

/** Runs the function as 'r' and kills its process before the append with this number: the first creates the run, or takes
 * its lease where it is there. */
export async function cutOff(scene: RunScene, body: Body, dieAt: number, options: RunOptions = {}): Promise<void> {
  const running = scene.another(dyingStore(scene.store, dieAt)).run('r', body as RunFunction, options)
  const error = await passing(scene.clock, running, 1).catch((one: unknown) => one)
  assert(isHoldfastError(error, 'CLOSED'), 'the run is killed before it ends')
}

/** Runs the function as 'r' in another process: what it gives, or what it fails with. */
export async function goOn(scene: RunScene, body: Body, options: RunOptions = {}): Promise<unknown> {
  const running = scene.another().run('r', body as RunFunction, options)
  return passing(scene.clock, running).catch((error: unknown) => error)
}
