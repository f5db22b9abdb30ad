// What reversible tools did is undone, newest first, when their run fails or is cancelled.

import { describe, expect, it } from 'vitest'
import { passing, runScene, turns } from '../testing/cut-off-scene.ts'
import { cutOff, leaving, pass, recorded, state, types } from '../testing/run-trace.ts'
import { toolWorld } from '../testing/tool-world.ts'
import type { Run } from './run.ts'
import type { ToolContext } from './tool-context.ts'
import type { ToolOptions } from './tool-terms.ts'

const never = (): Promise<never> => new Promise(() => undefined)

const refusing = {
  '~standard': { version: 1 as const, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) },
}

describe('compensation', () => {
  const booking = (
    world: ReturnType<typeof toolWorld>,
    over: Partial<ToolOptions<string>> = {},
  ): ToolOptions<string> => ({
    effect: 'reversible',
    compensate: (_, context) => world.undo(context),
    ...over,
  })

  it('undoes what branches and scopes did, newest first, when the run is cancelled', async () => {
    const scene = runScene()
    const world = toolWorld()
    const seen: unknown[] = []
    const act = (context: ToolContext) => world.act(context)
    const compensate = (result: string | undefined, context: ToolContext) => {
      seen.push(result)
      world.undo(context)
    }
    const journal = scene.another()
    const running = journal.run('r', async (run) => {
      await run.tool('a', booking(world, { compensate }), act)
      await run.scope('s', (inner) => inner.tool('b', booking(world, { compensate }), act))
      const hanging = run.tool('c', booking(world, { compensate }), (context) => {
        act(context)
        return never()
      })
      await Promise.all([hanging, run.tool('d', booking(world, { compensate }), act)])
    })
    running.catch(() => undefined)
    await turns(20)
    await journal.cancel('r', { reason: 'enough' })
    await expect(running).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(world.undone).toEqual(['d', 'c', 's » b', 'a'])
    expect(seen).toEqual(['did d', undefined, 'did s » b', 'did a'])
    expect([...world.effects]).toEqual([])
    const ending = (await recorded(scene)).at(-1)?.data
    expect(ending).toMatchObject({ compensated: ['d', 'c', 's » b', 'a'] })
    expect(ending).not.toHaveProperty('ambiguous')
  })

  it('undoes nothing when the run completes, and nothing that threw', async () => {
    const scene = runScene()
    const world = toolWorld()
    const act = (context: ToolContext) => world.act(context)
    const threw = (): string => {
      throw new Error('full')
    }
    await scene.another().run('r', async (run) => {
      await run.tool('a', booking(world), act)
      await run.tool('b', booking(world), threw).catch(() => undefined)
    })
    expect(world.undone).toEqual([])
    const failing = scene.another().run('r2', async (run) => {
      await run.tool('a', booking(world), act)
      await run.tool('b', booking(world), threw)
    })
    await expect(failing).rejects.toThrow('full')
    expect(world.undone).toEqual(['a'])
  })

  it('undoes what was cut off before it is called again, under another idempotency key', async () => {
    const scene = runScene()
    const world = toolWorld()
    const keys: string[] = []
    const body = (run: Run) =>
      run.tool('book', booking(world), (context) => {
        keys.push(context.idempotencyKey)
        return world.act(context)
      })
    await cutOff(scene, 3, body)
    expect(await scene.another().run('r', body)).toBe('did book')
    expect(await types(scene)).toEqual([
      'created',
      'tool-intended',
      'compensated',
      'tool-intended',
      'tool',
      'completed',
    ])
    expect(world.undone).toEqual(['book'])
    expect([...world.effects.keys()]).toEqual([keys[1]])
    expect(keys[1]).not.toBe(keys[0])
  })

  it('undoes what took too long before the function hears of it', async () => {
    const scene = runScene()
    const world = toolWorld()
    const running = scene.another().run('r', async (run) => {
      const booked = run.tool('book', booking(world, { timeoutMs: 100 }), (context) => {
        world.act(context)
        return never()
      })
      return booked.catch((error: { readonly code: string }) => [error.code, [...world.undone]])
    })
    expect(await passing(scene.clock, running, 50)).toEqual(['STEP_TIMEOUT', ['book']])
    expect([...world.effects]).toEqual([])
  })

  it.each([
    ['NOT_STORABLE', {}],
    ['INVALID_ARGUMENT', { charge: () => ({ tokens: -1 }) }],
    ['SCHEMA_MISMATCH', { schema: refusing }],
  ] as const)('undoes a call whose result cannot be used: %s', async (code, over) => {
    const scene = runScene()
    const world = toolWorld()
    const results: unknown[] = []
    const compensate = (result: unknown, context: ToolContext) => {
      results.push(result)
      world.undo(context)
    }
    const made = code === 'NOT_STORABLE' ? () => 1 : 'made'
    const running = scene.another().run('r', async (run) => {
      const options: ToolOptions<unknown> = { effect: 'reversible', compensate, ...over }
      const booked = run.tool('book', options, (context) => {
        world.act(context)
        return made
      })
      return booked.catch((error: { readonly code: string }) => [error.code, [...world.undone]])
    })
    expect(await running).toEqual([code, ['book']])
    expect(results).toEqual([made])
    expect([...world.effects]).toEqual([])
  })

  it('is tried again, then waits for a person, over restarts, and is recorded once', async () => {
    const scene = runScene()
    const world = toolWorld()
    let isDown = true
    const tries: string[] = []
    const compensate = (_: string | undefined, context: ToolContext) => {
      tries.push(context.key)
      if (isDown && context.key === 'b') throw new Error('down')
      world.undo(context)
    }
    const options = { compensate, retry: { times: 1, delay: 10 } }
    const body = async (run: Run) => {
      for (const name of ['a', 'b', 'c']) await run.tool(name, booking(world, options), (context) => world.act(context))
      throw new TypeError('no')
    }
    const first = leaving(scene)
    const running = first.run('r', body)
    running.catch(() => undefined)
    await pass(scene, 4, 10)
    expect(tries).toEqual(['c', 'b', 'b'])
    expect((await types(scene)).slice(-4)).toEqual([
      'unwinding',
      'compensated',
      'compensation-retried',
      'compensation-failed',
    ])
    expect(await state(scene)).toBe('parked')
    await first.close()
    await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    const second = scene.another()
    const again = second.run('r', body)
    again.catch(() => undefined)
    await turns(20)
    expect(tries).toEqual(['c', 'b', 'b'])
    isDown = false
    await scene.another().settle('r', 'b', { done: false })
    await expect(passing(scene.clock, again)).rejects.toThrow(TypeError)
    expect(tries).toEqual(['c', 'b', 'b', 'b', 'a'])
    const ending = (await recorded(scene)).at(-1)?.data
    expect(ending).toMatchObject({ compensated: ['c', 'b', 'a'] })
    expect((await types(scene)).filter((type) => type === 'compensated')).toHaveLength(3)
  })

  it('is tried again, and waits for a person, also when the run goes on behind it', async () => {
    const scene = runScene()
    const world = toolWorld()
    let isDown = true
    let undoing = 0
    const compensate = (_: string | undefined, context: ToolContext) => {
      undoing += 1
      if (isDown) throw new Error('down')
      world.undo(context)
    }
    const body = (run: Run) =>
      run.tool('book', booking(world, { compensate, retry: { times: 1, delay: 10 } }), (context) => world.act(context))
    await cutOff(scene, 3, body)
    const first = leaving(scene)
    const running = first.run('r', body)
    running.catch(() => undefined)
    await pass(scene, 4, 10)
    expect(undoing).toBe(2)
    expect((await types(scene)).slice(-2)).toEqual(['compensation-retried', 'compensation-failed'])
    expect(await state(scene)).toBe('parked')
    await first.close()
    await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    const again = scene.another().run('r', body)
    again.catch(() => undefined)
    await turns(20)
    expect(undoing).toBe(2)
    expect(world.calls).toEqual(['book'])
    isDown = false
    await scene.another().settle('r', 'book', { done: false })
    expect(await passing(scene.clock, again)).toBe('did book')
    expect(world.undone).toEqual(['book'])
    expect(world.calls).toEqual(['book', 'book'])
    expect([...world.effects.keys()]).toHaveLength(1)
  })

  it('is given up by a person, and the tool has failed with what was said', async () => {
    const scene = runScene()
    const world = toolWorld()
    const compensate = () => {
      throw new Error('down')
    }
    const body = (run: Run) => run.tool('book', booking(world, { compensate }), (context) => world.act(context))
    await cutOff(scene, 3, body)
    const running = scene.another().run('r', body)
    running.catch(() => undefined)
    await turns(20)
    await scene.another().settle('r', 'book', { error: new RangeError('gone') })
    await expect(passing(scene.clock, running)).rejects.toThrow(RangeError)
    expect(world.calls).toEqual(['book'])
  })

  it.each([
    ['undone by hand', { done: true as const }, { compensated: ['b', 'a'] }],
    ['left as it is', { error: new Error('gone') }, { compensated: ['a'], left: ['b'] }],
  ])('can be settled as %s', async (_, outcome, expected) => {
    const scene = runScene()
    const world = toolWorld()
    const compensate = (_result: string | undefined, context: ToolContext) => {
      if (context.key === 'b') throw new Error('down')
      world.undo(context)
    }
    const journal = scene.another()
    const running = journal.run('r', async (run) => {
      for (const name of ['a', 'b'])
        await run.tool(name, booking(world, { compensate }), (context) => world.act(context))
      throw new TypeError('no')
    })
    running.catch(() => undefined)
    await turns(20)
    await journal.settle('r', 'b', outcome)
    await expect(passing(scene.clock, running)).rejects.toThrow(TypeError)
    const ending = (await recorded(scene)).at(-1)?.data
    expect(ending).toMatchObject(expected)
  })

  it('is not changed by a cancellation that comes when the run has failed', async () => {
    const scene = runScene()
    const world = toolWorld()
    const compensate = () => {
      throw new Error('down')
    }
    const journal = scene.another()
    const running = journal.run('r', async (run) => {
      await run.tool('a', booking(world, { compensate }), (context) => world.act(context))
      await Promise.all([run.step('hangs', never), Promise.reject(new TypeError('no'))])
    })
    running.catch(() => undefined)
    await turns(20)
    await journal.cancel('r')
    await turns(20)
    await journal.settle('r', 'a', { done: true })
    await expect(passing(scene.clock, running)).rejects.toThrow(TypeError)
    expect((await recorded(scene)).at(-1)).toMatchObject({ type: 'run.failed', data: { abandoned: ['hangs'] } })
  })

  it('says on the agenda that it undoes, while it does', async () => {
    const scene = runScene()
    const world = toolWorld()
    const compensate = never
    const running = scene.another().run('r', async (run) => {
      await run.tool('a', booking(world, { compensate }), (context) => world.act(context))
      throw new TypeError('no')
    })
    running.catch(() => undefined)
    await turns(20)
    const [entry] = await scene.another().agenda.list()
    expect(entry?.data).toMatchObject({ state: 'running', why: expect.stringContaining('undoes') })
  })

  it('is other code when the record says that the function failed, and it does not', async () => {
    const scene = runScene()
    const world = toolWorld()
    const body = (fails: boolean) => async (run: Run) => {
      await run.tool('a', booking(world, { compensate: never }), (context) => world.act(context))
      if (fails) throw new TypeError('no')
    }
    const first = leaving(scene)
    const running = first.run('r', body(true))
    await turns(20)
    await first.close()
    await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(scene.another().run('r', body(false))).rejects.toMatchObject({ code: 'RUN_DIVERGED' })
  })
})
