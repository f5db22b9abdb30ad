// Looking at runs from outside: which there are, where each stands and why, and how two differ.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { passing, type RunScene, runScene, turns } from '../testing/cut-off-scene.ts'
import type { RunFilter } from './run-list.ts'
import type { RunFunction } from './runs.ts'

const slow: RunFunction = (run) => run.step('slow', () => new Promise(() => undefined))
const tired: RunFunction = (run) => run.sleep('1h')
const asking: RunFunction = async (run) => {
  await run.step('ask', () => 1)
  return run.wait('approval', { timeout: '2h' })
}

async function list(journal: HoldfastJournal, filter?: RunFilter): Promise<string[]> {
  const found: string[] = []
  for await (const { id, state } of journal.runs(filter)) found.push(`${id} ${state}`)
  return found
}

/** One run of each state but parked. */
async function manyRuns(scene: RunScene): Promise<HoldfastJournal> {
  const journal = scene.another()
  await journal.run('completed', (run) => run.step('a', () => 1))
  scene.clock.advance(1_000)
  await journal
    .run('failed', async () => {
      throw new TypeError('no way')
    })
    .catch(() => undefined)
  scene.clock.advance(1_000)
  const cancelled = journal.run('cancelled', asking)
  cancelled.catch(() => undefined)
  await turns(20)
  await journal.cancel('cancelled', { reason: 'enough' })
  await cancelled.catch(() => undefined)
  await journal.fork('completed', { at: 1, as: 'diverged' })
  await journal.fork('completed', { at: 2, as: 'changed' })
  for (const id of ['diverged', 'changed']) {
    await journal.run(id, (run) => run.step('a', () => 1)).catch(() => undefined)
  }
  await journal.fork('completed', { at: 2, as: 'other' })
  await journal.run('other', (run) => run.step('b', () => 1)).catch(() => undefined)
  const bodies = { running: slow, sleeping: tired, waiting: asking }
  for (const [id, body] of Object.entries(bodies)) journal.run(id, body).catch(() => undefined)
  await turns(30)
  await journal.fork('completed', { at: 1, as: 'queued' })
  return journal
}

