// What only shows where the parts of runs meet: tools in children that a worker drives, budgets and people's decisions while a
// run is out of memory, forks of runs whose tools took effect.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { type RunsScene, runsScene } from '../testing/runs-scene.ts'
import { type ToolWorld, toolWorld } from '../testing/tool-world.ts'
import type { Run } from './run.ts'

async function stateOf(journal: HoldfastJournal, id: string): Promise<string | undefined> {
  for await (const run of journal.runs()) if (run.id === id) return run.state
  return undefined
}

async function isFree(journal: HoldfastJournal, name: string, id: string): Promise<boolean> {
  return (await journal.leases.get(`run/${name}/${id}`)) === undefined
}

describe('a parent whose child uses a tool that may be called only once', () => {
  const define = (journal: HoldfastJournal, world: ToolWorld): void => {
    journal.define('child', (run, isKnown: boolean) => {
      const verify = () =>
        world.count('pay') > 0 ? { done: true as const, result: 'did pay' } : { done: false as const }
      return run.tool('pay', { effect: 'once', ...(isKnown ? { verify } : {}) }, (context) => world.act(context))
    })
    journal.define('parent', async (run: Run, isKnown: boolean) => {
      const booked = await run.tool(
        'book',
        { effect: 'reversible', compensate: (_, context) => world.undo(context) },
        (context) => world.act(context),
      )
      const paid = await run.child('child', { input: isKnown })
      return { booked, paid, done: await run.tool('mail', { effect: 'idempotent' }, (context) => world.act(context)) }
    })
  }

  async function play(dieAt: number, isKnown: boolean) {
    const scene = runsScene()
    const world = toolWorld()
    const starter = scene.process()
    await starter.start('parent', { id: 'p', input: isKnown })
    let hasDied = false
    const dies = (): void => {
      hasDied = true
    }
    const one = scene.process({ dieAt, dies })
    define(one, world)
    one.worker()
    let result: unknown
    const ended = starter.result('p').then((value) => {
      result = value
    })
    await scene.until(() => hasDied || result !== undefined)
    let isParked = false
    if (hasDied) {
      const two = scene.process({ resident: 0 })
      define(two, world)
      two.worker()
      await scene.until(async () => result !== undefined || (await stateOf(starter, 'p/child')) === 'parked')
      isParked = result === undefined
      if (isParked) await starter.settle('p/child', 'pay', { done: true, result: 'did pay' })
    }
    await scene.settled(ended)
    expect(await starter.agenda.list()).toEqual([])
    return { result, world, hasDied, isParked }
  }

  it('calls it at most once, wherever the process is killed', async () => {
    for (const isKnown of [true, false]) {
      const undisturbed = await play(Number.POSITIVE_INFINITY, isKnown)
      expect(undisturbed.world.calls).toEqual(['book', 'pay', 'mail'])
      let killed = 0
      let parked = 0
      for (let dieAt = 2; dieAt < 60; dieAt += 1) {
        const { result, world, hasDied, isParked } = await play(dieAt, isKnown)
        expect(result, `killed before append ${dieAt}`).toEqual(undisturbed.result)
        // Where a person had to say so it may not have been called: the test says that it was.
        expect(world.count('pay'), `killed before append ${dieAt}`).toBeLessThanOrEqual(1)
        if (!isParked) expect(world.count('pay'), `killed before append ${dieAt}`).toBe(1)
        expect([...world.effects.values()].filter((key) => key === 'book')).toHaveLength(1)
        if (isParked) parked += 1
        if (!hasDied) break
        killed += 1
      }
      expect(killed).toBeGreaterThan(6)
      expect(parked).toBe(isKnown ? 0 : 1)
    }
  }, 60_000)

  it('undoes what it did when the child fails, and tells it to end when it fails itself', async () => {
    const scene = runsScene()
    const world = toolWorld()
    const journal = scene.process()
    journal.define('waits', (run) => run.wait('never'))
    journal.define('fails', async (run) => {
      await run.step('look', () => {
        throw new RangeError('no')
      })
    })
    const book = (run: Run) =>
      run.tool('book', { effect: 'reversible', compensate: (_, context) => world.undo(context) }, (context) =>
        world.act(context),
      )
    const failed = journal.run('a', async (run) => {
      await book(run)
      return run.child('fails')
    })
    await expect(scene.settled(failed)).rejects.toBeInstanceOf(RangeError)
    const alone = journal.run('b', async (run) => {
      await book(run)
      await Promise.all([run.child('waits'), run.sleep('1m').then(() => Promise.reject(new TypeError('late')))])
    })
    await expect(scene.settled(alone)).rejects.toBeInstanceOf(TypeError)
    await expect(scene.settled(journal.result('b/waits'))).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(world.undone).toEqual(['book', 'book'])
    expect(world.effects.size).toBe(0)
    const ending = (await journal.read('run/b', { types: 'run.failed' }).toArray())[0]?.data
    expect(ending).toMatchObject({ compensated: ['book'], abandoned: ['waits'] })
    expect(await journal.agenda.list()).toEqual([])
  })
})

