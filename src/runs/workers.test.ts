// C1.1: runs by name, taken on by workers: each by one, also when workers die.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { turns } from '../testing/cut-off-scene.ts'
import { type ProcessOptions, type RunsScene, runsScene } from '../testing/runs-scene.ts'
import type { Run } from './run.ts'

const many = { manyWriters: true }

async function states(journal: HoldfastJournal): Promise<readonly unknown[]> {
  return (await journal.agenda.list({ prefix: 'run/' })).map(({ data }) => (data as { readonly state: string }).state)
}

function hire(scene: RunsScene, body: (run: Run, input: number) => Promise<unknown>, options?: ProcessOptions) {
  const journal = scene.process(options)
  journal.define('job', body)
  return journal
}

describe('start', () => {
  it('puts a run on the agenda, and gives the same one for the same command, or the same id', async () => {
    const { process, clock } = runsScene()
    const journal = process()
    const first = await journal.start('job', { input: { n: 1 }, commandId: 'order-1' })
    clock.advance(1_000)
    expect(await process().start('job', { input: { n: 1 }, commandId: 'order-1' })).toEqual(first)
    await journal.start('job', { id: 'mine', input: 1 })
    await journal.start('job', { id: 'mine', input: 1 })
    await expect(journal.start('job', { id: 'mine', input: 2 })).rejects.toMatchObject({ code: 'RUN_CONFLICT' })
    await expect(journal.start('other', { id: 'mine', input: 1 })).rejects.toMatchObject({ code: 'RUN_CONFLICT' })
    await expect(journal.start('a/b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await states(journal)).toEqual(['queued', 'queued'])
    expect((await journal.start('job')).id).not.toBe((await journal.start('job')).id)
  })

  it('needs nobody who has it defined, and waits for somebody who has', async () => {
    const scene = runsScene()
    const without = scene.process(many)
    without.define('other', async () => 0)
    const idle = without.worker()
    const { id } = await without.start('job', { input: 20 })
    await scene.until(async () => scene.clock.now() > 1_700_000_060_000)
    expect(await states(without)).toEqual(['queued'])
    const waited = without.result(id)
    const journal = hire(scene, async (run, n) => run.step('double', () => n * 2), many)
    const worker = journal.worker()
    expect(await scene.settled(waited)).toBe(40)
    expect(await scene.settled(journal.result(id))).toBe(40)
    await expect(journal.result('none')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    await Promise.all([idle.stop(), worker.stop()])
  })
})

describe('a worker', () => {
  it('drives no more at a time than it was told, those that rest aside', async () => {
    const scene = runsScene()
    let atWork = 0
    let most = 0
    const journal = hire(scene, async (run) => {
      const work = async (): Promise<void> => {
        most = Math.max(most, ++atWork)
        await turns(5)
        atWork -= 1
      }
      await run.step('one', work)
      await run.wait('go')
    })
    await using _ = journal.worker({ concurrency: 3 })
    const started = await Promise.all(Array.from({ length: 20 }, (_, n) => journal.start('job', { id: `r${n}` })))
    await scene.until(async () => (await states(journal)).every((state) => state === 'waiting'))
    expect(most).toBe(3)
    await Promise.all(started.map(({ id }) => journal.signal(id, 'go')))
    await scene.settled(Promise.all(started.map(({ id }) => journal.result(id))))
    expect(await states(journal)).toEqual([])
  })

  it('finds the sleepers and waiters that are out of memory', async () => {
    const scene = runsScene()
    const begun: number[] = []
    const body = async (run: Run, n: number) => {
      begun.push(n)
      await run.sleep(n % 2 === 0 ? '10m' : '20m')
      return { n, told: await run.wait('go', { timeout: '30m' }) }
    }
    const journal = hire(scene, body, { resident: 2 })
    await using _ = journal.worker({ concurrency: 4 })
    const started = await Promise.all(
      Array.from({ length: 12 }, (_, n) => journal.start('job', { id: `r${n}`, input: n })),
    )
    await scene.until(async () => (await states(journal)).every((state) => state === 'sleeping'))
    expect(begun.length).toBe(12)
    await scene.until(async () => (await states(journal)).every((state) => state === 'waiting'), 4_000)
    await scene.process().signal('r3', 'go', 'now')
    const results = await scene.settled(Promise.all(started.map(({ id }) => journal.result(id))), 4_000)
    expect(results).toEqual(started.map((_, n) => ({ n, told: n === 3 ? 'now' : undefined })))
  })

  it('takes on what a dead one had, when its lease has run out; and the dead one can append no more', async () => {
    const scene = runsScene()
    const steps: string[] = []
    const body = (name: string) => async (run: Run) => {
      await run.step('a', () => steps.push(`${name}/a`))
      await run.step('b', () => (name === 'first' ? new Promise(() => undefined) : steps.push(`${name}/b`)))
    }
    const dead = hire(scene, body('first'), { ...many, dieAt: 4 })
    const errors: unknown[] = []
    dead.worker({ onError: (error) => errors.push(error) })
    const other = hire(scene, body('second'), many)
    await other.start('job', { id: 'r' })
    // Two appends it has: the claim, and the first step; the one that would renew its lease is not stored.
    await scene.until(() => steps.length === 1)
    await using _ = other.worker()
    await scene.settled(other.result('r'))
    expect(steps).toEqual(['first/a', 'second/b'])
  })

  it('takes on at once what a process before it had in a store of one writer', async () => {
    const scene = runsScene()
    const steps: string[] = []
    const body = async (run: Run) => {
      steps.push('begin')
      await run.step('a', () => (steps.length === 1 ? new Promise(() => undefined) : steps.push('a')))
    }
    const dead = hire(scene, body, { dieAt: 3 })
    dead.worker()
    await dead.start('job', { id: 'r' })
    await scene.until(() => steps.length === 1)
    const began = scene.clock.now()
    const journal = hire(scene, body)
    await using _ = journal.worker()
    await scene.settled(journal.result('r'), 100)
    expect(scene.clock.now() - began).toBeLessThan(1_000)
    expect(steps).toEqual(['begin', 'begin', 'a'])
  })

  it('takes on what rested with a process before it, in a store of one writer, as soon as that is due or told', async () => {
    const scene = runsScene()
    const body = async (run: Run, rests: number) => {
      if (rests === 1) await run.sleep('2s')
      else await run.wait('go')
      return run.step('last', () => 'gone on')
    }
    const dead = hire(scene, body, { dieAt: 9 })
    dead.worker()
    await Promise.all([1, 2].map((input) => dead.start('job', { id: `r${input}`, input })))
    await scene.until(async () => (await states(dead)).join() === 'sleeping,waiting', 1)
    await scene.until(() => scene.clock.now() > 1_700_000_000_100, 10)
    const journal = hire(scene, body)
    await using _ = journal.worker()
    await turns(20)
    await journal.signal('r2', 'go')
    const began = scene.clock.now()
    await scene.settled(journal.result('r2'), 1)
    expect(scene.clock.now() - began).toBeLessThan(100)
    await scene.settled(journal.result('r1'), 100)
    expect(scene.clock.now() - began).toBeLessThan(4_000)
  })

  it('goes on with what it has in hand when it stood still for longer than its leases last', async () => {
    const scene = runsScene()
    const journal = hire(scene, async (run) => {
      await run.wait('go')
      return run.step('last', () => 'gone on')
    })
    await using _ = journal.worker()
    await journal.start('job', { id: 'r' })
    await scene.until(async () => (await states(journal)).includes('waiting'))
    const told = journal.signal('r', 'go')
    for (let leap = 0; leap < 5; leap += 1) {
      scene.clock.advance(30_000)
      await turns(leap)
    }
    await told
    expect(await scene.settled(journal.result('r'))).toBe('gone on')
  })

  it('lets go of its runs when it is stopped', async () => {
    const scene = runsScene()
    let aborted: unknown
    const journal = hire(
      scene,
      async (run) => {
        await run.step('long', ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)))
      },
      many,
    )
    journal.define('look', async (run) => {
      run.signal.addEventListener('abort', () => {
        aborted = run.signal.reason
      })
      await run.wait('never')
    })
    const worker = journal.worker()
    await journal.start('job', { id: 'r' })
    await journal.start('look', { id: 'l' })
    await scene.until(async () => (await states(journal)).includes('waiting'))
    await worker.stop()
    expect(await journal.leases.get('run/job/r')).toBeUndefined()
    expect(await journal.leases.get('run/look/l')).toBeUndefined()
    expect(aborted).toMatchObject({ code: 'CLOSED' })
    const next = hire(scene, async () => 'done', many)
    // The next one's code is other code, and the run is kept and not taken on again and again.
    const errors: unknown[] = []
    await using _ = next.worker({ onError: (error) => errors.push(error) })
    expect(await scene.settled(next.result('r'))).toBe('done')
  })

  it('keeps a run whose code has changed, and takes it on once', async () => {
    const scene = runsScene()
    const one = hire(scene, async (run) => {
      await run.step('a', () => 1)
      await run.wait('go')
    })
    const worker = one.worker()
    await one.start('job', { id: 'r' })
    await scene.until(async () => (await states(one)).includes('waiting'))
    await worker.stop()
    let calls = 0
    const two = hire(scene, async (run) => {
      calls += 1
      await run.step('b', () => 1)
    })
    const errors: unknown[] = []
    await using _ = two.worker({ onError: (error) => errors.push(error) })
    await two.signal('r', 'go')
    await scene.until(async () => (await states(two)).includes('diverged'))
    const then = scene.clock.now()
    await scene.until(() => scene.clock.now() > then + 60_000)
    expect(calls).toBe(1)
    expect(errors).toMatchObject([{ code: 'RUN_DIVERGED' }])
    const rest = one.run('r', async (run) => {
      await run.step('a', () => 1)
      return run.wait('go')
    })
    await scene.settled(rest)
  })

  it('is joined by run(), which keeps the run when the worker goes', async () => {
    const scene = runsScene()
    const body = (run: Run) => run.wait('go')
    const journal = hire(scene, body)
    const worker = journal.worker()
    await journal.start('job', { id: 'r' })
    await scene.until(async () => (await states(journal)).includes('waiting'))
    const joined = journal.run('r', body)
    await worker.stop()
    await journal.signal('r', 'go', 'on')
    expect(await scene.settled(joined)).toBe('on')
  })

  it('gives what a run fails with to who waits for it', async () => {
    const scene = runsScene()
    const journal = hire(scene, async (run) => {
      await run.step('fails', () => {
        throw new RangeError('no')
      })
    })
    await using _ = journal.worker()
    const { id } = await journal.start('job')
    await expect(scene.settled(journal.result(id))).rejects.toBeInstanceOf(RangeError)
    const waits = journal.result((await journal.start('nobody')).id, { signal: AbortSignal.abort() })
    await expect(waits).rejects.toMatchObject({ code: 'ABORTED' })
    const closing = journal.result((await journal.start('nobody')).id)
    closing.catch(() => undefined)
    await turns(10)
    await journal.close()
    await expect(closing).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
