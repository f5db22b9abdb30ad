// C1.13: a run's children are runs of their own, begun and ended in one batch with what their parent knows of it.

import { describe, expect, it } from 'vitest'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { HoldfastJournal } from '../holdfast-journal.ts'
import { turns } from '../testing/cut-off-scene.ts'
import { runsScene } from '../testing/runs-scene.ts'
import type { Run } from './run.ts'

async function streamsOf(journal: HoldfastJournal): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { stream } of journal.streams()) names.push(stream)
  return names
}

describe('a child', () => {
  it('is a run of its own, under its parent by default', async () => {
    const { process, settled } = runsScene()
    const journal = process()
    journal.define('square', async (run, n: number) => run.step('square', () => n * n))
    const parent = journal.run('p', async (run) => {
      const first = await run.child<number>('square', { input: 3 })
      const more = await Promise.all([2, first].map((input) => run.child<number>('square', { input })))
      const inline = await run.child('inline', async (inner, text: string) => `${inner.id}: ${text}`, { input: 'x' })
      return { more, inline, own: await run.child<number>('square', { id: 'own', input: 1 }) }
    })
    expect(await settled(parent)).toEqual({ more: [4, 81], inline: 'p/inline: x', own: 1 })
    const streams = await streamsOf(journal)
    expect(streams).toEqual(['run/own', 'run/p', 'run/p/inline', 'run/p/square', 'run/p/square#2', 'run/p/square#3'])
    expect(await journal.result('p/square#2')).toBe(4)
    expect(await journal.agenda.list()).toEqual([])
  })

  it('reaches its parent as the error that it failed with, or that it was cancelled', async () => {
    const { process, settled } = runsScene()
    const journal = process()
    journal.define('fails', async () => {
      throw new RangeError('too far')
    })
    journal.define('waits', (run) => run.wait('never'))
    const parent = journal.run('p', async (run) => {
      const failed = await run.child('fails').catch((error: unknown) => error)
      const cancelled = await run.child('waits').catch((error: unknown) => error)
      const taken = await run.child('fails', { id: 'p/waits' }).catch((error: unknown) => error)
      const unstorable = await run.child('fails', { input: () => 1 }).catch((error: unknown) => error)
      return [failed instanceof RangeError, ...[cancelled, taken, unstorable].map((e) => isHoldfastError(e) && e.code)]
    })
    await turns(60)
    await journal.cancel('p/waits')
    expect(await settled(parent)).toEqual([true, 'RUN_CANCELLED', 'RUN_CONFLICT', 'NOT_STORABLE'])
  })

  it('is cancelled with its parent, and when its parent ends before it', async () => {
    const { process, settled, until } = runsScene()
    const journal = process()
    journal.define('waits', (run) => run.wait('never'))
    const cancelled = journal.run('c', (run) => run.child('waits'))
    await until(async () => (await journal.head('run/c/waits')).seq > 1)
    await journal.cancel('c')
    await expect(settled(cancelled)).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    await expect(settled(journal.result('c/waits'))).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    const raced = journal.run('r', (run) => Promise.race([run.child('waits'), run.step('fast', () => 'fast')]))
    expect(await settled(raced)).toBe('fast')
    await expect(settled(journal.result('r/waits'))).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(await journal.agenda.list()).toEqual([])
  })

  it('can be as deep as the limit', async () => {
    const { process, settled } = runsScene()
    const journal = process()
    journal.define('deeper', async (run, depth: number): Promise<unknown> => {
      try {
        return await run.child('deeper', { id: `d${depth + 1}`, input: depth + 1 })
      } catch (error) {
        if (isHoldfastError(error, 'RUN_TOO_DEEP')) return depth
        throw error
      }
    })
    const { id } = await journal.start('deeper', { input: 0 })
    await using _ = journal.worker({ concurrency: 2 })
    expect(await settled(journal.result(id))).toBe(100)
  })

  it('is done while its parent is out of memory', async () => {
    const { process, settled, until } = runsScene()
    const journal = process({ resident: 0 })
    let parentCalls = 0
    journal.define('parent', async (run) => {
      parentCalls += 1
      return run.child('child')
    })
    journal.define('child', async (run) => {
      await run.sleep('1h')
      return run.wait('go')
    })
    await using _ = journal.worker({ concurrency: 1 })
    const { id } = await journal.start('parent')
    const restsElsewhere = async (entry: string) => {
      const [found] = await journal.agenda.list({ prefix: entry })
      const { state } = (found?.data ?? {}) as { readonly state?: string }
      return (state === 'waiting' || state === 'sleeping') && (await journal.leases.get(entry)) === undefined
    }
    await until(async () => (await restsElsewhere(`run/parent/${id}`)) && restsElsewhere(`run/child/${id}/child`))
    await journal.signal(`${id}/child`, 'go', 'done')
    expect(await settled(journal.result(id), 4_000)).toBe('done')
    expect(parentCalls).toBe(2)
  })
})

