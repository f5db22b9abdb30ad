// C5.7: what a run shows while it is at work reaches who follows it now, and nobody else, whatever comes after.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { dyingStore, passing, runScene, turns } from '../testing/cut-off-scene.ts'
import type { Run } from './run.ts'

/** What a follower of run r hears, from now on. */
async function following(journal: HoldfastJournal): Promise<unknown[]> {
  const heard: unknown[] = []
  const follow = async (): Promise<void> => {
    for await (const item of journal.subscribe({ select: 'run/r', live: true, from: 'now', keepsAlive: false })) {
      if ('live' in item) heard.push((item.data as { readonly output: unknown }).output)
      else if (!('notice' in item)) heard.push(item.type)
    }
  }
  follow().catch(() => undefined)
  await turns(5)
  return heard
}

/** Shows what it does, in a step and between two. */
const body = async (run: Run) => {
  run.emitLive('begins')
  await run.step('think', async () => {
    for (const token of ['to', 'ken']) {
      run.emitLive(token)
      await turns(2)
    }
  })
  run.emitLive('thought')
  await run.emit('kept')
  await run.step('last', () => run.emitLive('last'))
}

describe('run.emitLive', () => {
  it('tells who follows, in the order of what happens, and leaves nothing behind', async () => {
    const scene = runScene()
    const journal = scene.another()
    const heard = await following(journal)
    await journal.run('r', body)
    await turns(10)
    expect(heard).toEqual([
      'run.created',
      ...['begins', 'to', 'ken', 'run.step'],
      ...['thought', 'run.emitted', 'last', 'run.step', 'run.completed'],
    ])
    const types = (await journal.read('run/r').toArray()).map(({ type }) => type)
    expect(types).toEqual(['run.created', 'run.step', 'run.emitted', 'run.step', 'run.completed'])
    const again = await following(scene.another())
    expect(again).toEqual([])
  })

  it('says nothing again of what history holds, wherever the process died', async () => {
    const whole = ['begins', 'to', 'ken', 'thought', 'last']
    for (let dieAt = 1; dieAt <= 5; dieAt += 1) {
      const scene = runScene()
      const first = scene.another(dyingStore(scene.store, dieAt))
      await expect(first.run('r', body)).rejects.toMatchObject({ code: 'CLOSED' })
      const second = scene.another()
      const heard = await following(second)
      await passing(scene.clock, second.run('r', body))
      await turns(10)
      const said = heard.filter((one) => whole.includes(String(one)))
      // What an event shows to have been said is not said again. A step that is called again says it again.
      const left = { 1: whole, 2: whole, 3: ['thought', 'last'], 4: ['last'], 5: [] }[dieAt]
      expect(said, `killed before append ${dieAt}`).toEqual(left)
    }
  })

  it('refuses what can not be told, in a replay too, and tells nothing of a run that is over', async () => {
    const scene = runScene()
    const journal = scene.another()
    const codes: unknown[] = []
    let leaked: (() => void) | undefined
    const refused = async (run: Run) => {
      for (const output of [() => 1, 'x'.repeat(20_000)]) {
        try {
          run.emitLive(output)
        } catch (error) {
          codes.push((error as { readonly code?: unknown }).code)
        }
      }
      await run.step('a', () => 1)
      leaked = () => run.emitLive('too late')
    }
    await journal.run('r', refused)
    expect((await scene.another().check('r', refused)).ok).toBe(true)
    expect(codes).toEqual(['NOT_STORABLE', 'TOO_LARGE', 'NOT_STORABLE', 'TOO_LARGE'])
    const heard = await following(journal)
    leaked?.()
    await turns(5)
    expect(heard).toEqual([])
  })
})
