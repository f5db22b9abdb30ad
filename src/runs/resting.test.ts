// C1.5: runs that sleep or wait say so, leave memory, and come back when something happens.

import { describe, expect, it } from 'vitest'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { turns } from '../testing/cut-off-scene.ts'
import { type RunsScene, runsScene } from '../testing/runs-scene.ts'
import type { Run } from './run.ts'
import { neverDue } from './run-event.ts'

async function entry(journal: HoldfastJournal): Promise<{ readonly due: number; readonly data: unknown } | undefined> {
  const [first] = await journal.agenda.list({ prefix: 'run/' })
  return first
}

describe('a run that rests', () => {
  it('says on the agenda until when, in the batch of the event that brings it to rest', async () => {
    const { process, clock, store, settled } = runsScene()
    const journal = process()
    const began = clock.now()
    const running = journal.run('r', async (run) => {
      await run.sleep('1h')
      await run.wait('approval')
      return run.step('last', () => 1)
    })
    await turns(20)
    expect(await entry(journal)).toMatchObject({ due: began + 3_600_000, data: { state: 'sleeping' } })
    expect(store.head().position).toBe(2)
    clock.advance(3_600_000)
    await turns(20)
    expect(await entry(journal)).toMatchObject({ due: neverDue, data: { state: 'waiting' } })
    await journal.signal('r', 'other')
    await turns(20)
    // It still rests, and the signal is kept.
    expect(await entry(journal)).toMatchObject({ due: neverDue, data: { state: 'waiting' } })
    await journal.signal('r', 'approval')
    expect(await settled(running)).toBe(1)
    expect(await entry(journal)).toBeUndefined()
  })

  it('is running again with the first event after it woke', async () => {
    const { process, clock, settled } = runsScene()
    const journal = process()
    let seen: unknown
    const running = journal.run('r', async (run) => {
      await run.sleep('1h')
      await run.annotate('awake')
      return run.step('look', async () => {
        seen = (await entry(journal))?.data
      })
    })
    await turns(20)
    clock.advance(3_600_000)
    await settled(running)
    expect(seen).toEqual({ state: 'running' })
  })

  it('is due for others when it was told something that its driver did not live to hear of', async () => {
    const { process, settled } = runsScene()
    const body = (run: Run) => run.wait('approval')
    // Its second append is the wait, which says "waiting"; the signal is there before.
    const one = process({ dieAt: 2 })
    await expect(one.run('r', body)).rejects.toMatchObject({ code: 'CLOSED' })
    await process().signal('r', 'approval', 'yes')
    const two = process({ dieAt: 3 })
    await expect(two.run('r', body)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await entry(two)).toMatchObject({ due: expect.not.toBeOneOf([neverDue]) })
    expect(await settled(process().run('r', body))).toBe('yes')
  })

  it('takes a signal with a command id once, whenever it is sent again', async () => {
    const { process, clock, settled } = runsScene()
    const journal = process()
    const running = journal.run('r', async (run) => [await run.wait('a'), await run.wait('a', { timeout: '1h' })])
    await turns(20)
    await journal.signal('r', 'a', 1, { commandId: 'one' })
    clock.advance(5_000)
    await process().signal('r', 'a', 1, { commandId: 'one' })
    expect(await settled(running, 60_000)).toEqual([1, undefined])
    await journal.signal('r', 'a', 1, { commandId: 'one' })
    await expect(journal.signal('r', 'a', 1)).rejects.toMatchObject({ code: 'RUN_ENDED' })
    await expect(journal.cancel('r')).rejects.toMatchObject({ code: 'RUN_ENDED' })
  })
})

describe('a run that is out of memory', () => {
  const body = (calls: string[]) => async (run: Run) => {
    calls.push('begin')
    await run.step('a', () => calls.push('a'))
    await run.sleep('1h')
    await run.step('b', () => calls.push('b'))
    const approval = await run.wait('approval')
    return { approval }
  }

  async function passive(scene: RunsScene, resident = 0) {
    const journal = scene.process({ resident, manyWriters: true })
    const calls: string[] = []
    const running = journal.run('r', body(calls))
    await turns(30)
    return { journal, calls, running }
  }

  it('has given its lease back, and comes back for its time and for what it is told', async () => {
    const scene = runsScene()
    const { journal, calls, running } = await passive(scene)
    expect(await journal.leases.get('run/-/r')).toBeUndefined()
    await scene.until(() => calls.length > 3, 60_000)
    expect(calls).toEqual(['begin', 'a', 'begin', 'b'])
    await scene.until(async () => (await journal.leases.get('run/-/r')) === undefined)
    await scene.process().signal('r', 'approval', 'yes')
    expect(await scene.settled(running)).toEqual({ approval: 'yes' })
  })

  it('stays when there is room', async () => {
    const scene = runsScene()
    const { journal, calls, running } = await passive(scene, 1)
    expect(await journal.leases.get('run/-/r')).toMatchObject({ held: true })
    scene.clock.advance(3_600_000)
    await journal.signal('r', 'approval')
    await scene.settled(running)
    expect(calls).toEqual(['begin', 'a', 'b'])
  })

  it('is cancelled all the same', async () => {
    const scene = runsScene()
    const { journal, running } = await passive(scene)
    await journal.cancel('r')
    await expect(scene.settled(running)).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  })

  it('is waited for when another process has taken it', async () => {
    const scene = runsScene()
    const { running } = await passive(scene)
    const other = scene.process({ manyWriters: true })
    const there = other.run('r', body([]))
    const waits = async () => (await other.read('run/r', { types: 'run.wait' }).toArray()).length > 0
    await scene.until(waits, 4_000)
    await other.signal('r', 'approval', 'there')
    expect(await scene.settled(there)).toEqual({ approval: 'there' })
    expect(await scene.settled(running)).toEqual({ approval: 'there' })
  })

  it('loses nothing that it is told while it leaves', async () => {
    for (let delay = 0; delay < 40; delay += 1) {
      const scene = runsScene()
      const journal = scene.process({ resident: 0 })
      const running = journal.run('r', async (run) => [await run.wait('one'), await run.wait('two')])
      await turns(delay)
      const told = scene.process()
      await scene.until(async () => (await told.head('run/r')).seq > 0)
      await told.signal('r', 'one', 1)
      await told.signal('r', 'two', 2)
      expect(await scene.settled(running), `told after ${delay} turns`).toEqual([1, 2])
    }
  })
})