describe('runs', () => {
  it('lists each with its state', async () => {
    const journal = await manyRuns(runScene())
    const all = [
      'cancelled cancelled',
      'changed completed',
      'completed completed',
      'diverged completed',
      'failed failed',
      'other diverged',
      'queued queued',
      'running running',
      'sleeping sleeping',
      'waiting waiting',
    ]
    expect((await list(journal)).sort()).toEqual(all)
    for (const one of all) {
      const state = one.split(' ')[1] as 'completed'
      expect((await list(journal, { state })).sort()).toEqual(all.filter((other) => other.endsWith(` ${state}`)))
    }
    expect((await list(journal, { state: ['failed', 'sleeping'] })).sort()).toEqual([
      'failed failed',
      'sleeping sleeping',
    ])
    expect(await list(journal, { name: '-', limit: 3 })).toHaveLength(3)
    expect(await list(journal, { name: 'none' })).toEqual([])
    expect(await list(journal, { limit: 0 })).toEqual([])
    const failed = await journal.runs({ state: 'failed' }).next()
    expect(failed.value).toMatchObject({ why: 'TypeError: no way', name: '-' })
    await expect(list(journal, { state: 'nothing' as 'failed' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('lists the newest of those that have ended, and reads no more than that', async () => {
    const scene = runScene()
    const journal = scene.another()
    for (let count = 0; count < 200; count += 1) {
      scene.clock.advance(10)
      await journal.run(`r${count}`, async () => count)
    }
    let reads = 0
    const counting = new Proxy(scene.store, {
      get(target, name) {
        if (name === 'read') reads += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const other = scene.another(counting)
    expect(await list(other, { state: 'completed', limit: 2 })).toEqual(['r199 completed', 'r198 completed'])
    expect(reads).toBeLessThan(5)
    const since = scene.clock.now() - 25
    expect(await list(other, { since })).toEqual(['r199 completed', 'r198 completed', 'r197 completed'])
    expect(reads).toBeLessThan(12)
  })

  it('takes a run that is left for queued, and believes what an entry says of one that rests', async () => {
    const scene = runScene()
    const journal = scene.another()
    journal.run('left', slow).catch(() => undefined)
    await turns(20)
    await journal.append([], {
      agenda: [{ id: 'run/-/left', due: scene.clock.now() + 5, data: { state: 'parked', why: 'waits for me' } }],
    })
    const parked = await journal.runs({ state: 'parked' }).next()
    expect(parked.value).toMatchObject({ id: 'left', why: 'waits for me', due: scene.clock.now() + 5 })
    expect(await journal.why('left')).toContain('run "left" waits for me since')
    await journal.append([], { agenda: [{ id: 'run/-/left', due: 0, data: { state: 'running' } }] })
    expect(await list(journal)).toEqual(['left running'])
    const lease = await journal.leases.get('run/-/left')
    await journal.append([], { leases: [{ lease: 'run/-/left', release: lease?.token ?? 0 }] })
    expect(await list(journal)).toEqual(['left queued'])
    expect(await journal.why('left')).toContain('waits to be driven')
  })
})

describe('why', () => {
  it('says in one sentence why a run stands where it stands', async () => {
    const journal = await manyRuns(runScene())
    const says = {
      completed: 'run "completed" completed at 2023-11-14T22:13:20.000Z',
      failed: 'failed at 2023-11-14T22:13:21.000Z: TypeError: no way',
      cancelled: 'was cancelled at 2023-11-14T22:13:22.000Z',
      running: 'is at work since 2023-11-14T22:13:22.000Z',
      queued: 'waits to be driven since',
      sleeping:
        'sleeps until 2023-11-14T23:13:22.000Z since 2023-11-14T22:13:22.000Z, asked for by run.sleep at event 2',
      waiting:
        'waits for the signal "approval" since 2023-11-14T22:13:22.000Z, until 2023-11-15T00:13:22.000Z at the latest, asked for by run.wait at event 3; `holdfast signal memory: waiting approval` brings it on',
      other: 'because its code has changed, found at event 2: the record has "a", the code asked for "b"',
    }
    for (const [id, text] of Object.entries(says)) expect(await journal.why(id)).toContain(text)
    await expect(journal.why('none')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  })
})

describe('diff', () => {
  it('tells where two runs part, what each did, and what it cost', async () => {
    const scene = runScene()
    const journal = scene.another()
    const body =
      (plan: readonly string[], end: string): RunFunction =>
      async (run) => {
        await run.step('plan', () => plan)
        await Promise.all(plan.map((one) => run.step(`do ${one}`, () => [one], { input: { one } })))
        const word = await run.wait('word')
        await run.step('fails', () => Promise.reject(new Error(end))).catch(() => undefined)
        return { end, word }
      }
    for (const [id, plan, end] of [
      ['a', ['x', 'y'], 'one'],
      ['b', ['z', 'y'], 'two'],
    ] as const) {
      const running = journal.run(id, body(plan, end))
      await journal.signal(id, 'word', `of ${id}`).catch(() => undefined)
      await turns(20)
      await journal.signal(id, 'word', `of ${id}`).catch(() => undefined)
      await passing(scene.clock, running)
    }
    const diff = await journal.diff('a', 'b')
    expect(diff).toMatchObject({
      same: false,
      first: { key: 'plan', what: 'changed', seq: 2 },
      added: [{ key: 'do z', kind: 'step' }],
      removed: [{ key: 'do x', kind: 'step' }],
      outcome: { path: 'end.result.end', left: 'one', right: 'two' },
      runs: [
        { id: 'a', end: 'completed', steps: 5 },
        { id: 'b', end: 'completed', steps: 5 },
      ],
    })
    expect(diff.changed.map(({ key, path, left, right }) => [key, path, left, right])).toEqual([
      ['plan', 'result[0]', 'x', 'z'],
      ['word', 'result', 'of a', 'of b'],
      ['fails', 'error.message', 'one', 'two'],
    ])
    expect(await journal.diff('a', 'a')).toMatchObject({ same: true, added: [], removed: [], changed: [] })
    await expect(journal.diff('a', 'none')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  })

  it('adds up what events say that they cost, and knows what a fork shares', async () => {
    const scene = runScene()
    const journal = scene.another()
    await journal.run('a', (run) => run.step('one', () => 1))
    await journal.append('run/a', { type: 'run.charged', data: { charge: { tokens: 10, cost: 0.5 } } })
    await journal.append('run/a', { type: 'run.charged', data: { charge: { tokens: 5 } } })
    scene.clock.advance(500)
    await journal.fork('a', { as: 'b', with: { steps: { one: 2 } } })
    await journal.run('b', (run) => run.step('one', () => 1))
    expect(await journal.diff('a', 'b')).toMatchObject({
      changed: [{ key: 'one', seqs: [2, 2], path: 'result', left: 1, right: 2 }],
      runs: [
        { charges: { tokens: 15, cost: 0.5 }, timeMs: 0 },
        { charges: {}, timeMs: 500 },
      ],
    })
  })
})
