// Code that changed under a run: what is told as another code, what is not, and that the run is kept.

import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../errors.ts'
import {
  type Body,
  cutOff,
  goOn,
  inTurn,
  type RunScene,
  runScene,
  step,
  together,
  turns,
} from '../testing/cut-off-scene.ts'
import { type Divergence, explainDivergence } from './divergence.ts'
import type { RunFunction, RunOptions } from './runs.ts'

async function divergence(scene: RunScene, body: Body, options: RunOptions = {}): Promise<Divergence> {
  const error = await goOn(scene, body, options)
  expect(error).toMatchObject({ code: 'RUN_DIVERGED' })
  return (error as HoldfastError).details as unknown as Divergence
}

const plan = inTurn('a', 'b', 'c', 'd')

interface Case {
  readonly name: string
  readonly before: Body
  readonly after: Body
  /** Appends before the process is killed. */
  readonly appends: number
  readonly told: Readonly<Record<string, unknown>>
}

const round =
  (rounds: number): Body =>
  async (run) => {
    for (let count = 0; count < rounds; count += 1) await step(run, 'round')
    await step(run, 'done')
    return step(run, 'late')
  }

const cases: readonly Case[] = [
  {
    name: 'a step has another name',
    before: plan,
    after: inTurn('a', 'x', 'c'),
    appends: 4,
    told: { seq: 3, event: 'run.step', recorded: ['b'], attempted: ['x'] },
  },
  {
    name: 'a step was put in between',
    before: plan,
    after: inTurn('a', 'x', 'b'),
    appends: 4,
    told: { seq: 3, recorded: ['b'], attempted: ['x'] },
  },
  {
    name: 'a step was taken out',
    before: plan,
    after: inTurn('a', 'c', 'd'),
    appends: 4,
    told: { seq: 3, recorded: ['b'], attempted: ['c'] },
  },
  {
    name: 'steps were put in another order',
    before: plan,
    after: inTurn('b', 'a', 'c'),
    appends: 4,
    told: { seq: 2, recorded: ['a'], attempted: ['b'] },
  },
  {
    name: 'the function ends earlier',
    before: plan,
    after: (run) => step(run, 'a'),
    appends: 4,
    told: { seq: 3, recorded: ['b'], attempted: [], returned: true },
  },
  {
    name: 'a step has another input',
    before: (run) => run.step('a', () => 1, { input: { q: ['x', 'y'], n: 1 } }).then(() => step(run, 'b')),
    after: (run) => run.step('a', () => 1, { input: { q: ['x', 'z'], n: 1 } }).then(() => step(run, 'b')),
    appends: 2,
    told: { seq: 2, recorded: ['a'], attempted: ['a'], input: { path: 'input.q[1]', recorded: 'y', attempted: 'z' } },
  },
  {
    name: 'what was a step is a wait',
    before: plan,
    after: async (run) => {
      await step(run, 'a')
      return run.wait('b')
    },
    appends: 4,
    told: { seq: 3, recorded: ['b'], attempted: ['b'], kind: { recorded: 'step', attempted: 'wait' } },
  },
  {
    name: 'what was a wait is a step',
    before: (run) => run.wait('a'),
    after: (run) => step(run, 'a'),
    appends: 2,
    told: { seq: 2, kind: { recorded: 'wait', attempted: 'step' } },
  },
  {
    name: 'a step was added to those that go at the same time',
    before: together('a', 'b'),
    after: together('a', 'b', 'x'),
    appends: 2,
    told: { seq: 2, recorded: [], attempted: ['x'] },
  },
  {
    name: 'a step was added to those that go at the same time, and has the name of a later one',
    before: together('a', 'b'),
    after: together('a', 'b', 'end'),
    appends: 4,
    told: { seq: 2, recorded: [], attempted: ['end'] },
  },
  {
    name: 'a step was taken out of those that go at the same time',
    before: together('a', 'b', 'c'),
    after: together('a', 'b'),
    appends: 2,
    told: { seq: 2, recorded: ['c'], attempted: [] },
  },
  {
    name: 'a loop takes one more round',
    before: round(2),
    after: round(3),
    appends: 4,
    told: { seq: 4, recorded: ['done'], attempted: ['round#3'] },
  },
  {
    name: 'a loop takes one round less',
    before: round(3),
    after: round(2),
    appends: 4,
    told: { seq: 4, recorded: ['round#3'], attempted: ['done'] },
  },
  {
    name: 'the first of several was enough for the new code',
    before: (run) =>
      Promise.all([step(run, 'a'), step(run, 'b')]).then(() => run.wait('go').then(() => step(run, 'c'))),
    after: (run) => Promise.race([step(run, 'a'), step(run, 'b')]),
    appends: 4,
    told: { seq: 4, recorded: ['go'], attempted: [], returned: true },
  },
]

