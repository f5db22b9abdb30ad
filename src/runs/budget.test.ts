// Budgets: counted once across restarts, parked when they are spent, raised by people.

import { describe, expect, it } from 'vitest'
import { isHoldfastError } from '../errors.ts'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { dyingStore, passing, type RunScene, runScene, turns } from '../testing/cut-off-scene.ts'
import { leaving, pass, recorded, state, types } from '../testing/run-trace.ts'
import { toolWorld } from '../testing/tool-world.ts'
import type { Budgets } from './budget.ts'
import type { Run } from './run.ts'

const never = (): Promise<never> => new Promise(() => undefined)

async function driven(
  scene: RunScene,
  dieAt: number,
  raise: () => Promise<void>,
  body: (run: Run) => Promise<unknown>,
) {
  const options = { budgets: { tokens: 100, steps: 6 } }
  let end: { readonly value: unknown } | undefined
  scene
    .another(dyingStore(scene.store, dieAt))
    .run('r', body, options)
    .then(
      (value) => {
        end = { value }
      },
      (error: unknown) => {
        end = { value: error }
      },
    )
  for (await turns(4); end === undefined; await turns(4)) {
    await raise()
    scene.clock.advance(1_000)
  }
  return (end as { readonly value: unknown }).value
}

/** 40 tokens a step: three steps, then the hold; then the steps run out. */
const spending = (calls: string[], spent: unknown[]) => async (run: Run) => {
  const step = (name: string) =>
    run.step(
      name,
      () => {
        calls.push(name)
        return 40
      },
      { charge: (tokens) => ({ tokens }) },
    )
  await step('a')
  await Promise.all([
    step('b'),
    run.tool('t', { effect: 'once', verify: () => ({ done: true, result: 1 }), charge: () => ({ cost: 0.5 }) }, () =>
      calls.push('t'),
    ),
  ])
  await step('c')
  await run.charge({ tokens: 5, calls: 1 })
  const rest = await Promise.all([step('d'), step('e'), step('f'), step('g')])
  spent.push(run.spent)
  return rest.length
}

