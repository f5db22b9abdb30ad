// What nobody knows of is settled by people; what still runs when a run ends is named.

import { describe, expect, it } from 'vitest'
import type { Batch, Store } from '../stores/store.ts'
import { passing, runScene, turns } from '../testing/cut-off-scene.ts'
import { cutOff, leaving, recorded, state, types } from '../testing/run-trace.ts'
import { toolWorld } from '../testing/tool-world.ts'
import type { Run } from './run.ts'
import type { ToolContext } from './tool-context.ts'

const never = (): Promise<never> => new Promise(() => undefined)

describe('settling', () => {
  const body = (world: ReturnType<typeof toolWorld>) => async (run: Run) => {
    const [paid, other] = await Promise.all([
      run.tool('pay', { effect: 'once' }, (context) => world.act(context)),
      run.wait('go'),
    ])
    return { paid, other }
  }

  /** Cut off between the intent and the outcome, and taken up again. */
  async function parked() {
    const scene = runScene()
    const world = toolWorld()
    await cutOff(scene, 4, body(world))
    const journal = leaving(scene)
    const running = journal.run('r', body(world))
    running.catch(() => undefined)
    await turns(20)
    return { scene, world, journal, running, outside: scene.another() }
  }

  it('moves a parked run, while its other branches go on', async () => {
    const { scene, world, running, outside } = await parked()
    expect(await state(scene)).toBe('parked')
    const [entry] = await outside.agenda.due({ by: 8_640_000_000_000_000 })
    expect(entry?.data).toMatchObject({ why: expect.stringContaining('"pay"') })
    expect(await outside.agenda.due()).toEqual([])
    await outside.signal('r', 'go', 5)
    await outside.settle('r', 'pay', { done: true, result: 'seen' })
    expect(await outside.agenda.due()).toHaveLength(1)
    expect(await passing(scene.clock, running)).toEqual({ paid: 'seen', other: 5 })
    expect(world.count('pay')).toBe(1)
    const ending = (await recorded(scene)).at(-1)?.data
    expect(ending).not.toHaveProperty('ambiguous')
  })

  it('lets it be called again when it surely did not happen', async () => {
    const { scene, world, running, outside } = await parked()
    await outside.settle('r', 'pay', { done: false })
    await outside.signal('r', 'go', 5)
    expect(await passing(scene.clock, running)).toEqual({ paid: 'did pay', other: 5 })
    expect(world.count('pay')).toBe(2)
    expect((await types(scene)).filter((type) => type === 'tool-intended')).toHaveLength(2)
  })

  it('takes effect once, by its command id, and is refused when nothing waits for it', async () => {
    const { scene, running, outside, journal } = await parked()
    const wrong = [outside.settle('r', 'go', { done: false }), outside.settle('r', 'paid', { done: false })]
    for (const settling of wrong) await expect(settling).rejects.toMatchObject({ code: 'RUN_NOT_PARKED' })
    await expect(outside.settle('none', 'pay', { done: false })).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    const nothing = outside.settle('r', 'pay', {} as { done: false })
    await expect(nothing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await outside.settle('r', 'pay', { done: true, result: 1 }, { commandId: 'c' })
    scene.clock.advance(5)
    await journal.settle('r', 'pay', { done: true, result: 1 }, { commandId: 'c' })
    const other = journal.settle('r', 'pay', { done: true, result: 2 }, { commandId: 'c' })
    await expect(other).rejects.toMatchObject({ code: 'COMMAND_CONFLICT' })
    const second = journal.settle('r', 'pay', { done: false })
    await expect(second).rejects.toMatchObject({ code: 'RUN_NOT_PARKED' })
    await outside.signal('r', 'go', 5)
    expect(await passing(scene.clock, running)).toEqual({ paid: 1, other: 5 })
    const late = outside.settle('r', 'pay', { done: false })
    await expect(late).rejects.toMatchObject({ code: 'RUN_NOT_PARKED' })
    await outside.settle('r', 'pay', { done: true, result: 1 }, { commandId: 'c' })
    expect((await types(scene)).filter((type) => type === 'tool-settled')).toHaveLength(1)
  })

  it('lets one of two win who settle at the same time', async () => {
    const { scene, running, outside } = await parked()
    const both = await Promise.allSettled([
      outside.settle('r', 'pay', { done: true, result: 1 }),
      scene.another().settle('r', 'pay', { done: true, result: 2 }),
    ])
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await outside.signal('r', 'go')
    await passing(scene.clock, running)
    expect((await types(scene)).filter((type) => type === 'tool-settled')).toHaveLength(1)
  })

  it('is refused while the tool is at work, and means nothing when it stands there all the same', async () => {
    const scene = runScene()
    const journal = scene.another()
    let finish: (value: string) => void = () => undefined
    const running = journal.run('r', (run) =>
      run.tool(
        'pay',
        { effect: 'once' },
        () =>
          new Promise<string>((resolve) => {
            finish = resolve
          }),
      ),
    )
    await turns(10)
    await expect(journal.settle('r', 'pay', { done: false })).rejects.toMatchObject({ code: 'RUN_NOT_PARKED' })
    await scene
      .another()
      .append('run/r', { type: 'run.tool-settled', data: { key: 'pay', done: true, result: 'forged' } })
    scene.clock.advance(100)
    await turns(10)
    finish('own')
    expect(await passing(scene.clock, running)).toBe('own')
  })

  it('stays parked over restarts, and is not asked about again', async () => {
    const { scene, journal, running, outside, world } = await parked()
    await journal.close()
    await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    const before = await types(scene)
    const again = scene.another().run('r', body(world))
    await turns(20)
    expect(await types(scene)).toEqual(before)
    await outside.settle('r', 'pay', { done: true, result: 'x' })
    await outside.signal('r', 'go', 1)
    expect(await passing(scene.clock, again)).toEqual({ paid: 'x', other: 1 })
  })

  it('can be done while nobody drives the run', async () => {
    const { scene, journal, running, outside, world } = await parked()
    await journal.close()
    await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    await outside.settle('r', 'pay', { done: true, result: 'x' })
    await outside.signal('r', 'go', 1)
    expect(await scene.another().run('r', body(world))).toEqual({ paid: 'x', other: 1 })
    expect(world.count('pay')).toBe(1)
  })

  it('is not missed when it comes while the run is written down as parked', async () => {
    const scene = runScene()
    const world = toolWorld()
    await cutOff(scene, 4, body(world))
    let isSettled = false
    const store = new Proxy<Store>(scene.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (name !== 'append') return typeof value === 'function' ? value.bind(target) : value
        return async (batch: Batch) => {
          if (batch.events.length === 0 && batch.agenda !== undefined && !isSettled) {
            isSettled = true
            await scene.another().settle('r', 'pay', { done: true })
          }
          return target.append(batch)
        }
      },
    })
    const running = scene.another(store).run('r', body(world))
    await turns(30)
    // It was parked together with the event that says so; when this is taken, what is left is written down anew.
    await scene.another().signal('r', 'go', 1)
    expect(await passing(scene.clock, running)).toEqual({ paid: undefined, other: 1 })
    expect(isSettled).toBe(true)
    expect(world.count('pay')).toBe(1)
  })

  it('is needed too when the code says another effect than the one that was cut off', async () => {
    const scene = runScene()
    const world = toolWorld()
    const paying = (effect: 'once' | 'idempotent' | 'pure') => (run: Run) =>
      run.tool('pay', { effect }, (context) => world.act(context))
    await cutOff(scene, 3, paying('once'))
    for (const effect of ['idempotent', 'pure'] as const) {
      const journal = leaving(scene)
      const running = journal.run('r', paying(effect))
      await turns(20)
      expect(await state(scene)).toBe('parked')
      await journal.close()
      await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    }
    expect(world.count('pay')).toBe(1)
  })
})

