// Code that changed under a run: what is told as another code, what is not, and that the run is kept.

import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../errors.ts'
import { dyingStore, passing, type RunScene, runScene, turns } from '../testing/run-scene.ts'
import { type Divergence, explainDivergence } from './divergence.ts'
import type { Run } from './run.ts'
import type { RunFunction, RunOptions } from './runs.ts'

type Body = (run: Run) => Promise<unknown>

/** Runs the function and kills its process before the append with this number (the first creates the run). */
async function cutOff(scene: RunScene, body: Body, dieAt: number, options: RunOptions = {}): Promise<void> {
  const running = scene.another(dyingStore(scene.store, dieAt)).run('r', body as RunFunction, options)
  await expect(passing(scene.clock, running, 1)).rejects.toMatchObject({ code: 'CLOSED' })
}

async function goOn(scene: RunScene, body: Body, options: RunOptions = {}): Promise<unknown> {
  const running = scene.another().run('r', body as RunFunction, options)
  return passing(scene.clock, running).catch((error: unknown) => error)
}

async function divergence(scene: RunScene, body: Body, options: RunOptions = {}): Promise<Divergence> {
  const error = await goOn(scene, body, options)
  expect(error).toMatchObject({ code: 'RUN_DIVERGED' })
  return (error as HoldfastError).details as unknown as Divergence
}

const step = (run: Run, name: string, input?: unknown): Promise<unknown> =>
  run.step(name, () => name, input === undefined ? {} : { input })

const plan: Body = async (run) => {
  await step(run, 'a')
  await step(run, 'b')
  await step(run, 'c')
  return step(run, 'd')
}

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
const together =
  (...names: readonly string[]): Body =>
  async (run) => {
    await Promise.all(names.map((name) => step(run, name)))
    return step(run, 'end')
  }

