// Whose process is dead for certain, whose runs wait for no lease: they are taken at once, by workers and by run(), and by one
// only. Whoever may be alive is waited for.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import type { Processes } from '../host/processes.ts'
import { turns } from '../testing/cut-off-scene.ts'
import { processWorld, type WorldProcess } from '../testing/process-world.ts'
import { type RunsScene, runsScene } from '../testing/runs-scene.ts'
import type { Run } from './run.ts'

const leaseTtl = '1h'

/** `mortal`: it stores nothing more once it was killed. */
function open(scene: RunsScene, processes: Processes, mortal?: WorldProcess): HoldfastJournal {
  const { isDead = () => false } = mortal ?? {}
  return scene.process({ manyWriters: true, leaseTtl, processes, isDead })
}

const stuck = (): Promise<never> => new Promise(() => undefined)

/** Its step `a` is done, and in `b` it stays for ever. */
async function stays(run: Run): Promise<void> {
  await run.step('a', () => 1)
  await run.step('b', stuck)
}

async function goesOn(run: Run): Promise<string> {
  await run.step('a', () => expect.unreachable())
  return run.step('b', () => 'gone on')
}

async function isDriven(journal: HoldfastJournal, id: string): Promise<boolean> {
  return (await journal.read(`run/${id}`, { types: 'run.step' }).toArray()).length > 0
}

/** So many runs, driven by a worker of a process that can be killed. */
async function drivenBy(
  scene: RunsScene,
  processes: WorldProcess,
  runs: number,
  body: (run: Run) => Promise<unknown> = stays,
): Promise<HoldfastJournal> {
  const journal = open(scene, processes, processes)
  journal.define('job', body)
  journal.worker()
  for (let n = 0; n < runs; n += 1) await journal.start('job', { id: `r${n}` })
  for (let n = 0; n < runs; n += 1) await scene.until(() => isDriven(journal, `r${n}`), 1)
  return journal
}

describe('a worker', () => {
  it('takes at its start what a dead process had, and removes its note', async () => {
    const scene = runsScene()
    const world = processWorld()
    const dies = world.process()
    await drivenBy(scene, dies, 3)
    dies.kill()
    const began = scene.clock.now()
    const next = open(scene, world.process())
    next.define('job', goesOn)
    await using _ = next.worker()
    const results = Promise.all(['r0', 'r1', 'r2'].map((id) => next.result(id)))
    await turns(200)
    expect(scene.clock.now()).toBe(began)
    expect(await scene.settled(results, 1)).toEqual(['gone on', 'gone on', 'gone on'])
    expect(scene.clock.now() - began).toBeLessThan(50)
    expect(world.notes.size).toBe(1)
  })

  it('notices within a second that another process has died', async () => {
    const scene = runsScene()
    const world = processWorld()
    const dies = world.process()
    await drivenBy(scene, dies, 1)
    const other = open(scene, world.process())
    other.define('job', goesOn)
    await using _ = other.worker()
    await turns(100)
    const [lease] = await other.leases.list({ owner: (await other.leases.get('run/job/r0'))?.owner ?? '' })
    expect(lease).toMatchObject({ lease: 'run/job/r0', token: 1 })
    dies.kill()
    const began = scene.clock.now()
    expect(await scene.settled(other.result('r0'), 100)).toBe('gone on')
    expect(scene.clock.now() - began).toBeLessThan(1_500)
  })

  it('leaves the living alone', async () => {
    const scene = runsScene()
    const world = processWorld()
    const began = scene.clock.now()
    await drivenBy(scene, world.process(), 1)
    const other = open(scene, world.process())
    other.define('job', goesOn)
    await using _ = other.worker()
    await scene.until(() => scene.clock.now() > began + 600_000)
    expect(await other.leases.get('run/job/r0')).toMatchObject({ token: 1, held: true })
  })

  it('waits for the lease of one of which nothing is known here: of another host, or container', async () => {
    const scene = runsScene()
    const [world, elsewhere] = [processWorld(), processWorld()]
    const dies = elsewhere.process()
    await drivenBy(scene, dies, 1)
    const { until = 0 } = (await open(scene, world.process()).leases.get('run/job/r0')) ?? {}
    dies.kill()
    const other = open(scene, world.process())
    other.define('job', goesOn)
    await using _ = other.worker()
    await scene.settled(other.result('r0'), 10_000)
    expect(scene.clock.now()).toBeGreaterThanOrEqual(until)
  })

  it('gives a run that sleeps to nobody before its time, and then at once', async () => {
    const scene = runsScene()
    const world = processWorld()
    const dies = world.process()
    const sleeps = async (run: Run): Promise<string> => {
      await run.step('a', () => 1)
      await run.sleep('10m')
      return 'awake'
    }
    const dead = await drivenBy(scene, dies, 1, sleeps)
    await scene.until(async () => (await dead.agenda.due({ prefix: 'run/' })).length === 0, 1)
    const [entry] = await dead.agenda.list({ prefix: 'run/' })
    dies.kill()
    const next = open(scene, world.process())
    next.define('job', sleeps)
    await using _ = next.worker()
    await turns(100)
    expect(await next.leases.get('run/job/r0')).toBeUndefined()
    expect(await scene.settled(next.result('r0'), 500)).toBe('awake')
    expect(scene.clock.now() - (entry?.due ?? 0)).toBeLessThan(2_000)
  })

  it('shares what a dead process had with others that see it too: each run is driven by one', async () => {
    const scene = runsScene()
    const world = processWorld()
    const dies = world.process()
    await drivenBy(scene, dies, 12)
    dies.kill()
    const calls: string[] = []
    const others = [1, 2, 3].map(() => {
      const journal = open(scene, world.process())
      journal.define('job', async (run) => {
        await run.step('a', () => expect.unreachable())
        return run.step('b', () => calls.push(run.id))
      })
      return { journal, worker: journal.worker({ concurrency: 4 }) }
    })
    const { journal } = others[0] ?? expect.unreachable()
    await scene.settled(Promise.all(Array.from({ length: 12 }, (_, n) => journal.result(`r${n}`))), 1)
    expect(calls.toSorted()).toEqual(Array.from({ length: 12 }, (_, n) => `r${n}`).toSorted())
    for (const { worker } of others) await worker.stop()
  })

  it('shuts a process out that was taken for dead and was not', async () => {
    const scene = runsScene()
    const world = processWorld()
    const first = world.process()
    const errors: unknown[] = []
    let finish = (): void => undefined
    const one = open(scene, first)
    one.define('job', async (run) => {
      await run.step('a', () => 1)
      await run.step('b', () => new Promise<void>((resolve) => (finish = resolve)))
    })
    one.worker({ onError: (error) => errors.push(error) })
    await one.start('job', { id: 'r0' })
    await scene.until(() => isDriven(one, 'r0'), 1)
    first.kill()
    const next = open(scene, world.process())
    next.define('job', goesOn)
    await using _ = next.worker()
    expect(await scene.settled(next.result('r0'), 1)).toBe('gone on')
    finish()
    await scene.until(() => errors.length > 0, 1)
    expect(errors).toMatchObject([{ code: 'RUN_OWNED' }])
    const steps = await next.read('run/r0', { types: 'run.step' }).toArray()
    expect(steps.map(({ data }) => (data as { readonly key: string }).key)).toEqual(['a', 'b'])
  })

  it('leaves no note behind when its journal is closed, and none when no lease was taken', async () => {
    const scene = runsScene()
    const world = processWorld()
    const reads = open(scene, world.process())
    await reads.start('job', { id: 'r' })
    await reads.close()
    const journal = open(scene, world.process())
    journal.define('job', async () => 1)
    journal.worker()
    await scene.settled(journal.result('r'))
    expect(world.notes.size).toBe(1)
    await journal.close()
    expect(world.notes.size).toBe(0)
  })
})