describe('the end of a run', () => {
  it('aborts what still runs, and names what nobody knows of', async () => {
    const scene = runScene()
    const aborted: string[] = []
    const hang = (context: ToolContext) => {
      context.signal.addEventListener('abort', () => aborted.push(context.key))
      return never()
    }
    const compensate = () => undefined
    const result = await scene.another().run('r', async (run) => {
      const losers = [
        run.tool('once', { effect: 'once' }, hang),
        run.tool('idempotent', { effect: 'idempotent' }, hang),
        run.tool('reversible', { effect: 'reversible', compensate }, hang),
        run.step('step', (context) => {
          context.signal.addEventListener('abort', () => aborted.push(context.key))
          return never()
        }),
      ]
      await run.tool('settled', { effect: 'once' }, () => 1)
      return Promise.race([...losers, run.step('winner', () => 'won')])
    })
    expect(result).toBe('won')
    const ending = (await recorded(scene)).at(-1)?.data
    expect(ending).toMatchObject({ abandoned: ['once', 'idempotent', 'reversible', 'step'] })
    expect(ending?.ambiguous).toEqual(['once', 'reversible'])
    expect(aborted).toEqual(['once', 'idempotent', 'reversible', 'step'])
  })

  it('does not call a tool whose intent became durable too late', async () => {
    const scene = runScene()
    const world = toolWorld()
    await scene.another().run('r', async (run) => {
      await run.step('s', () => 1)
      run.tool('late', { effect: 'once' }, (context) => world.act(context)).catch(() => undefined)
      return 'done'
    })
    await turns(20)
    expect(world.calls).toEqual([])
    expect(await types(scene)).toEqual(['created', 'step', 'tool-intended', 'completed'])
    const ending = (await recorded(scene)).at(-1)?.data
    expect(ending).toMatchObject({ abandoned: ['late'] })
    expect(ending).not.toHaveProperty('ambiguous')
  })

  it('knows of an outcome that is on its way', async () => {
    const scene = runScene()
    let finish: (value: number) => void = () => undefined
    await scene.another().run('r', async (run) => {
      const call = () =>
        new Promise<number>((resolve) => {
          finish = resolve
        })
      run.tool('pay', { effect: 'once' }, call).catch(() => undefined)
      await run.step('s', () => 1)
      await run.step('t', () => 1)
      finish(1)
      // The tool's end takes some turns of promises, and no event.
      for (let turn = 0; turn < 30; turn += 1) await Promise.resolve()
    })
    const ending = (await recorded(scene)).at(-1)?.data
    expect((await types(scene)).slice(-2)).toEqual(['tool', 'completed'])
    expect(ending).not.toHaveProperty('ambiguous')
  })

  it('begins nothing that was left behind, when the process died before it was recorded', async () => {
    const scene = runScene()
    const world = toolWorld()
    let calls = 0
    const body = async (run: Run) => {
      await run.step('s', () => 1)
      run.tool('left', { effect: 'pure' }, (context) => world.act(context)).catch(() => undefined)
      calls += 1
      return calls
    }
    await cutOff(scene, 3, body)
    const before = world.count('left')
    expect(await scene.another().run('r', body)).toBe(2)
    await turns(20)
    expect(world.count('left')).toBe(before)
    expect((await recorded(scene)).at(-1)?.data).toMatchObject({ abandoned: ['left'] })
  })

  it('names an ambiguous tool when the run is cancelled, and does not wait for it', async () => {
    const scene = runScene()
    const journal = scene.another()
    const running = journal.run('r', (run) => run.tool('pay', { effect: 'once' }, never))
    await turns(10)
    await journal.cancel('r')
    await expect(running).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    const ending = (await recorded(scene)).at(-1)
    expect([ending?.type, ending?.data.ambiguous]).toEqual(['run.cancelled', ['pay']])
  })
})
