// A run that slept in the old store wakes in the new one: at the time that was decided in the old one, with what it had
// done there, and not in both.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { copyJournal } from '../../src/copy.ts'
import { HoldfastJournal } from '../../src/holdfast-journal.ts'
import type { Run } from '../../src/runs/run.ts'
import type { Store } from '../../src/stores/store.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { endKinds } from './ends.ts'
import { segmentBytes } from './segment-size.ts'

const hourMs = 3_600_000
const lasting = endKinds.filter(({ lasts }) => lasts)
const pairs = lasting.flatMap((from) => lasting.map((to) => [from.name, to.name, from, to] as const))

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-copy-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe.each(pairs)('a run that sleeps while its journal moves from %s to %s', (_from, _to, source, target) => {
  it('wakes there when its time has come, and does nothing twice', async () => {
    const clock = fakeClock()
    const random = seededRandom(3)
    const from = source.make({ root, name: 'from', clock, seed: 1 })
    const to = target.make({ root, name: 'to', clock, seed: 2 })
    const calls: string[] = []
    const body = async (run: Run): Promise<unknown> => {
      const plan = await run.step('plan', () => calls.push('plan'))
      await run.sleep(hourMs)
      const told = await run.wait('go')
      return { plan, told, woke: run.now(), done: await run.step('write', () => calls.push('write')) }
    }
    const driven = (store: Store) => new HoldfastJournal(store, { clock, random })

    const old = driven(await from.open())
    const cut = old.run('r', body).catch((error: { readonly code: string }) => error.code)
    await until(async () => (await old.head('run/r')).seq >= 3)
    await old.signal('r', 'go', 'on')
    const asleep = clock.now()
    await old.close()
    expect(await cut).toBe('CLOSED')
    clock.advance(hourMs / 2)

    expect(await copyJournal(from.at, to.at, { clock, random, segmentBytes })).toMatchObject({ outcome: 'moved' })
    const journal = driven(await to.open())
    // The lease of a process that is gone is free again by now, in whichever store.
    let result: unknown
    const running = journal.run('r', body).then((value) => {
      result = value
    })
    await passing(clock, hourMs / 2 - 1)
    expect((await journal.read('run/r', { types: 'run.woke' }).toArray()).length).toBe(0)
    await until(async () => {
      clock.advance(1)
      return result !== undefined
    })
    await running
    expect(result).toMatchObject({ plan: 1, told: 'on', done: 2 })
    const [slept] = await journal.read('run/r', { types: 'run.sleep' }).toArray()
    expect(slept?.data).toMatchObject({ until: asleep + hourMs })
    expect((result as { readonly woke: number }).woke).toBeGreaterThanOrEqual(asleep + hourMs)
    expect(calls).toEqual(['plan', 'write'])
    expect(await journal.agenda.list()).toEqual([])
    await journal.close()

    const left = driven(await from.open({ readOnly: true }))
    await expect(left.run('r', body)).rejects.toMatchObject({ code: expect.stringMatching(/MOVED|READ_ONLY/) })
    await left.close()
  })
})

/** In steps, so that what is driven meanwhile has its turns. */
async function passing(clock: FakeClock, ms: number): Promise<void> {
  const step = Math.ceil(ms / 100)
  for (let left = ms; left > 0; left -= step) {
    clock.advance(Math.min(step, left))
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}