describe('run()', () => {
  it('takes a run whose process is dead at once', async () => {
    const scene = runsScene()
    const world = processWorld()
    const dies = world.process()
    const one = open(scene, dies, dies)
    one.run('r', stays).catch(() => undefined)
    await scene.until(() => isDriven(one, 'r'), 1)
    const two = open(scene, world.process())
    await expect(scene.settled(two.run('r', goesOn), 1)).rejects.toMatchObject({ code: 'RUN_OWNED' })
    dies.kill()
    const began = scene.clock.now()
    expect(await scene.settled(two.run('r', goesOn), 1)).toBe('gone on')
    expect(scene.clock.now() - began).toBeLessThan(50)
  })

  it('that waits for the owner goes on within a second of its death', async () => {
    const scene = runsScene()
    const world = processWorld()
    const dies = world.process()
    const one = open(scene, dies, dies)
    one.run('r', stays).catch(() => undefined)
    await scene.until(() => isDriven(one, 'r'), 1)
    const two = open(scene, world.process())
    const waits = two.run('r', goesOn, { ifOwned: 'wait' })
    await scene.until(() => scene.clock.now() > 1_700_000_000_000 + 60_000)
    expect(await two.leases.get('run/-/r')).toMatchObject({ token: 1 })
    dies.kill()
    const began = scene.clock.now()
    expect(await scene.settled(waits, 100)).toBe('gone on')
    expect(scene.clock.now() - began).toBeLessThan(1_500)
  })

  it('of two that take it at once one drives it, and the other hears that it is owned', async () => {
    const scene = runsScene()
    const world = processWorld()
    const dies = world.process()
    const one = open(scene, dies, dies)
    one.run('r', stays).catch(() => undefined)
    await scene.until(() => isDriven(one, 'r'), 1)
    dies.kill()
    const both = [1, 2].map(() => open(scene, world.process()).run('r', goesOn))
    const ends = await scene.settled(Promise.allSettled(both), 1)
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(ends.find((end) => end.status === 'rejected')).toMatchObject({ reason: { code: 'RUN_OWNED' } })
  })
})
