// Forks: what was done before is served from the record, chance and time go on as they were, and nothing is copied.

import { describe, expect, it } from 'vitest'
import { dyingStore, passing, type RunScene, runScene, turns } from '../testing/cut-off-scene.ts'
import type { Run } from './run.ts'
import type { RunFunction } from './runs.ts'

interface Did {
  readonly calls: string[]
  readonly body: RunFunction<{ readonly topic: string }>
}

/** Plans, does what the plan says at the same time, sleeps, waits for a signal, writes. */
function agent(): Did {
  const calls: string[] = []
  const did = <T>(key: string, result: T): T => {
    calls.push(key)
    return result
  }
  const body = async (run: Run, input: { readonly topic: string }) => {
    const plan = await run.step('plan', () => did('plan', ['a', 'b']))
    const found = await Promise.all(plan.map((one) => run.step(`find:${one}`, () => did(`find:${one}`, one.repeat(2)))))
    await run.sleep('1m')
    const word = await run.wait<string>('word')
    const text = await run.step('write', () => did('write', `${input.topic}: ${found.join()} ${word}`))
    return { text, at: run.now(), chance: [run.random(), run.uuid()] }
  }
  return { calls, body: body as RunFunction<{ readonly topic: string }> }
}

async function finished(scene: RunScene, id: string): Promise<unknown> {
  const journal = scene.another()
  const running = journal.run(id, agent().body, { input: { topic: 'x' } })
  await turns(20)
  await journal.signal(id, 'word', 'go', { commandId: `word of ${id}` })
  return passing(scene.clock, running)
}

async function goOn(scene: RunScene, id: string, did: Did): Promise<{ readonly text: string }> {
  return passing(scene.clock, scene.another().run(id, did.body)) as Promise<{ readonly text: string }>
}

const keysOf = async (scene: RunScene, id: string): Promise<unknown[]> =>
  (await scene.another().read(`run/${id}`).toArray()).map(({ type, data }) => (data as { key?: string }).key ?? type)

