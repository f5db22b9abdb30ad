// Holding code against records: what would go on, what would diverge, and that nothing is done meanwhile.

import { describe, expect, it } from 'vitest'
import { HoldfastJournal } from '../holdfast-journal.ts'
import { runScene, turns } from '../testing/cut-off-scene.ts'
import type { Run } from './run.ts'
import type { RunFunction } from './runs.ts'

const body: RunFunction = async (run: Run) => {
  await run.step('a', () => 1)
  await run.sleep('1h')
  return run.wait('go')
}
const changed: RunFunction = async (run: Run) => {
  await run.step('b', () => never())
  return run.wait('go')
}
const longer: RunFunction = async (run: Run) => {
  await run.step('a', () => never())
  await run.sleep('2h')
  await run.step('c', () => never())
}

function never(): unknown {
  throw new Error('a check calls no step')
}

describe('check', () => {
  it('tells what would go on and what would diverge, and does nothing', async () => {
    const { another, clock } = runScene()
    const journal = another()
    journal.run('r', body, { version: '1' }).catch(() => undefined)
    await turns(20)
    const before = await contents(journal)
    const timers = clock.waiting
    expect(await journal.check('r', body)).toEqual({ ok: true, at: 3 })
    expect(await journal.check('r', longer)).toEqual({ ok: true, at: 3 })
    expect(await journal.check('r', changed, { version: '2' })).toMatchObject({
      ok: false,
      report: { id: 'r', seq: 2, recorded: ['a'], attempted: ['b'], versions: { recorded: '1', attempted: '2' } },
    })
    expect(await journal.check('r', changed, { renamed: { a: 'b' } })).toMatchObject({ ok: false, report: { seq: 3 } })
    const failing: RunFunction = async () => {
      throw new Error('at once')
    }
    expect(await journal.check('r', failing)).toMatchObject({ ok: false, report: { returned: true } })
    await turns(20)
    expect(await contents(journal)).toEqual(before)
    expect(clock.waiting).toBe(timers)
    await expect(journal.check('none', body)).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  })

  it('gives what the function waits for on its own so much time, and no more', async () => {
    const { another, clock } = runScene()
    const journal = another()
    journal.run('r', body).catch(() => undefined)
    await turns(20)
    const stuck: RunFunction = () => new Promise(() => undefined)
    const checking = journal.check('r', stuck, { patience: '1s' })
    await turns(20)
    clock.advance(1_000)
    expect(await checking).toMatchObject({ ok: false, report: { recorded: ['a'], attempted: [] } })
  })

  it('works where nothing can be appended, and with a run that has ended', async () => {
    const { another, store } = runScene()
    await another().run('r', (run) => run.step('a', () => 1))
    const readOnly = new Proxy(store, {
      get(target, name) {
        if (name === 'append') throw new Error('a check appends nothing')
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const journal = new HoldfastJournal(readOnly)
    expect(await journal.check('r', (run) => run.step('a', () => never()))).toEqual({ ok: true, at: 3 })
    const more = journal.check('r', async (run) => {
      await run.step('a', () => never())
      return run.step('b', () => never())
    })
    expect(await more).toMatchObject({ ok: false, report: { seq: 3, attempted: ['b'] } })
  })

  it('checks all that is unfinished', async () => {
    const { another } = runScene()
    const journal = another()
    for (const id of ['one', 'two', 'x/three']) journal.run(id, body).catch(() => undefined)
    await journal.run('done', (run) => run.step('a', () => 1))
    await turns(40)
    expect(await journal.checkAll('-', longer)).toEqual({ ok: true, checked: 3, diverged: [] })
    expect(await journal.checkAll('other', longer)).toEqual({ ok: true, checked: 0, diverged: [] })
    const some = await journal.checkAll(({ id, name }) => name === '-' && id !== 'two', changed)
    expect(some).toMatchObject({ ok: false, checked: 2 })
    expect(some.diverged.map(({ id }) => id).sort()).toEqual(['one', 'x/three'])
  })
})

async function contents(journal: HoldfastJournal): Promise<unknown> {
  return [await journal.read().toArray(), await journal.agenda.list(), await journal.leases.get('run/-/r')]
}
