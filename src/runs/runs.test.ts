// C1.3, C1.8: runs that are cut off anywhere go on as if they had not been.

import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../errors.ts'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { dyingStore, runScene, turns } from '../testing/cut-off-scene.ts'
import type { Run } from './run.ts'

describe('run', () => {
  it('refuses what can be no id', async () => {
    const journal = runScene().another()
    const body = async () => 1
    journal.define('task', body)
    await journal.run('source', body)
    for (const id of ['', {}, 7, 'x'.repeat(600)] as unknown as readonly string[]) {
      const code = 'INVALID_ARGUMENT'
      await expect((async () => journal.run(id, body))()).rejects.toMatchObject({ code })
      await expect(journal.start('task', { id })).rejects.toMatchObject({ code })
      await expect(journal.fork('source', { as: id })).rejects.toMatchObject({ code })
      const parent = `parent of ${typeof id} ${String(id).length}`
      await expect(journal.run(parent, (run) => run.child('c', body, { id }))).rejects.toMatchObject({ code })
    }
    await journal.close()
  })

  it('a step that fails and that nobody awaits yet ends no process', async () => {
    const journal = runScene().another()
    const heard: unknown[] = []
    const hear = (error: unknown) => heard.push(error)
    process.on('unhandledRejection', hear)
    const result = journal.run('r', async (run) => {
      const failing = run.step('a', () => {
        throw new TypeError('no')
      })
      for (let n = 0; n < 5; n += 1) await run.step('b', () => n)
      return await failing.catch((error: Error) => error.name)
    })
    expect(await result).toBe('TypeError')
    process.off('unhandledRejection', hear)
    expect(heard).toEqual([])
    await journal.close()
  })

  it('cancelling what has several steps open ends no process', async () => {
    const journal = runScene().another()
    const heard: unknown[] = []
    const hear = (error: unknown) => heard.push(error)
    process.on('unhandledRejection', hear)
    const result = new Promise<unknown>((resolve) => {
      const body = async (run: Run) => {
        const later = run.wait('never')
        resolve(undefined)
        await run.wait('go')
        return later
      }
      journal.run('r', body).catch(hear)
    })
    await result
    await journal.cancel('r', { reason: 'enough' })
    await expect(journal.result('r')).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    await turns(5)
    process.off('unhandledRejection', hear)
    // What run() rejects with, and nothing else.
    expect(heard).toMatchObject([{ code: 'RUN_CANCELLED', details: { id: 'r' } }])
    await journal.close()
  })

  it('gives what the function returns, and gives it again', async () => {
    const journal = runScene().another()
    let calls = 0
    const body = async (run: Run, input: { readonly n: number }) => {
      const a = await run.step('a', () => {
        calls += 1
        return input.n + 1
      })
      return { a, b: await run.step('b', async () => ({ a })), at: run.now(), id: run.uuid(), chance: run.random() }
    }
    const one = await journal.run('r', body, { input: { n: 4 } })
    expect(one).toMatchObject({ a: 5, b: { a: 5 } })
    expect(await journal.run('r', body)).toEqual(one)
    expect(calls).toBe(1)
    const events = await journal.read('run/r').toArray()
    expect(events.map((event) => event.type)).toEqual(['run.created', 'run.step', 'run.step', 'run.completed'])
    expect(await journal.agenda.list()).toEqual([])
    expect(await journal.leases.get('run/-/r')).toBeUndefined()
  })

  it('joins what runs in this process', async () => {
    const journal = runScene().another()
    const body = (run: Run) => run.step('once', () => ({ at: 1 }))
    const [one, two] = await Promise.all([journal.run('r', body), journal.run('r', body)])
    expect(one).toEqual({ at: 1 })
    expect(two).toBe(one)
    expect(await journal.head('run/r')).toMatchObject({ seq: 3 })
  })

  it('keeps a failure, and throws the same error again', async () => {
    const { another } = runScene()
    const body = async (run: Run) => {
      await run.step('fails', () => {
        throw Object.assign(new TypeError('no such thing'), { code: 'E_NONE', at: new Date(5) })
      })
    }
    const caught = async (journal: HoldfastJournal) => journal.run('r', body).catch((error: unknown) => error)
    const first = await caught(another())
    expect(first).toBeInstanceOf(TypeError)
    expect(first).toMatchObject({ message: 'no such thing', code: 'E_NONE', at: new Date(5) })
    expect(await caught(another())).toEqual(first)
  })

  it('gives a live step what a replay will get', async () => {
    const journal = runScene().another()
    class Money {
      readonly amount = 3
    }
    const result = journal.run('r', async (run) => {
      const shared = { list: [1] }
      const got = await run.step('shared', () => shared)
      shared.list.push(2)
      const refused = await run.step('class', () => new Money()).catch((error: { readonly code: string }) => error.code)
      return { got, refused, isOwn: got !== shared }
    })
    expect(await result).toEqual({ got: { list: [1] }, refused: 'NOT_STORABLE', isOwn: true })
  })

  it('tries again after a pause, and goes on counting after a restart', async () => {
    const { another, clock, store } = runScene()
    const attempts: number[] = []
    const body = (run: Run) =>
      run.step(
        'flaky',
        ({ attempt }) => {
          attempts.push(attempt)
          if (attempt < 4) throw new Error(`attempt ${attempt}`)
          return attempt
        },
        { retry: { times: 3, delay: 100, jitter: false } },
      )
    const passing = async (journal: HoldfastJournal) => {
      let isOver = false
      const running = journal.run('r', body).finally(() => {
        isOver = true
      })
      running.catch(() => undefined)
      for (; !isOver; clock.advance(100)) await turns(5)
      return running
    }
    // The fourth append would have recorded the third failure.
    await expect(passing(another(dyingStore(store, 4)))).rejects.toMatchObject({ code: 'CLOSED' })
    expect(attempts).toEqual([1, 2, 3])
    expect(await passing(another())).toBe(4)
    expect(attempts).toEqual([1, 2, 3, 3, 4])
  })

  it('refuses another input for a run that is there', async () => {
    const journal = runScene().another()
    const body = async (_: Run, input: unknown) => input
    expect(await journal.run('r', body, { input: { a: [1, 2] } })).toEqual({ a: [1, 2] })
    const again = journal.run('r', body, { input: { a: [1, 3] } })
    await expect(again).rejects.toMatchObject({
      code: 'RUN_CONFLICT',
      details: { path: 'input.a[1]', recorded: 2, given: 3 },
    })
    expect(await journal.run('r', body, { input: { a: [1, 2] } })).toEqual({ a: [1, 2] })
  })

  it('ends when it is cancelled, and says so again', async () => {
    const { another } = runScene()
    const journal = another()
    let reason: unknown
    const body = async (run: Run) => {
      run.signal.addEventListener('abort', () => {
        reason = run.signal.reason
      })
      return run.wait('never')
    }
    const running = journal.run('r', body)
    await turns(10)
    await journal.cancel('r', { reason: 'enough' })
    await expect(running).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(reason).toMatchObject({ code: 'RUN_CANCELLED', details: { reason: 'enough' } })
    await expect(another().run('r', body)).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    await expect(journal.signal('unknown', 'x')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  })

  it('records events of types of its own, also after it was cancelled', async () => {
    const { another } = runScene()
    const body = async (run: Run) => {
      const noted = await run.record('order.noted', { when: new Date(5) })
      try {
        await run.wait('never')
      } catch (error) {
        await run.record('order.dropped', { why: (error as HoldfastError).code })
        throw error
      } finally {
        await run.annotate('over', noted)
      }
    }
    const journal = another()
    const running = journal.run('r', body)
    await turns(10)
    await journal.cancel('r')
    await expect(running).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    const events = (await journal.read('run/r').toArray()).filter(({ type }) => !type.startsWith('run.wait'))
    expect(events.map(({ type }) => type)).toEqual([
      'run.created',
      'order.noted',
      'run.cancel-requested',
      'order.dropped',
      'run.annotated',
      'run.cancelled',
    ])
    expect(events.map(({ data }) => data)).toMatchObject([
      {},
      { result: { when: new Date(5) } },
      {},
      { result: { why: 'RUN_CANCELLED' } },
      { details: { when: new Date(5) } },
      {},
    ])
  })

  it('records how a step ended under a type of its own', async () => {
    const { another } = runScene()
    const body = (run: Run) => run.step('think', () => 'so', { type: 'thought' })
    expect(await another().run('r', body)).toBe('so')
    expect(await another().run('r', body)).toBe('so')
    const events = await another().read('run/r', { types: 'thought' }).toArray()
    expect(events.map(({ data }) => data)).toMatchObject([{ key: 'think', result: 'so' }])
    const refused = another().run('other', async (run) => run.step('think', () => 'so', { type: 'run.completed' }))
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('notices changed code at the first step that is another, and keeps the run', async () => {
    const { another, store } = runScene()
    const one = another(dyingStore(store, 5))
    const body = async (run: Run) => {
      await run.step('a', () => 1)
      await Promise.all([run.step('b', () => 2), run.step('c', () => 3)])
      return run.step('d', () => 4)
    }
    await expect(one.run('r', body)).rejects.toMatchObject({ code: 'CLOSED' })
    const other = another().run('r', async (run) => {
      await run.step('a', () => 1)
      await Promise.all([run.step('b', () => 2), run.step('x', () => 3)])
    })
    await expect(other).rejects.toMatchObject({ code: 'RUN_DIVERGED', details: { recorded: ['c'], attempted: ['x'] } })
    expect(await another().run('r', body)).toBe(4)
  })
})

describe('a run that is killed', () => {
  // Tools, branches, a race, a sleep, a wait, scopes: one of each.
  const body =
    (calls: string[]) =>
    async (run: Run, input: { readonly n: number }): Promise<unknown> => {
      const did = <T>(key: string, result: T): T => {
        calls.push(key)
        return result
      }
      const plan = await run.step('plan', () => did('plan', ['x', 'y', 'z']), { input })
      const hits = await Promise.all(
        plan.map((q) => run.step(`search:${q}`, async () => did(`search:${q}`, q.repeat(2)))),
      )
      await run.sleep('1h')
      const branches = await Promise.all(
        ['left', 'right'].map((side) =>
          run.scope(side, async (inner) => {
            const first = await inner.step('try', () => did(`${side}/try`, side))
            await inner.annotate(`tried ${side}`)
            return `${first}${await inner.step('try', () => did(`${side}/try#2`, 2))}`
          }),
        ),
      )
      const winner = await Promise.race([
        run.step('never', () => new Promise<string>(() => undefined)),
        run.sleep('5m').then(() => 'timer'),
      ])
      const approval = await run.wait('approval')
      const late = await run.wait('more', { timeout: '1m' })
      return { hits, branches, winner, approval, late, chance: [run.random(), run.uuid()] }
    }

  it('ends as if it had not been, wherever that was', async () => {
    const undisturbed = await play(Number.POSITIVE_INFINITY)
    const total = undisturbed.types.length
    expect(total).toBeGreaterThan(15)
    for (let dieAt = 1; dieAt <= total + 1; dieAt += 1) {
      const { result, calls, recorded } = await play(dieAt)
      expect(result, `killed before append ${dieAt}`).toEqual(undisturbed.result)
      // What was durable when it died was not called again.
      for (const key of recorded) expect(calls.filter((call) => call === key).length, `${key} at ${dieAt}`).toBe(1)
    }
  })

  async function play(dieAt: number) {
    const { another, store, clock } = runScene()
    const calls: string[] = []
    const driven = async (journal: HoldfastJournal) => {
      let end: { readonly value: unknown } | undefined
      const running = journal.run('r', body(calls), { input: { n: 1 } }).then(
        (value) => {
          end = { value }
        },
        (error: unknown) => {
          end = { value: error }
        },
      )
      while (end === undefined) {
        await turns(3)
        if (end !== undefined) break
        const { seq } = await journal.head('run/r')
        if (seq > 0 && (await journal.read('run/r', { types: 'run.signal' }).toArray()).length === 0) {
          await another().signal('r', 'approval', { by: 'me' }, { commandId: 'approve' })
        }
        clock.advance(60_000)
      }
      await running
      return end.value
    }
    let result = await driven(another(dyingStore(store, dieAt)))
    const atDeath = await another().read('run/r').toArray()
    const recorded = atDeath
      .filter(({ type }) => type === 'run.step')
      .map(({ data }) => called((data as { key: string }).key))
    if (result instanceof HoldfastError && result.code === 'CLOSED') result = await driven(another())
    const types = (await another().read('run/r').toArray()).map(({ type }) => type)
    return { result, calls, recorded, types }
  }

  function called(key: string): string {
    return key.replace(' » ', '/')
  }
})
