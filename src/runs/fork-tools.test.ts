// A fork whose shared part ends inside of a tool's call: the attempt belongs to the run that made it, which may be at it at
// this moment. The fork neither undoes nor repeats it, and what it does itself is its own.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { passing, type RunScene, runScene, turns } from '../testing/cut-off-scene.ts'
import { type ToolWorld, toolWorld } from '../testing/tool-world.ts'
import type { Run } from './run.ts'
import type { ToolContext } from './tool-context.ts'
import type { ToolOptions } from './tool-terms.ts'

interface Source {
  readonly scene: RunScene
  readonly world: ToolWorld
  readonly journal: HoldfastJournal
  readonly running: Promise<unknown>
  /** Its call, which had its effect, comes back. */
  answer(): void
}

const failing = (error: Error) => async (run: Run) => {
  await run.step('look', () => 1)
  throw error
}

/** A run that is inside of its call; what follows on it is the caller's. */
async function insideCall(terms: Omit<ToolOptions<string>, 'compensate'>): Promise<Source> {
  const scene = runScene()
  const world = toolWorld()
  const journal = scene.another()
  let answer = (): void => undefined
  const held = new Promise<void>((resolve) => {
    answer = resolve
  })
  const running = journal.run('r', (run) =>
    run.tool('book', optionsOf(world, terms), async (context) => {
      const result = world.act(context)
      await held
      return result
    }),
  )
  running.catch(() => undefined)
  await turns(20)
  expect(world.calls).toEqual(['book'])
  return { scene, world, journal, running, answer }
}

function optionsOf(world: ToolWorld, terms: Omit<ToolOptions<string>, 'compensate'>): ToolOptions<string> {
  const compensate = (_: string | undefined, context: ToolContext) => world.undo(context)
  return terms.effect === 'reversible' ? { compensate, ...terms } : terms
}

const calling = (world: ToolWorld, terms: Omit<ToolOptions<string>, 'compensate'>) => (run: Run) =>
  run.tool('book', optionsOf(world, terms), (context) => world.act(context))

async function state(journal: HoldfastJournal, id: string): Promise<string | undefined> {
  for await (const run of journal.runs()) if (run.id === id) return run.state
  return undefined
}

async function intendedKey(journal: HoldfastJournal): Promise<unknown> {
  const [intent] = await journal.read('run/r', { types: 'run.tool-intended' }).toArray()
  return (intent?.data as { readonly idempotencyKey?: unknown } | undefined)?.idempotencyKey
}

const notDone = { verify: () => ({ done: false as const }) }
const guarded = [
  ['reversible', 'without a verification', { effect: 'reversible' }],
  ['reversible', 'when it says that nothing was done', { effect: 'reversible', ...notDone }],
  ['once', 'when it says that nothing was done', { effect: 'once', ...notDone }],
] as const

describe('a fork from inside of a call', () => {
  it.each(guarded)('of a %s tool waits for a person, %s', async (_effect, _when, terms) => {
    const { scene, world, journal, running, answer } = await insideCall(terms)
    await journal.fork('r', { as: 'f' })
    const error = new RangeError('the fork fails')
    const forked = journal.run('f', (run) => calling(world, terms)(run).then(() => failing(error)(run)))
    forked.catch(() => undefined)
    await turns(30)
    expect(await state(journal, 'f')).toBe('parked')
    expect([world.calls, world.undone]).toEqual([['book'], []])
    expect(await journal.why('f')).toContain('`holdfast settle memory: f book --done [json]`')

    // The person says that there is nothing: the fork makes a call of its own, and it alone is undone with the fork.
    await journal.settle('f', 'book', { done: false })
    await expect(passing(scene.clock, forked)).rejects.toBeInstanceOf(RangeError)
    expect(world.count('book')).toBe(2)
    expect(world.undone).toEqual(terms.effect === 'reversible' ? ['book'] : [])
    answer()
    expect(await passing(scene.clock, running)).toBe('did book')
    expect(world.effects.get(String(await intendedKey(journal)))).toBe('book')
  })

  it('takes what a verification found, or a person, and leaves it to the other run to undo', async () => {
    for (const verify of [() => ({ done: true as const, result: 'found' }), undefined]) {
      const terms = { effect: 'reversible' as const, ...(verify === undefined ? {} : { verify }) }
      const { scene, world, journal } = await insideCall(terms)
      await journal.fork('r', { as: 'f' })
      const error = new RangeError('the fork fails')
      let given: unknown
      const forked = journal.run('f', async (run) => {
        given = await calling(world, terms)(run)
        return failing(error)(run)
      })
      forked.catch(() => undefined)
      await turns(30)
      if (verify === undefined) await journal.settle('f', 'book', { done: true, result: 'found' })
      await expect(passing(scene.clock, forked)).rejects.toBeInstanceOf(RangeError)
      expect([given, world.calls, world.undone]).toEqual(['found', ['book'], []])
    }
  })

  it('does not undo what can not be used', async () => {
    const verify = () => ({ done: true as const, result: (() => 'no data') as unknown as string })
    const { world, journal } = await insideCall({ effect: 'reversible', verify })
    await journal.fork('r', { as: 'f' })
    journal.run('f', calling(world, { effect: 'reversible', verify })).catch(() => undefined)
    await turns(30)
    expect(await state(journal, 'f')).toBe('parked')
    expect(world.undone).toEqual([])
  })

  it('of an idempotent tool calls it with the same key, in every attempt', async () => {
    const { scene, journal } = await insideCall({ effect: 'idempotent' })
    await journal.fork('r', { as: 'f' })
    const keys: string[] = []
    const forked = journal.run('f', (run) =>
      run.tool('book', { effect: 'idempotent', retry: { times: 1, delay: 10 } }, ({ idempotencyKey, attempt }) => {
        keys.push(idempotencyKey)
        if (attempt === 1) throw new Error('busy')
      }),
    )
    await passing(scene.clock, forked, 10)
    const key = await intendedKey(journal)
    expect(keys).toEqual([key, key])
  })

  it.each([
    ['is being undone', 'run.compensation-retried', { times: 1, delay: '1h' }],
    ['could not be undone', 'run.compensation-failed', 0],
  ] as const)('that %s leaves that to the other run', async (_what, last, retry) => {
    const scene = runScene()
    const world = toolWorld()
    const journal = scene.another()
    const schema = {
      '~standard': { version: 1 as const, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) },
    }
    const tried: string[] = []
    const body = (id: string, options: Partial<ToolOptions<string>>) => (run: Run) => {
      const compensate = () => {
        tried.push(id)
        throw new Error('stuck')
      }
      return run.tool('book', { effect: 'reversible', compensate, retry, ...options }, (context) => world.act(context))
    }
    journal.run('r', body('r', { schema })).catch(() => undefined)
    await turns(30)
    const [newest] = await journal.tail(1, 'run/r')
    expect(newest?.type).toBe(last)
    await journal.fork('r', { as: 'f' })
    const forked = journal.run('f', body('f', {}))
    await turns(30)
    expect(await state(journal, 'f')).toBe('parked')
    await journal.settle('f', 'book', { done: false })
    expect(await passing(scene.clock, forked)).toBe('did book')
    expect(tried).toEqual(['r'])
    expect(world.count('book')).toBe(2)
  })
})