describe('a parent and its child that are killed', () => {
  const define = (journal: HoldfastJournal, calls: string[]): void => {
    journal.define('child', async (run, n: number) => {
      const doubled = await run.step('double', () => {
        calls.push(`double ${n}`)
        return n * 2
      })
      if (n === 3) throw new HoldfastError('UNSUPPORTED', 'three')
      await run.sleep('1m')
      return doubled
    })
    journal.define('parent', async (run: Run) => {
      const plan = await run.step('plan', () => {
        calls.push('plan')
        return [1, 2, 3]
      })
      const ends = await Promise.allSettled(plan.map((input) => run.child<number>('child', { input })))
      const inline = await run.child('inline', (inner) =>
        inner.step('inside', () => {
          calls.push('inside')
          return 'in'
        }),
      )
      const loser = await Promise.race([run.child('child', { input: 9 }), run.sleep('10s').then(() => 'slept')])
      const values = ends.map((end) => (end.status === 'fulfilled' ? end.value : (end.reason as HoldfastError).code))
      return { values, inline, loser }
    })
  }

  const stepsOfAll = 6

  it('end as if they had not been, wherever that was', async () => {
    const undisturbed = await play(Number.POSITIVE_INFINITY)
    expect(undisturbed.result).toEqual({ values: [2, 4, 'UNSUPPORTED'], inline: 'in', loser: 'slept' })
    let killed = 0
    for (let dieAt = 2; dieAt < 200; dieAt += 1) {
      const played = await play(dieAt)
      expect(played.result, `killed before append ${dieAt}`).toEqual(undisturbed.result)
      expect(played.streams, `killed before append ${dieAt}`).toEqual(undisturbed.streams)
      // The next process does what was not durable, once each, and nothing else.
      if (played.hasDied) expect(played.durable + played.later.length, `before append ${dieAt}`).toBe(stepsOfAll)
      if (played.hasDied) killed += 1
      else break
    }
    expect(killed).toBeGreaterThan(20)
  })

  async function play(dieAt: number) {
    const scene = runsScene()
    const starter = scene.process()
    await starter.start('parent', { id: 'p' })
    let hasDied = false
    const dies = (): void => {
      hasDied = true
    }
    const one = scene.process({ dieAt, dies })
    define(one, [])
    one.worker()
    let result: unknown
    const ended = starter.result('p').then((value) => {
      result = value
    })
    await scene.until(() => hasDied || result !== undefined)
    const durable = (await starter.read(undefined, { types: 'run.step' }).toArray()).length
    const later: string[] = []
    if (hasDied) {
      const two = scene.process()
      define(two, later)
      two.worker()
    }
    await scene.settled(ended)
    await expect(scene.settled(starter.result('p/child#4'))).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(await starter.agenda.list()).toEqual([])
    const streams = await streamsOf(starter)
    return { result, later, durable, streams, hasDied }
  }
})