describe('a run that waits for a person', () => {
  it('leaves memory while it is parked, and goes on when another process settles it', async () => {
    const scene = runsScene()
    const world = toolWorld()
    const body = async (run: Run) => run.tool('pay', { effect: 'once' }, (context) => world.act(context))
    const starter = scene.process()
    await starter.start('pays', { id: 'r' })
    let hasDied = false
    const one = scene.process({
      dieAt: 3,
      dies: () => {
        hasDied = true
      },
    })
    one.define('pays', body)
    one.worker()
    await scene.until(() => hasDied)
    expect(world.count('pay')).toBe(1)
    const two = scene.process({ resident: 0 })
    two.define('pays', body)
    two.worker()
    await scene.until(async () => (await stateOf(starter, 'r')) === 'parked' && (await isFree(starter, 'pays', 'r')))
    expect(await starter.why('r')).toContain('journal.settle("r", "pay"')
    const ended = starter.result('r')
    await starter.settle('r', 'pay', { done: true, result: 'paid' })
    expect(await scene.settled(ended)).toBe('paid')
    expect(world.count('pay')).toBe(1)
  })
})

describe('a run with a budget', () => {
  it('sleeps, leaves memory, goes on with what it had spent, is parked, and goes on when it is raised', async () => {
    const scene = runsScene()
    const journal = scene.process({ resident: 0 })
    const calls: string[] = []
    const spend = (run: Run, name: string) =>
      run.step(
        name,
        () => {
          calls.push(name)
          return name
        },
        { charge: () => ({ tokens: 6 }) },
      )
    journal.define('spends', async (run) => {
      await spend(run, 'first')
      await run.sleep('1h')
      await spend(run, 'second')
      await run.sleep('1h')
      await spend(run, 'third')
      return run.spent.tokens
    })
    journal.worker()
    await journal.start('spends', { id: 'r', budgets: { tokens: 10 } })
    await scene.until(async () => (await stateOf(journal, 'r')) === 'sleeping' && isFree(journal, 'spends', 'r'))
    await scene.until(async () => (await stateOf(journal, 'r')) === 'parked' && isFree(journal, 'spends', 'r'), 4_000)
    expect(calls).toEqual(['first', 'second'])
    expect(await journal.why('r')).toContain('journal.raise("r"')
    await journal.raise('r', { tokens: 20 })
    expect(await scene.settled(journal.result('r'))).toBe(18)
    expect(calls).toEqual(['first', 'second', 'third'])
    expect(await journal.agenda.list()).toEqual([])
  })
})

