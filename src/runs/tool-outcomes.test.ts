// What becomes of one tool: thrown errors, timeouts, answers of `verify`.

import { describe, expect, it } from 'vitest'
import { passing, runScene, turns } from '../testing/cut-off-scene.ts'
import { cutOff, leaving, pass, state, types } from '../testing/run-trace.ts'
import { toolWorld } from '../testing/tool-world.ts'
import type { Run } from './run.ts'
import type { ToolContext } from './tool-context.ts'
import type { ToolOptions } from './tool-terms.ts'

const never = (): Promise<never> => new Promise(() => undefined)

describe('a tool', () => {
  it('is called with the same idempotency key in every attempt and every process', async () => {
    const scene = runScene()
    const keys: string[] = []
    const body = (run: Run) =>
      run.tool('put', { effect: 'idempotent', retry: { times: 2, delay: 10 } }, ({ idempotencyKey, attempt }) => {
        keys.push(idempotencyKey)
        if (attempt < 3) throw new Error('busy')
        return attempt
      })
    await cutOff(scene, 3, body)
    expect(await passing(scene.clock, scene.another().run('r', body), 10)).toBe(3)
    expect(keys.length).toBe(4)
    expect(new Set(keys).size).toBe(1)
    const other = scene
      .another()
      .run('r2', (run) => run.tool('put', { effect: 'once' }, (context) => context.idempotencyKey))
    expect(await other).not.toBe(keys[0])
    const own = scene
      .another()
      .run('r3', (run) => run.tool('put', { effect: 'once', key: 'order-7' }, (c) => c.idempotencyKey))
    expect(await own).toBe('order-7')
  })

  it('keeps the idempotency key of its first intent when it has another name, or another key, by now', async () => {
    const scene = runScene()
    const keys: string[] = []
    const body = (name: string, given: { readonly key?: string } = {}) => {
      return (run: Run) =>
        run.tool(name, { effect: 'idempotent', retry: { times: 2, delay: 10 }, ...given }, (context) => {
          keys.push(context.idempotencyKey)
          if (context.attempt < 3) throw new Error('busy')
          return context.attempt
        })
    }
    await cutOff(scene, 3, body('put'))
    const renamed = { put: 'store' }
    expect(await passing(scene.clock, scene.another().run('r', body('store'), { renamed }), 10)).toBe(3)
    expect(keys.length).toBe(4)
    expect(new Set(keys).size).toBe(1)
    const other = runScene()
    keys.length = 0
    await cutOff(other, 3, body('put', { key: 'order-7' }))
    expect(await passing(other.clock, other.another().run('r', body('put', { key: 'order-8' })), 10)).toBe(3)
    expect(keys).toEqual(['order-7', 'order-7', 'order-7', 'order-7'])
  })

  it('of effect `once` fails with what it throws, and is tried again as often as it may, each time behind an intent', async () => {
    const scene = runScene()
    let calls = 0
    const body = (run: Run) =>
      run.tool('pay', { effect: 'once', retry: { times: 2, delay: 10 } }, () => {
        calls += 1
        throw Object.assign(new Error('refused'), { code: calls })
      })
    await expect(passing(scene.clock, scene.another().run('r', body), 10)).rejects.toMatchObject({ code: 3 })
    expect(await types(scene)).toEqual([
      'created',
      ...['tool-intended', 'tool-retried', 'tool-intended', 'tool-retried', 'tool-intended'],
      ...['tool', 'failed'],
    ])
    await expect(scene.another().run('r', body)).rejects.toMatchObject({ code: 3 })
    expect(calls).toBe(3)
  })

  it.each(['its result', 'its charge', 'its fit'])('of effect `once` is not called again for %s', async (what) => {
    const scene = runScene()
    let calls = 0
    const schema = {
      '~standard': { version: 1 as const, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) },
    }
    const options: ToolOptions<unknown> = {
      effect: 'once',
      retry: 3,
      ...(what === 'its fit' ? { schema } : {}),
      ...(what === 'its charge' ? { charge: () => ({ tokens: -1 }) } : {}),
    }
    const running = scene.another().run('r', (run) =>
      run.tool('pay', options, () => {
        calls += 1
        return what === 'its result' ? () => undefined : 1
      }),
    )
    const codes = { 'its result': 'NOT_STORABLE', 'its charge': 'INVALID_ARGUMENT', 'its fit': 'SCHEMA_MISMATCH' }
    await expect(running).rejects.toMatchObject({ code: codes[what as keyof typeof codes] })
    expect(calls).toBe(1)
  })

  it('fails with its own error when the condition of its retries throws', async () => {
    const when = () => {
      throw new RangeError('condition')
    }
    const fails = () => {
      throw new TypeError('own')
    }
    const retry = { times: 1, when }
    const journal = runScene().another()
    await expect(journal.run('a', (run) => run.tool('t', { effect: 'once', retry }, fails))).rejects.toThrow(TypeError)
    await expect(journal.run('b', (run) => run.step('s', fails, { retry }))).rejects.toThrow(TypeError)
  })

  it('is not called when its input cannot be recorded', async () => {
    const scene = runScene()
    const world = toolWorld()
    const running = scene
      .another()
      .run('r', (run) => run.tool('pay', { effect: 'once', input: () => undefined }, (context) => world.act(context)))
    await expect(running).rejects.toMatchObject({ code: 'NOT_STORABLE' })
    expect(world.calls).toEqual([])
  })

  it('is refused when its options make no sense', async () => {
    const journal = runScene().another()
    const compensate = () => undefined
    const verify = () => 'unknown' as const
    const wrong: readonly ToolOptions[] = [
      { effect: 'twice' as 'once' },
      { effect: 'reversible' },
      { effect: 'once', compensate },
      { effect: 'pure', verify },
      { effect: 'idempotent', verify },
      { effect: 'once', key: '' },
    ]
    for (const [index, options] of wrong.entries()) {
      const running = journal.run(`r${index}`, async (run) => run.tool('t', options, () => 1))
      await expect(running).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  it('notices another input, and a tool where a step was', async () => {
    const scene = runScene()
    const body = (amount: number) => async (run: Run) => {
      await run.tool('pay', { effect: 'idempotent', input: { amount } }, () => 1)
      await run.step('s', never)
    }
    const journal = leaving(scene)
    const running = journal.run('r', body(1))
    await turns(10)
    await journal.close()
    await expect(running).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(scene.another().run('r', body(2))).rejects.toMatchObject({ code: 'RUN_DIVERGED' })
    const step = async (run: Run) => run.step('did', () => 1).then(() => run.wait('never'))
    const second = leaving(scene)
    const stepped = second.run('r2', step)
    await turns(10)
    await second.close()
    await expect(stepped).rejects.toMatchObject({ code: 'CLOSED' })
    const tool = scene.another().run('r2', (run) => run.tool('did', { effect: 'once' }, () => 1))
    await expect(tool).rejects.toMatchObject({ code: 'RUN_DIVERGED' })
  })
})

describe('a tool that takes too long', () => {
  const slow = (
    effect: 'once',
    options: Partial<ToolOptions<string>>,
    call: (context: ToolContext) => Promise<string>,
  ) => {
    return (run: Run) => run.tool('pay', { effect, timeoutMs: 100, ...options }, call)
  }

  it('has as long again to come back, and its result counts', async () => {
    const scene = runScene()
    const body = slow('once', {}, ({ signal }) => {
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')))
    })
    expect(await passing(scene.clock, scene.another().run('r', body), 50)).toBe('late')
    expect(await types(scene)).toEqual(['created', 'tool-intended', 'tool', 'completed'])
  })

  it.each(['by rejecting', 'not at all'])('is ambiguous when it comes back %s', async (how) => {
    const scene = runScene()
    const body = slow('once', { retry: 5 }, ({ signal }) => {
      return new Promise((_, reject) => {
        if (how === 'by rejecting') signal.addEventListener('abort', () => reject(new Error('aborted')))
      })
    })
    const running = scene.another().run('r', body)
    await pass(scene, 6, 50)
    expect(await types(scene)).toEqual(['created', 'tool-intended', 'tool-ambiguous'])
    expect(await state(scene)).toBe('parked')
    await scene.another().settle('r', 'pay', { done: true, result: 'found' })
    expect(await passing(scene.clock, running)).toBe('found')
  })

  it('is called again when a person says that it had no effect', async () => {
    const scene = runScene()
    const body = slow('once', {}, ({ attempt }) => (attempt === 1 ? never() : Promise.resolve('second')))
    const running = scene.another().run('r', body)
    await pass(scene, 6, 50)
    await scene.another().settle('r', 'pay', { done: false })
    expect(await passing(scene.clock, running, 20)).toBe('second')
  })

  it('fails for sure when `verify` says so, but not while its call still runs', async () => {
    const comesBack = runScene()
    const verify = () => ({ done: false }) as const
    const rejecting = slow('once', { verify }, ({ signal }) => {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const failing = passing(comesBack.clock, comesBack.another().run('r', rejecting), 50)
    await expect(failing).rejects.toMatchObject({ code: 'STEP_TIMEOUT' })
    const hangs = runScene()
    hangs
      .another()
      .run('r', slow('once', { verify }, never))
      .catch(() => undefined)
    await pass(hangs, 6, 50)
    expect(await types(hangs)).toEqual(['created', 'tool-intended', 'tool-ambiguous'])
  })

  it('is called again when it is idempotent', async () => {
    const scene = runScene()
    const body = (run: Run) =>
      run.tool('put', { effect: 'idempotent', timeoutMs: 100, retry: { times: 1, delay: 10 } }, ({ attempt }) => {
        return attempt === 1 ? never() : 'put'
      })
    expect(await passing(scene.clock, scene.another().run('r', body), 50)).toBe('put')
  })
})

describe('`verify`', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('down')
      },
    ],
    ['gives no clear answer', () => ({ done: 'yes' }) as never],
    ['does not answer', never],
    ['says unknown', () => 'unknown' as const],
  ])('leaves it to a person when it %s', async (_, verify) => {
    const scene = runScene()
    const world = toolWorld()
    const body = (run: Run) =>
      run.tool('pay', { effect: 'once', timeoutMs: 100, verify }, (context) => world.act(context))
    await cutOff(scene, 3, body)
    const running = scene.another().run('r', body)
    await pass(scene, 4, 50)
    expect((await types(scene)).at(-1)).toBe('tool-ambiguous')
    await scene.another().settle('r', 'pay', { error: new RangeError('gave up') })
    await expect(passing(scene.clock, running)).rejects.toThrow(RangeError)
    expect(world.count('pay')).toBe(1)
  })
})
