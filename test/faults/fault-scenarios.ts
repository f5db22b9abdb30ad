// Scripts for the error sweeps: those of the crash sweeps that need no faults of their own, and some that read, mend and
// recover, since these are where an error can do most harm.

import { type Scenario, scenarios } from '../crash/scenarios.ts'
import type { World } from '../crash/world.ts'

/** Its acknowledgements depend on its own faults or on who wakes up first. */
const unfit: ReadonlySet<string> = new Set(['takeover', 'reader beside', 'reopen after a failed write'])

export const faultScenarios: readonly Scenario[] = [
  ...scenarios.filter(({ name }) => !unfit.has(name)),
  {
    name: 'recovery',
    async run(world) {
      await beforeCrash(world)
      world.crash({ seed: 5, model: 'process' })
      const store = await world.open()
      await world.check(store)
      await world.appendAll(store, ['a', 'b'], 400)
      await store.close()
    },
  },
  {
    name: 'recovery of a torn tail',
    async run(world) {
      await beforeCrash(world)
      world.crash({ seed: 13, model: 'adversarial' })
      const store = await world.open()
      await world.check(store)
      await store.close()
    },
  },
  {
    name: 'mending in place',
    async run(world) {
      const store = await world.open()
      for (let wave = 0; wave < 12; wave++) {
        const results = await Promise.all([
          world.append(store, { events: [world.event('a', 300)] }),
          world.append(store, { events: [world.event('b', 10), world.event('a', 300)] }),
        ])
        if (results.some((result) => result instanceof Error)) {
          if (store.readOnly !== undefined) return // no room: it was opened for reading
          await world.mustBeLatched(store)
          await store.reopen().catch(() => store.reopen())
          await world.check(store)
        }
      }
      await store.close()
    },
  },
  {
    name: 'reader',
    async run(world) {
      const store = await world.open()
      await world.appendAll(store, ['a', 'b', 'a', 'c'], 900)
      await world.appendAll(store, ['a', 'b', 'a', 'c'], 900)
      const reader = await world.open({ readOnly: true })
      await world.appendAll(store, ['a', 'b', 'a', 'c'], 900)
      await reader.refresh()
      await world.checkReader(reader, store)
      await reader.close()
      await store.close()
    },
  },
]

async function beforeCrash(world: World): Promise<void> {
  const store = await world.open()
  for (let wave = 0; wave < 3; wave++) await world.appendAll(store, ['a', 'b', `only${wave}`], 500)
  void world.appendAll(store, ['c', 'a'], 300)
  await Promise.resolve()
  await Promise.resolve()
}