describe('a fork of a run with tools', () => {
  const body = (world: ToolWorld) => async (run: Run) => {
    const booked = await run.tool(
      'book',
      { effect: 'reversible', compensate: (_, context) => world.undo(context) },
      (context) => world.act(context),
    )
    const paid = await run.tool('pay', { effect: 'once' }, (context) => world.act(context))
    const plan = await run.step('plan', () => 'go')
    if (plan === 'stop') throw new RangeError('stop')
    return { booked, paid, plan }
  }

  it('calls none of them again, and does not undo what the other run did', async () => {
    const scene = runsScene()
    const world = toolWorld()
    const journal = scene.process()
    const result = await scene.settled(journal.run('r', body(world)))
    await journal.fork('r', { as: 'same' })
    expect(await scene.settled(journal.run('same', body(world)))).toEqual(result)
    await journal.fork('r', { as: 'other', with: { steps: { plan: 'stop' } } })
    await expect(scene.settled(journal.run('other', body(world)))).rejects.toBeInstanceOf(RangeError)
    expect(world.calls).toEqual(['book', 'pay'])
    expect(world.undone).toEqual([])
    expect(await journal.agenda.list()).toEqual([])
  })

  it('is settled on its own when what it shares has a call of which nobody knows', async () => {
    const scene = runsScene()
    const world = toolWorld()
    const { journal, running } = await parked(scene, world)
    await journal.fork('r', { as: 'f' })
    const fork = journal.run('f', body(world))
    await scene.until(async () => (await stateOf(journal, 'f')) === 'parked')
    await journal.settle('f', 'pay', { done: true, result: 'did it' })
    expect(await scene.settled(fork)).toEqual({ booked: 'did book', paid: 'did it', plan: 'go' })
    expect(await stateOf(journal, 'r')).toBe('parked')
    await journal.settle('r', 'pay', { error: new RangeError('it is not there') })
    await expect(scene.settled(running)).rejects.toBeInstanceOf(RangeError)
    expect(world.undone).toEqual(['book'])
    expect(world.count('pay')).toBe(1)
  })

  it('has children of its own', async () => {
    const scene = runsScene()
    const journal = scene.process()
    journal.define('waits', (run) => run.wait('go'))
    const parent = (run: Run) => run.child('waits')
    const running = journal.run('r', parent)
    await scene.until(async () => (await journal.head('run/r/waits')).seq > 1)
    await journal.fork('r', { as: 'f' })
    const fork = journal.run('f', parent)
    await scene.until(async () => (await journal.head('run/f/waits')).seq > 1)
    await journal.signal('f/waits', 'go', 'fork')
    await journal.signal('r/waits', 'go', 'run')
    expect(await scene.settled(fork)).toBe('fork')
    expect(await scene.settled(running)).toBe('run')
  })

  async function parked(scene: RunsScene, world: ToolWorld) {
    let hasDied = false
    const dies = (): void => {
      hasDied = true
    }
    scene
      .process({ dieAt: 5, dies })
      .run('r', body(world))
      .catch(() => undefined)
    await scene.until(() => hasDied)
    const journal = scene.process()
    const running = journal.run('r', body(world))
    running.catch(() => undefined)
    await scene.until(async () => (await stateOf(journal, 'r')) === 'parked')
    return { journal, running }
  }
})

describe('runs in each state', () => {
  it('are listed with it, and say why', async () => {
    const scene = runsScene()
    const journal = scene.process()
    const world = toolWorld()
    journal.define('later', (run) => run.wait('never'))
    const bodies: Readonly<Record<string, (run: Run) => Promise<unknown>>> = {
      completed: async () => 1,
      failed: () => Promise.reject(new RangeError('no')),
      cancelled: (run) => run.wait('never'),
      sleeping: (run) => run.sleep('900d'),
      waiting: (run) => run.wait('approval'),
      running: (run) => run.step('long', () => new Promise(() => undefined)),
      parked: async (run) => {
        await run.step('one', () => 1)
        return run.step('two', () => 2)
      },
      undoing: async (run) => {
        const compensate = () => Promise.reject(new RangeError('stuck'))
        await run.tool('book', { effect: 'reversible', compensate }, (context) => world.act(context))
        throw new TypeError('it fails')
      },
    }
    for (const [id, body] of Object.entries(bodies)) {
      journal.run(id, body, id === 'parked' ? { budgets: { steps: 1 } } : {}).catch(() => undefined)
    }
    journal.run('parent', (run) => run.child('later', { id: 'child' })).catch(() => undefined)
    await journal.start('unknown', { id: 'queued' })
    await scene.until(async () => (await stateOf(journal, 'cancelled')) === 'waiting', 1)
    await journal.cancel('cancelled')
    await scene.until(async () => (await stateOf(journal, 'cancelled')) === 'cancelled', 1)
    const states: Record<string, string> = {}
    for await (const { id, state } of journal.runs()) states[id] = state
    expect(states).toEqual({
      ...Object.fromEntries(Object.keys(bodies).map((id) => [id, id])),
      undoing: 'parked',
      parent: 'waiting',
      child: 'waiting',
      queued: 'queued',
    })
    const why = Object.fromEntries(
      await Promise.all(Object.keys(states).map(async (id) => [id, await journal.why(id)] as const)),
    )
    expect(why).toMatchObject({
      completed: expect.stringContaining('completed at'),
      failed: expect.stringContaining('failed at'),
      cancelled: expect.stringContaining('was cancelled at'),
      sleeping: expect.stringContaining('sleeps until'),
      waiting: expect.stringContaining('waits for the signal "approval"'),
      running: expect.stringContaining('is at work'),
      parked: expect.stringContaining('journal.raise('),
      undoing: expect.stringContaining('could not undo "book" (stuck)'),
      parent: expect.stringContaining('waits for its child "child"'),
      queued: expect.stringContaining('waits to be driven'),
    })
    for (const way of [
      '{ done: true }',
      '{ done: false }',
      '{ error }',
      '`holdfast settle memory: undoing book --done`',
    ]) {
      expect(why.undoing).toContain(way)
    }
    await journal.close()
  })
})
