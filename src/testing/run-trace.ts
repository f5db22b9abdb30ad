// What can be seen of a run from outside, and ways for its process to go.

import { isHoldfastError } from '../errors.ts'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import type { Run } from '../runs/run.ts'
import type { Store } from '../stores/store.ts'
import { dyingStore, type RunScene, turns } from './cut-off-scene.ts'

export interface TraceEvent {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/** The events of run r. */
export async function recorded(scene: RunScene): Promise<readonly TraceEvent[]> {
  const events = await scene.another().read('run/r').toArray()
  return events.map(({ type, data }) => ({ type, data: data as TraceEvent['data'] }))
}

/** Their types, without `run.`. */
export async function types(scene: RunScene): Promise<readonly string[]> {
  return (await recorded(scene)).map(({ type }) => type.replace('run.', ''))
}

/** What the agenda says. */
export async function state(scene: RunScene): Promise<unknown> {
  const [entry] = await scene.another().agenda.list()
  return (entry?.data as { readonly state?: unknown } | undefined)?.state
}

/** A process that can leave without taking the store with it. */
export function leaving(scene: RunScene): HoldfastJournal {
  const store = new Proxy<Store>(scene.store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name === 'close') return () => Promise.resolve()
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return scene.another(store)
}

/** Run r in a process that dies before the append with this number. */
export async function cutOff(scene: RunScene, dieAt: number, body: (run: Run) => Promise<unknown>): Promise<void> {
  const end = await scene
    .another(dyingStore(scene.store, dieAt))
    .run('r', body)
    .catch((error: unknown) => error)
  if (!isHoldfastError(end, 'CLOSED')) throw end
}

/** Time goes on in steps. */
export async function pass(scene: RunScene, steps: number, stepMs: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    await turns(10)
    scene.clock.advance(stepMs)
  }
  await turns(10)
}