describe('fork', () => {
  it('serves what was done from the record, and does the rest', async () => {
    const scene = runScene()
    const result = await finished(scene, 'r')
    const journal = scene.another()
    const did = agent()
    expect(await journal.fork('r', { at: 'find:b', as: 'f' })).toEqual({ id: 'f' })
    expect(await journal.agenda.list({ prefix: 'run/-/f' })).toMatchObject([{ data: { state: 'queued' } }])
    await journal.signal('f', 'word', 'again')
    const forked = await goOn(scene, 'f', did)
    expect(did.calls).toEqual(['write'])
    expect(forked).toMatchObject({ text: 'x: aa,bb again', chance: (result as { chance: unknown }).chance })
    expect(await keysOf(scene, 'f')).toEqual([
      'run.created',
      'run.signal',
      'sleep',
      'sleep',
      'word',
      'write',
      'run.completed',
    ])
    // The source is as it was.
    expect(await journal.run('r', agent().body)).toEqual(result)
  })

  it('shares all but the end by default', async () => {
    const scene = runScene()
    const result = await finished(scene, 'r')
    const did = agent()
    const { id } = await scene.another().fork('r')
    expect(await goOn(scene, id, did)).toEqual(result)
    expect(did.calls).toEqual([])
    expect(await keysOf(scene, id)).toEqual(['run.created', 'run.completed'])
  })

  it('takes other results and another input', async () => {
    const scene = runScene()
    await finished(scene, 'r')
    const journal = scene.another()
    const did = agent()
    await journal.fork('r', { as: 'f', with: { steps: { plan: ['c'] } } })
    await journal.signal('f', 'word', 'new')
    expect(await goOn(scene, 'f', did)).toMatchObject({ text: 'x: cc new' })
    expect(did.calls).toEqual(['find:c', 'write'])
    const other = agent()
    await journal.fork('r', { as: 'g', at: 'word', with: { input: { topic: 'y' }, steps: { 'find:a': '11' } } })
    expect(await goOn(scene, 'g', other)).toMatchObject({ text: 'y: 11,bb go' })
    expect(other.calls).toEqual(['write'])
    const anew = agent()
    await journal.fork('r', { as: 'h', with: { input: { topic: 'z' } } })
    await journal.signal('h', 'word', 'h')
    expect(await goOn(scene, 'h', anew)).toMatchObject({ text: 'z: aa,bb h' })
    expect(anew.calls).toEqual(['plan', 'find:a', 'find:b', 'write'])
  })

  it('takes other results of steps that have another name by now', async () => {
    const scene = runScene()
    const journal = scene.another()
    await journal.run('r', (run) => run.step('old', () => 1))
    await journal.fork('r', { as: 'f', with: { steps: { old: 2 } } })
    const renamed: RunFunction = (run) => run.step('new', () => 3)
    expect(await journal.run('f', renamed, { renamed: { old: 'new' } })).toBe(2)
  })

  it('of a fork names the runs that hold the events', async () => {
    const scene = runScene()
    await finished(scene, 'r')
    const journal = scene.another()
    await journal.fork('r', { as: 'f', with: { steps: { plan: ['c', 'd'] } } })
    await journal.signal('f', 'word', 'f')
    await goOn(scene, 'f', agent())
    const did = agent()
    await journal.fork('f', { as: 'g', at: 'find:c' })
    // The signal had come before: it is shared.
    expect(await goOn(scene, 'g', did)).toMatchObject({ text: 'x: cc,dd f' })
    expect(did.calls).toEqual(['find:d', 'write'])
    const again = agent()
    await journal.fork('g', { as: 'h', at: 2 })
    await journal.signal('h', 'word', 'h')
    expect(await goOn(scene, 'h', again)).toMatchObject({ text: 'x: cc,dd h' })
    expect(again.calls).toEqual(['find:c', 'find:d', 'write'])
    const [created] = await journal.read('run/h', { limit: 1 }).toArray()
    expect(created?.data).toMatchObject({ fork: { run: 'g', through: 2, parts: [{ run: 'r', from: 2, to: 2 }] } })
  })

  it('ends as if it had not been disturbed, wherever its process dies', async () => {
    const play = async (dieAt: number) => {
      const scene = runScene()
      await finished(scene, 'r')
      await scene.another().fork('r', { as: 'f', at: 'plan' })
      await scene.another().signal('f', 'word', 'f')
      const did = agent()
      const first = scene.another(dyingStore(scene.store, dieAt)).run('f', did.body)
      const end = await passing(scene.clock, first).catch(() => undefined)
      const result = end ?? (await goOn(scene, 'f', did))
      const { events } = (await scene.another().diff('f', 'f')).runs[0]
      return { text: (result as { text: string }).text, calls: new Set(did.calls), events, wasCut: end === undefined }
    }
    const undisturbed = await play(Number.POSITIVE_INFINITY)
    let cuts = 0
    for (let dieAt = 1; dieAt <= 9; dieAt += 1) {
      const { wasCut, ...outcome } = await play(dieAt)
      expect({ ...outcome, wasCut: false }, `killed before append ${dieAt}`).toEqual(undisturbed)
      if (wasCut) cuts += 1
    }
    expect(cuts).toBeGreaterThan(6)
  })

  it('goes on from a run that is at work, was cancelled, or whose code has changed', async () => {
    const scene = runScene()
    const journal = scene.another()
    const running = journal.run('r', agent().body, { input: { topic: 'x' } })
    running.catch(() => undefined)
    await turns(30)
    await journal.fork('r', { as: 'f' })
    await journal.cancel('r')
    await expect(passing(scene.clock, running)).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    await journal.fork('r', { as: 'g' })
    for (const id of ['f', 'g']) {
      const did = agent()
      await journal.signal(id, 'word', id)
      expect(await goOn(scene, id, did)).toMatchObject({ text: `x: aa,bb ${id}` })
      expect(did.calls).toEqual(['write'])
    }
    const changed: RunFunction = async (run) => {
      await run.step('plan', () => 'never')
      return run.step('instead', () => 'done')
    }
    await journal.fork('r', { as: 'd' })
    const error = await passing(scene.clock, journal.run('d', changed)).catch((one: unknown) => one)
    expect(error).toMatchObject({ code: 'RUN_DIVERGED', details: { id: 'd', seq: 3 } })
    await journal.fork('d', { as: 'e', at: 2 })
    expect(await passing(scene.clock, journal.run('e', changed))).toBe('done')
  })

  it('keeps what it shares from retention until it has ended', async () => {
    const scene = runScene()
    await finished(scene, 'r')
    const journal = scene.another()
    await journal.fork('r', { as: 'f', at: 'word' })
    const rule = { streams: [{ stream: 'run/r', before: 'all' as const }] }
    expect(await journal.retain(rule)).toMatchObject({ events: 0, heldBy: ['fork/f'] })
    const did = agent()
    await goOn(scene, 'f', did)
    expect(did.calls).toEqual(['write'])
    expect(await journal.pins.list()).toEqual([])
    expect((await journal.retain(rule)).events).toBeGreaterThan(5)
    expect(await goOn(scene, 'f', agent())).toMatchObject({ text: 'x: aa,bb go' })
  })

  it('refuses what it can not do', async () => {
    const scene = runScene()
    await finished(scene, 'r')
    const journal = scene.another()
    const { seq } = await journal.head('run/r')
    await expect(journal.fork('none')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    await expect(journal.fork('r', { as: 'r' })).rejects.toMatchObject({ code: 'RUN_CONFLICT' })
    for (const at of [0, seq, -1, 'no such step', 1.5]) {
      await expect(journal.fork('r', { at })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    const replaced = journal.fork('r', { at: 2, with: { steps: { 'find:a': 1 } } })
    await expect(replaced).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await journal.agenda.list()).toEqual([])
  })
})
