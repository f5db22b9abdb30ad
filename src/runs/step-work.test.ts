// What a step makes of what its function gives: checked by its schema, tried again, timed, and the same from the record.

import { describe, expect, it } from 'vitest'
import type { StandardSchema } from '../core/schema.ts'
import { passing, runScene, turns } from '../testing/cut-off-scene.ts'
import { recorded } from '../testing/run-trace.ts'
import type { Run } from './run.ts'

/** Takes numbers of 2 and more, and gives them as text. */
const numberAsText: StandardSchema<unknown, string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      Number(value) >= 2 ? { value: `number ${String(value)}` } : { issues: [{ message: 'too small', path: ['n'] }] },
  },
}

describe('a step', () => {
  it('gives what its schema makes of the result, live and from the record', async () => {
    const scene = runScene()
    const body = (run: Run) => run.step('a', () => 2 as unknown as string, { schema: numberAsText })
    expect(await scene.another().run('r', body)).toBe('number 2')
    expect(await scene.another().run('r', body)).toBe('number 2')
    expect((await recorded(scene))[1]?.data).toMatchObject({ key: 'a', result: 'number 2' })
    expect((await recorded(scene))[1]?.data).not.toHaveProperty('attempts')
  })

  it('has failed when its result does not fit, and is tried again', async () => {
    const scene = runScene()
    const body = (run: Run) =>
      run.step('a', ({ attempt }) => attempt as unknown as string, {
        schema: numberAsText,
        retry: { times: 1, delay: 10 },
      })
    expect(await passing(scene.clock, scene.another().run('r', body), 10)).toBe('number 2')
    const [, retried, step] = await recorded(scene)
    expect(retried?.data).toMatchObject({ attempt: 1, error: { code: 'SCHEMA_MISMATCH' } })
    expect(step?.data).toMatchObject({ result: 'number 2', attempts: 2 })
    const failing = scene
      .another()
      .run('r2', (run) => run.step('a', () => 1, { schema: numberAsText as StandardSchema }))
    const issues = [{ path: 'n', message: 'too small' }]
    await expect(failing).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH', details: { issues } })
  })

  it('is told when its time is over, and what it gives then is not taken', async () => {
    const scene = runScene()
    const aborted: number[] = []
    const late: (() => void)[] = []
    const body = (run: Run) =>
      run.step(
        'a',
        async ({ attempt, signal }) => {
          signal.addEventListener('abort', () => aborted.push(attempt))
          if (attempt === 1) await new Promise<void>((resolve) => late.push(resolve))
          return `attempt ${attempt}`
        },
        { timeoutMs: 100, retry: { times: 1, delay: 10 } },
      )
    const running = scene.another().run('r', async (run) => {
      const result = await body(run)
      for (const one of late) one()
      await run.sleep(10)
      return result
    })
    expect(await passing(scene.clock, running, 50)).toBe('attempt 2')
    await turns(5)
    expect(aborted).toEqual([1])
    expect((await recorded(scene)).map(({ type }) => type)).toEqual([
      'run.created',
      'run.step-retried',
      'run.step',
      'run.sleep',
      'run.woke',
      'run.completed',
    ])
  })
})

describe('a tool', () => {
  it('is not told of an end when it has come back', async () => {
    const scene = runScene()
    let aborts = 0
    const act = ({ signal }: { readonly signal: AbortSignal }) => {
      signal.addEventListener('abort', () => {
        aborts += 1
      })
      return 'done'
    }
    const running = scene.another().run('r', async (run) => {
      await run.tool('a', { effect: 'once' }, act)
      return run.step('b', act)
    })
    expect(await running).toBe('done')
    expect(aborts).toBe(0)
  })
})

describe('a wait', () => {
  it('gives what its schema makes of the signal, or rejects, live and in the replay', async () => {
    const scene = runScene()
    const body = async (run: Run) => {
      const fits = await run.wait('go', { schema: numberAsText })
      const doesNot = await run
        .wait('go', { schema: numberAsText })
        .catch((error: { readonly code: string }) => error.code)
      await run.wait('end')
      return [fits, doesNot]
    }
    const first = scene.another()
    const running = first.run('r', body)
    running.catch(() => undefined)
    await turns(10)
    await first.signal('r', 'go', 5)
    await first.signal('r', 'go', 1)
    await turns(20)
    const replayed = scene.another().check('r', body)
    expect(await replayed).toMatchObject({ ok: true })
    await first.signal('r', 'end')
    expect(await running).toEqual(['number 5', 'SCHEMA_MISMATCH'])
    expect(await scene.another().run('r', body)).toEqual(['number 5', 'SCHEMA_MISMATCH'])
  })

  it('refuses a schema that takes its time', async () => {
    const slow: StandardSchema = {
      '~standard': { version: 1, vendor: 'test', validate: async (value) => ({ value }) },
    }
    const scene = runScene()
    const journal = scene.another()
    const running = journal.run('r', (run) => run.wait('go', { schema: slow }))
    running.catch(() => undefined)
    await turns(10)
    await journal.signal('r', 'go', 5)
    await expect(running).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
