// C1.8: what tools do to the world, when the process dies anywhere: docs/TOOLS.md says what happens, here it does.

import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../errors.ts'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { deafStore, dyingStore, type RunScene, runScene, turns } from '../testing/cut-off-scene.ts'
import { type ToolWorld, toolWorld } from '../testing/tool-world.ts'
import type { Run } from './run.ts'
import type { ToolContext } from './tool-context.ts'
import type { ToolOptions } from './tool-terms.ts'

type Body = (run: Run) => Promise<unknown>

interface Script {
  readonly verifies: boolean
  readonly fails: boolean
}

/** One tool of each effect, then two branches at the same time. */
function script(world: ToolWorld, { verifies, fails }: Script): Body {
  const act = (context: ToolContext) => world.act(context)
  const verify = ({ idempotencyKey, key }: ToolContext) =>
    world.effects.has(idempotencyKey) ? { done: true as const, result: `did ${key}` } : { done: false as const }
  const once: ToolOptions<string> = { effect: 'once', ...(verifies ? { verify } : {}) }
  const compensate = (_: string | undefined, context: ToolContext) => world.undo(context)
  const reversible: ToolOptions<string> = { effect: 'reversible', compensate, ...(verifies ? { verify } : {}) }
  return async (run) => {
    const looked = await run.tool('look', { effect: 'pure' }, act)
    const put = await run.tool('put', { effect: 'idempotent', input: { looked } }, act)
    const paid = await run.tool('pay', once, act)
    const booked = await run.tool('book', reversible, act)
    const branches = await Promise.all([
      run.scope('left', (left) => left.tool('send', once, act)),
      run.scope('right', async (right) => [await right.tool('hold', reversible, act), await right.step('s', () => 1)]),
    ])
    if (fails) throw new Error('no')
    return [looked, put, paid, booked, branches]
  }
}

/** Drives the run to its end, and settles what is parked as the world is. */
async function driven(scene: RunScene, journal: HoldfastJournal, body: Body, world: ToolWorld): Promise<unknown> {
  let end: { readonly value: unknown } | undefined
  const running = journal.run('r', body).then(
    (value) => {
      end = { value }
    },
    (error: unknown) => {
      end = { value: error }
    },
  )
  for (await turns(4); end === undefined; await turns(4)) {
    await settleAll(scene.another(), world)
    scene.clock.advance(1_000)
  }
  await running
  return end.value
}

async function settleAll(outside: HoldfastJournal, world: ToolWorld): Promise<void> {
  const parked = (await outside.agenda.list()).some(({ data }) => (data as { state: string }).state === 'parked')
  if (!parked) return
  const events = await outside.read('run/r', { types: ['run.tool-ambiguous', 'run.tool-settled'] }).toArray()
  const open = new Set<string>()
  for (const { type, data } of events) {
    const { key } = data as { key: string }
    if (type === 'run.tool-ambiguous') open.add(key)
    else open.delete(key)
  }
  for (const key of open) {
    const isDone = [...world.effects.values()].includes(key)
    await outside.settle('r', key, isDone ? { done: true, result: `did ${key}` } : { done: false })
  }
}

type Dying = typeof deafStore

async function play(terms: Script, dieAt: number, dying: Dying = dyingStore) {
  const scene = runScene()
  const world = toolWorld()
  const body = script(world, terms)
  let result = await driven(scene, scene.another(dying(scene.store, dieAt)), body, world)
  const atDeath = await scene.another().read('run/r').toArray()
  const calledAtDeath = [...world.calls]
  const hasDied = result instanceof HoldfastError && result.code === 'CLOSED'
  if (hasDied) result = await driven(scene, scene.another(), body, world)
  const events = await scene.another().read('run/r').toArray()
  return { result, world, events, atDeath, calledAtDeath, hasDied, scene }
}

describe('a run with tools that is killed', () => {
  const bools = [false, true]
  const scripts = bools.flatMap((verifies) =>
    bools.flatMap((fails) => [
      { verifies, fails, at: 'before', dying: dyingStore },
      { verifies, fails, at: 'behind', dying: deafStore },
    ]),
  )

  it.each(scripts)(
    'does each thing as often as undisturbed, cut off $at each append (verifies: $verifies, fails: $fails)',
    async ({ at, dying, ...terms }) => {
      const undisturbed = await play(terms, Number.POSITIVE_INFINITY)
      const total = undisturbed.events.length
      expect(total).toBeGreaterThan(12)
      let parked = 0
      let deaths = 0
      for (let dieAt = 1; dieAt <= total; dieAt += 1) {
        const { result, world, events, atDeath, calledAtDeath, hasDied } = await play(terms, dieAt, dying)
        const where = `killed ${at} append ${dieAt}`
        if (hasDied) deaths += 1
        expect(result, where).toEqual(undisturbed.result)
        // Nothing but pure tools was called without an intent that was durable by then.
        const intended = atDeath.filter(({ type }) => type === 'run.tool-intended').map(({ data }) => keyOf(data))
        for (const key of calledAtDeath) expect([...intended, 'look'], where).toContain(key)
        for (const key of ['pay', 'left » send']) expect(world.count(key), `${key}, ${where}`).toBe(1)
        const left = [...world.effects.values()].sort()
        const kept = ['left » send', 'look', 'pay', 'put']
        expect(left, where).toEqual(
          terms.fails ? kept : ['book', ...kept.slice(0, 1), ...['look', 'pay', 'put', 'right » hold']],
        )
        parked += events.filter(({ type }) => type === 'run.tool-ambiguous').length
        if (terms.verifies && !terms.fails) expect(world.undone, where).toEqual([])
        if (terms.fails) {
          const done = events.filter(({ type }) => type === 'run.compensated').map(({ data }) => keyOf(data))
          expect(done.slice(-2), where).toEqual(['right » hold', 'book'])
        }
      }
      expect(deaths).toBe(total)
      // Without a verification, the deaths between intent and outcome of `once` have to be settled, and only those.
      if (terms.verifies) expect(parked).toBe(0)
      else expect(parked).toBeGreaterThanOrEqual(2)
    },
  )

  it('runs the same on replay, without calling anything', async () => {
    const { events, scene, world, result } = await play({ verifies: false, fails: true }, Number.POSITIVE_INFINITY)
    const calls = world.calls.length
    const again = await scene
      .another()
      .run('r', script(world, { verifies: false, fails: true }))
      .catch((e: unknown) => e)
    expect(again).toEqual(result)
    expect(world.calls.length).toBe(calls)
    expect((await scene.another().read('run/r').toArray()).length).toBe(events.length)
  })
})

function keyOf(data: unknown): string {
  return (data as { readonly key: string }).key
}