describe('changed code is told', () => {
  it.each(cases)('when $name', async ({ before, after, appends, told }) => {
    const scene = runScene()
    // What waits is left as it is: the next driver takes its lease.
    const isWait = String(before).includes('.wait(')
    if (isWait) {
      const journal = scene.another()
      journal.run('r', before as RunFunction).catch(() => undefined)
      await turns(30)
    } else await cutOff(scene, before, appends + 1)
    const recorded = await scene.another().read('run/r').toArray()
    expect(await divergence(scene, after)).toMatchObject({ id: 'r', ...told })

    // Kept: the report is in its stream, it stands on the agenda, nobody holds it, and the old code goes on.
    const events = await scene.another().read('run/r').toArray()
    expect(events.slice(0, recorded.length)).toEqual(recorded)
    expect(events.slice(recorded.length)).toMatchObject([{ type: 'run.diverged', data: { id: 'r', ...told } }])
    expect(await scene.another().agenda.list()).toMatchObject([{ id: 'run/-/r', data: { state: 'diverged' } }])
    expect(await scene.another().leases.get('run/-/r')).toBeUndefined()
    if (!isWait) expect(await goOn(scene, before)).not.toBeInstanceOf(HoldfastError)
  })

  it('once, however often the same code is tried', async () => {
    const scene = runScene()
    await cutOff(scene, plan, 4)
    await divergence(scene, (run) => step(run, 'x'))
    await divergence(scene, (run) => step(run, 'x'))
    await divergence(scene, (run) => step(run, 'y'))
    const told = await scene.another().read('run/r', { types: 'run.diverged' }).toArray()
    expect(told.map(({ data }) => (data as Divergence).attempted)).toEqual([['x'], ['y']])
  })

  it('with both versions, where they were given, and what can be done', async () => {
    const scene = runScene()
    await cutOff(scene, plan, 3, { version: '1.0' })
    await cutOff(scene, plan, 5, { version: '1.1' })
    const other = inTurn('a', 'x')
    const early = await divergence(scene, (run) => step(run, 'x'), { version: '2.0' })
    expect(early).toMatchObject({ seq: 2, versions: { recorded: '1.0', attempted: '2.0' } })
    expect(await divergence(scene, other, { version: '2.0' })).toMatchObject({
      seq: 3,
      versions: { recorded: '1.1', attempted: '2.0' },
    })
    const report = await divergence(
      scene,
      async (run) => {
        await step(run, 'a')
        await step(run, 'b')
        return step(run, 'x')
      },
      { version: '2.0' },
    )
    expect(report).toMatchObject({ seq: 5, versions: { recorded: '1.1', attempted: '2.0' } })
    expect(report.repairs.map(({ repair }) => repair)).toEqual(['patched', 'renamed', 'fork', 'old-code'])
    const types = (await scene.another().read('run/r').toArray()).map(({ type }) => type)
    expect(types.filter((type) => type === 'run.version')).toHaveLength(1)
  })

  it('also when what it compares can not be stored', async () => {
    const scene = runScene()
    await cutOff(scene, (run) => step(run, 'a', { n: 1 }).then(() => step(run, 'b')), 3)
    const input = { n: 2, not: () => undefined }
    const report = await divergence(scene, (run) => run.step('a', () => 1, { input }))
    expect(report.input).toMatchObject({ path: 'input.n', recorded: 1, attempted: 2 })
    const isFunction = { n: 1, not: () => undefined }
    expect((await divergence(scene, (run) => run.step('a', () => 1, { input: isFunction }))).input?.path).toBe(
      'input.not',
    )
    const told = await scene.another().read('run/r', { types: 'run.diverged' }).toArray()
    expect(told).toHaveLength(2)
  })
})

describe('explainDivergence', () => {
  it('shows where, what and what to do', async () => {
    const scene = runScene()
    await cutOff(scene, plan, 4)
    const error = await goOn(scene, async (run) => {
      await step(run, 'a')
      return step(run, 'x')
    })
    const text = explainDivergence(error)
    for (const part of ['event 3 (run.step)', '"b"', '"x"', 'run.patched("x")', '"b": "x"', 'at: 2']) {
      expect(text).toContain(part)
    }
    expect(explainDivergence((error as HoldfastError).details)).toBe(text)
    expect(explainDivergence(new Error('other'))).toContain('other')
  })
})