describe('budgets', () => {
  it('are counted once, wherever the process dies, and hold what asks next until they are raised', async () => {
    const total = await played(Number.POSITIVE_INFINITY)
    expect(total.spent).toMatchObject({ tokens: 285, calls: 1, cost: 0.5, steps: 8 })
    expect(total.parked).toEqual(['tokens', 'steps'])
    for (let dieAt = 1; dieAt <= total.appends; dieAt += 1) {
      const { spent, parked, result } = await played(dieAt)
      expect(spent, `killed before append ${dieAt}`).toEqual(total.spent)
      expect([result, parked], `killed before append ${dieAt}`).toEqual([4, total.parked])
    }
  })

  async function played(dieAt: number) {
    const scene = runScene()
    const calls: string[] = []
    const spent: unknown[] = []
    const body = spending(calls, spent)
    let raised = 0
    const raise = async (): Promise<void> => {
      const limits: Budgets[] = [{ tokens: 1_000 }, { steps: 20 }]
      const parked = (await types(scene)).filter((type) => type === 'parked').length
      if (parked === raised) return
      // What is held has not been called.
      expect(calls).not.toContain(raised === 0 ? 'd' : 'g')
      await scene.another().raise('r', limits[raised] ?? {}, { commandId: `raise-${raised}` })
      raised += 1
    }
    let result = await driven(scene, dieAt, raise, body)
    if (isHoldfastError(result, 'CLOSED')) result = await driven(scene, Number.POSITIVE_INFINITY, raise, body)
    const events = await recorded(scene)
    const parked = events.filter(({ type }) => type === 'run.parked').map(({ data }) => data.budget)
    return { result, spent: spent.at(-1), parked, appends: events.length }
  }

  it('park the run with a sentence, over restarts', async () => {
    const scene = runScene()
    const body = async (run: Run) => {
      await run.charge({ cost: 3 })
      return run.step('s', () => 'done')
    }
    const first = leaving(scene)
    const running = first.run('r', body, { budgets: { cost: 2 } })
    running.catch(() => undefined)
    await turns(20)
    const [entry] = await scene.another().agenda.list()
    expect(entry?.data).toMatchObject({ state: 'parked', why: expect.stringContaining('cost') })
    expect(await scene.another().agenda.due()).toEqual([])
    await first.close()
    await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    const again = scene.another().run('r', body)
    await turns(20)
    expect(await types(scene)).toEqual(['created', 'charged', 'parked'])
    await scene.another().raise('r', { tokens: 5 })
    await pass(scene, 3, 50)
    expect(await types(scene)).toEqual(['created', 'charged', 'parked', 'raised', 'parked'])
    await scene.another().raise('r', { cost: 4 })
    expect(await passing(scene.clock, again)).toBe('done')
  })

  it('hold no more than begins: signals, sleeps and charges go on', async () => {
    const scene = runScene()
    const journal = scene.another()
    const running = journal.run(
      'r',
      async (run) => {
        await run.charge({ tokens: 10 })
        const [signal] = await Promise.all([run.wait('go'), run.sleep(100), run.charge({ tokens: 1 }), run.emit('x')])
        return [signal, run.spent]
      },
      { budgets: { tokens: 10 } },
    )
    await turns(10)
    await journal.signal('r', 'go', 1)
    expect(await passing(scene.clock, running)).toEqual([1, { tokens: 11 }])
  })

  it('can limit steps that are asked for together', async () => {
    const scene = runScene()
    const world = toolWorld()
    const running = scene.another().run(
      'r',
      (run) => {
        const names = ['a', 'b', 'c', 'd', 'e']
        return Promise.all(names.map((name) => run.tool(name, { effect: 'pure' }, (context) => world.act(context))))
      },
      { budgets: { steps: 2 } },
    )
    running.catch(() => undefined)
    await turns(20)
    expect(world.calls).toEqual(['a', 'b'])
    await scene.another().raise('r', { steps: 4 })
    await pass(scene, 3, 50)
    expect(world.calls).toEqual(['a', 'b', 'c', 'd'])
    expect(await state(scene)).toBe('parked')
    await scene.another().raise('r', { steps: 5 })
    await passing(scene.clock, running)
    expect(world.calls).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('can limit the time that steps take, without what the run sleeps', async () => {
    const scene = runScene()
    let isDone = false
    const running = scene.another().run(
      'r',
      async (run) => {
        await run.sleep('1h')
        await run.step('slow', () => new Promise((resolve) => scene.clock.after(3_000, () => resolve(1))))
        await run.step('next', () => {
          isDone = true
        })
        return run.spent.time
      },
      { budgets: { time: '2s' } },
    )
    running.catch(() => undefined)
    await pass(scene, 61, 60_000)
    await pass(scene, 5, 1_000)
    expect([isDone, await state(scene)]).toEqual([false, 'parked'])
    await scene.another().raise('r', { time: '1h' })
    expect(await passing(scene.clock, running)).toBeGreaterThanOrEqual(3_000)
  })

  it('do not keep a run from being cancelled', async () => {
    const scene = runScene()
    const journal = scene.another()
    const running = journal.run('r', (run) => run.step('s', never), { budgets: { tokens: 0 } })
    await turns(20)
    await journal.cancel('r')
    await expect(running).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  })

  it('are refused when they make no sense', async () => {
    const scene = runScene()
    const journal = scene.another()
    const invalid = { code: 'INVALID_ARGUMENT' }
    const body = async (run: Run) => run.charge({ steps: 1 })
    await expect(journal.run('r', body, { budgets: { tokens: -1 } })).rejects.toMatchObject(invalid)
    await expect(journal.run('r', body, { budgets: { time: 'soon' } })).rejects.toMatchObject(invalid)
    await expect(journal.raise('r', { tokens: 1 })).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    await expect(journal.run('r', body)).rejects.toMatchObject(invalid)
    await expect(journal.raise('r', { tokens: 1 })).rejects.toMatchObject({ code: 'RUN_ENDED' })
    await expect(journal.raise('r', { tokens: Number.NaN })).rejects.toMatchObject(invalid)
  })
})

describe('a budget of a child, or of a definition', () => {
  const thinking = async (run: Run) => {
    await run.step('a', () => 1, { charge: () => ({ tokens: 60 }) })
    return run.step('b', () => 2, { charge: () => ({ tokens: 60 }) })
  }
  const parkedAt = async (journal: HoldfastJournal, id: string): Promise<void> => {
    for await (const _ of journal.subscribe({ select: `run/${id}`, types: 'run.parked' })) return
  }

  it('holds a child, whose spending its parent has spent too', async () => {
    const journal = runScene().another()
    const running = journal.run('p', async (run) => {
      await run.child('named', thinking, { budgets: { tokens: 60 }, version: '7' })
      return run.spent
    })
    await parkedAt(journal, 'p/named')
    await journal.raise('p/named', { tokens: 200 })
    expect(await running).toEqual({ tokens: 120 })
    const [created] = await journal.read('run/p/named', { limit: 1 }).toArray()
    expect(created?.data).toMatchObject({ budgets: { tokens: 60 }, version: '7' })
    const wrong = journal.run('q', (run) => run.child('x', thinking, { budgets: { tokens: -1 } }))
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('holds the parent when its children have spent it', async () => {
    const journal = runScene().another()
    const running = journal.run(
      'p',
      async (run) => {
        await Promise.all([run.child('one', thinking), run.child('two', thinking)])
        return run.step('own', () => 'own')
      },
      { budgets: { tokens: 240 } },
    )
    await parkedAt(journal, 'p')
    await journal.raise('p', { tokens: 241 })
    expect(await running).toBe('own')
  })

  it('holds every run of a definition that says nothing of it itself', async () => {
    const journal = runScene().another()
    journal.define('think', thinking, { budgets: { tokens: 60, time: '1h' } })
    await using _ = journal.worker()
    await journal.start('think', { id: 'small' })
    await journal.start('think', { id: 'large', budgets: { tokens: 500 } })
    expect(await journal.result('large')).toBe(2)
    await parkedAt(journal, 'small')
    await journal.raise('small', { tokens: 61 })
    expect(await journal.result('small')).toBe(2)
  })
})