const cases: readonly Case[] = [
  {
    name: 'a step has another name',
    before: plan,
    after: async (run) => {
      await step(run, 'a')
      await step(run, 'x')
      return step(run, 'c')
    },
    appends: 4,
    told: { seq: 3, event: 'run.step', recorded: ['b'], attempted: ['x'] },
  },
  {
    name: 'a step was put in between',
    before: plan,
    after: async (run) => {
      await step(run, 'a')
      await step(run, 'x')
      await step(run, 'b')
    },
    appends: 4,
    told: { seq: 3, recorded: ['b'], attempted: ['x'] },
  },
  {
    name: 'a step was taken out',
    before: plan,
    after: async (run) => {
      await step(run, 'a')
      await step(run, 'c')
      return step(run, 'd')
    },
    appends: 4,
    told: { seq: 3, recorded: ['b'], attempted: ['c'] },
  },
  {
    name: 'steps were put in another order',
    before: plan,
    after: async (run) => {
      await step(run, 'b')
      await step(run, 'a')
      return step(run, 'c')
    },
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
    expect(await scene.another().leases.get('run/-/r')).toMatchObject({ held: false })
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
    const other: Body = async (run) => {
      await step(run, 'a')
      return step(run, 'x')
    }
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

describe('the same code is no other', () => {
  it('when those that go at the same time are asked for in another order', async () => {
    const scene = runScene()
    await cutOff(scene, together('a', 'b', 'c'), 3)
    expect(await goOn(scene, together('c', 'a', 'b'))).toBe('end')
  })

  it('when more comes where the record ends', async () => {
    const scene = runScene()
    await cutOff(scene, plan, 4)
    const longer: Body = async (run) => {
      await step(run, 'a')
      await step(run, 'b')
      await Promise.all([step(run, 'x'), step(run, 'y')])
      return step(run, 'z')
    }
    expect(await goOn(scene, longer)).toBe('z')
  })

  it('when an input is given that was not before, or is not given any more', async () => {
    const scene = runScene()
    await cutOff(scene, plan, 4)
    const given: Body = async (run) => {
      await step(run, 'a', { n: 1 })
      await step(run, 'b', { n: 2 })
      return step(run, 'e', { n: 3 })
    }
    await cutOff(scene, given, 3)
    const noLonger: Body = async (run) => {
      await step(run, 'a')
      await step(run, 'b')
      return step(run, 'e')
    }
    expect(await goOn(scene, noLonger)).toBe('e')
  })

  it('when an input is recorded in another form than it was given in', async () => {
    const scene = runScene()
    const body: Body = async (run) => {
      await run.step('a', () => 1, { input: { bytes: Buffer.from('xy'), at: new Date(5), key: 'secret' } })
      return step(run, 'b')
    }
    await cutOff(scene, body, 3)
    expect(await goOn(scene, body)).toBe('b')
  })

  it('when the function waits for something of its own between its steps', async () => {
    const scene = runScene()
    const own = async (): Promise<void> => {
      for (let count = 0; count < 3; count += 1) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    const body: Body = async (run) => {
      await own()
      await step(run, 'a')
      await own()
      await step(run, 'b')
      await own()
      return step(run, 'c')
    }
    await cutOff(scene, body, 2)
    // The lease, one event, and no more.
    for (let count = 0; count < 3; count += 1) await cutOff(scene, body, 3)
    expect(await goOn(scene, body)).toBe('c')
  })

  // What the function waits for comes between any two events, live and in replay: sooner, later, or at once.
  const pauses = [0, 1, 2, 3, 5, 8, 13]
  const branches =
    (pause: number, isEnd: boolean): Body =>
    async (run) => {
      const own = async (): Promise<void> => {
        if (pause > 0) await turns(pause)
      }
      const side = async (): Promise<unknown> => {
        await own()
        await step(run, 'own')
        await own()
        return step(run, 'own')
      }
      const main = async (): Promise<unknown> => {
        for (const name of ['a', 'b', 'c', 'd']) await step(run, name)
        return 'main'
      }
      const both = await Promise.all([main(), side()])
      return isEnd ? both : run.wait('never')
    }

  it.each(pauses)('when what it waits for took %i turns beside its steps and now takes another time', async (lived) => {
    for (const replayed of pauses) {
      for (const dieAt of [4, 5, 6, 7, 8, 9]) {
        const scene = runScene()
        const running = scene.another(dyingStore(scene.store, dieAt)).run('r', branches(lived, true) as RunFunction)
        const first = await passing(scene.clock, running, 1).catch((error: HoldfastError) => error.code)
        if (first === 'CLOSED') {
          // The last of what was asked for in no turn for sure may not have been recorded: no time is known of it.
          if (replayed === 0 && lived > 0) continue
          expect(await goOn(scene, branches(replayed, true)), `${lived} ${replayed} ${dieAt}`).toEqual(['main', 'own'])
        } else expect(first).toEqual(['main', 'own'])
      }
    }
  })

  it('when what it waited for is there at once, and what it asked for then is in the record', async () => {
    for (const lived of pauses.slice(1)) {
      const scene = runScene()
      const journal = scene.another()
      journal.run('r', branches(lived, false) as RunFunction).catch(() => undefined)
      await turns(200)
      const isChecked = scene.another().run('r', branches(0, false) as RunFunction)
      isChecked.catch(() => undefined)
      await turns(100)
      const events = await scene.another().read('run/r').toArray()
      expect(events.map(({ type }) => type)).not.toContain('run.diverged')
      expect(events.at(-1)?.type).toBe('run.wait')
    }
  })
})

describe('run.patched', () => {
  const changed: Body = async (run) => {
    const isNew = run.patched('x')
    await step(run, 'a')
    if (isNew) await step(run, 'x')
    return step(run, 'b')
  }
  const keys = async (scene: RunScene): Promise<unknown[]> =>
    (await scene.another().read('run/r', { types: 'run.step' }).toArray()).map(
      ({ data }) => (data as { key: string }).key,
    )

  it('is true in a new run, and stays it', async () => {
    for (let dieAt = 2; dieAt <= 5; dieAt += 1) {
      const scene = runScene()
      await cutOff(scene, changed, dieAt)
      expect(await goOn(scene, changed)).toBe('b')
      expect(await keys(scene)).toEqual(['a', 'x', 'b'])
    }
  })

  it('costs no event', async () => {
    const scene = runScene()
    await goOn(scene, changed)
    expect(await scene.another().head('run/r')).toMatchObject({ seq: 5 })
  })

  it('is false in a run that is past it, and true in one that has not come there', async () => {
    const before: Body = async (run) => {
      await step(run, 'a')
      await step(run, 'b')
      return step(run, 'c')
    }
    const late: Body = async (run) => {
      await step(run, 'a')
      if (run.patched('x')) await step(run, 'x')
      await step(run, 'b')
      return step(run, 'c')
    }
    const keysAfter = async (dieAt: number): Promise<unknown[]> => {
      const scene = runScene()
      await cutOff(scene, before, dieAt)
      await cutOff(scene, late, 3)
      expect(await goOn(scene, late)).toBe('c')
      return keys(scene)
    }
    expect(await keysAfter(3)).toEqual(['a', 'x', 'b', 'c'])
    expect(await keysAfter(4)).toEqual(['a', 'b', 'c'])
  })

  it('answers the same wherever it is asked in a run, and may be taken out again', async () => {
    const rounds: Body = async (run) => {
      const answers: boolean[] = []
      for (const name of ['a', 'b', 'c']) {
        await step(run, name)
        answers.push(run.patched('p'))
      }
      return answers
    }
    const scene = runScene()
    await cutOff(scene, plan, 4)
    expect(await goOn(scene, rounds)).toEqual([false, false, false])
    const other = runScene()
    await cutOff(other, rounds, 4)
    expect(await goOn(other, plan)).toBe('d')
  })

  it('knows what the record says of steps that went at the same time', async () => {
    const body =
      (isPatched: boolean): Body =>
      async (run) => {
        const branch = async (name: string): Promise<unknown> => {
          await step(run, name)
          if (isPatched && run.patched(`of ${name}`)) return step(run, `new ${name}`)
          return step(run, `old ${name}`)
        }
        return Promise.all(['a', 'b', 'c', 'd', 'e'].map(branch))
      }
    for (let dieAt = 2; dieAt <= 11; dieAt += 1) {
      const scene = runScene()
      await cutOff(scene, body(false), dieAt)
      const result = await goOn(scene, body(true))
      expect(result).toBeInstanceOf(Array)
      // A branch that had asked for the old one gets it.
      const done = (await keys(scene)).filter((key) => !/^[a-e]$/.test(String(key)))
      expect([...(result as string[])].sort()).toEqual([...(done as string[])].sort())
      const again = runScene()
      await cutOff(again, body(true), dieAt)
      expect(await goOn(again, body(true))).toEqual(['new a', 'new b', 'new c', 'new d', 'new e'])
    }
  })
})

describe('what was renamed', () => {
  it('is read under its new name, in any scope and as often as it stands there', async () => {
    const body =
      (name: string, signal: string): Body =>
      async (run) => {
        const results = [await step(run, name), await step(run, name)]
        results.push(await run.scope('#1 » inner', (inner) => step(inner, name)))
        results.push(await run.wait(signal))
        return [...results, await step(run, name)]
      }
    const scene = runScene()
    const journal = scene.another()
    journal.run('r', body('find#1', 'go')).catch(() => undefined)
    await turns(50)
    await journal.signal('r', 'go', 'now')
    expect(await divergence(scene, body('search', 'start'))).toMatchObject({
      recorded: ['find##1'],
      attempted: ['search'],
    })
    const renamed = { 'find#1': 'search', go: 'start' }
    const result = await goOn(scene, body('search', 'start'), { renamed })
    expect(result).toEqual(['find#1', 'find#1', 'find#1', 'now', 'search'])
    expect(() => scene.another().run('q', plan as RunFunction, { renamed: { a: 'c', b: 'c' } })).toThrow(HoldfastError)
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
