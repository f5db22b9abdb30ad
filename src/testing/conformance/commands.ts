// Command ids: one append, one effect, however often it is asked for; and what a known id answers.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Batch, Receipt, Store } from '../../stores/store.ts'
import { batch, change, command, dropAll, event, places, put, putMany, range, retain } from './batches.ts'
import { codeOf, rejectsWith, settled, watching } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened, sceneStartMs } from './scene.ts'

function apply(store: Store, id: string, content = 'content', parts: Partial<Batch> = {}): Promise<Receipt> {
  return store.append(batch([event('a'), event('b')], { command: command(id, content), ...parts }))
}

function withoutMark({ duplicate: _mark, ...rest }: Receipt): unknown {
  return rest
}

export const commands: readonly CaseDefinition[] = caseGroup('command ids', (test) => {
  test(
    'a repetition takes no effect and gets the first receipt, marked',
    async ({ store }) => {
      await put(store, 'x')
      const first = await apply(store, 'c')
      await put(store, 'a')
      const again = await apply(store, 'c')
      equal(first.duplicate, false)
      equal(again.duplicate, true)
      deepEqual(withoutMark(again), withoutMark(first))
      deepEqual(await places(store), ['x#1', 'a#1', 'b#1', 'a#2'])
    },
    { row: 'C2.4' },
  )

  test('other content under a known id is refused', async ({ store }) => {
    await apply(store, 'c', 'one')
    await rejectsWith('COMMAND_CONFLICT', apply(store, 'c', 'two'))
    equal(store.head().appended, 2)
  })

  test('a conflict does not spoil the id', async ({ store }) => {
    await apply(store, 'c', 'one')
    await rejectsWith('COMMAND_CONFLICT', apply(store, 'c', 'two'))
    equal((await apply(store, 'c', 'one')).duplicate, true)
  })

  test('the same content under other ids takes effect each time', async ({ store }) => {
    await apply(store, 'c1')
    equal((await apply(store, 'c2')).duplicate, false)
    equal(store.head().appended, 4)
  })

  test('ids are compared exactly', async ({ store }) => {
    for (const id of ['c', 'C', 'c ', 'c/1', '\u00e7', 'c\u0327', '__proto__', 'constructor', '\u{1F600}']) {
      equal((await apply(store, id)).duplicate, false, id)
    }
    equal((await apply(store, '__proto__')).duplicate, true)
  })

  test('the id is looked up before the expectation is judged', async ({ store }) => {
    const expect = new Map([['a', 0]])
    await apply(store, 'c', 'content', { expect })
    equal((await apply(store, 'c', 'content', { expect })).duplicate, true)
  })

  test('the id is looked up before the fence is judged', async ({ store }) => {
    const fences = [{ lease: 'l', token: 1 }]
    await change(store, { leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 1_000 }] })
    await apply(store, 'c', 'content', { fences })
    await change(store, { leases: [{ lease: 'l', op: 'release', token: 1 }] })
    equal((await apply(store, 'c', 'content', { fences })).duplicate, true)
  })

  test('a conflict of content beats a wrong expectation', async ({ store }) => {
    await apply(store, 'c', 'one')
    await rejectsWith('COMMAND_CONFLICT', apply(store, 'c', 'two', { expect: new Map([['a', 9]]) }))
  })

  test('repetitions in flight take effect once', async ({ store }) => {
    const receipts = await Promise.all(range(1, 20).map(() => apply(store, 'c')))
    equal(receipts.filter(({ duplicate }) => !duplicate).length, 1)
    equal(receipts[0]?.duplicate, false)
    for (const receipt of receipts) deepEqual(receipt.events, receipts[0]?.events)
    deepEqual(await places(store), ['a#1', 'b#1'])
  })

  test('other content while the first is in flight is refused', async ({ store }) => {
    const first = apply(store, 'c', 'one')
    const second = rejectsWith('COMMAND_CONFLICT', apply(store, 'c', 'two'))
    const [receipt] = await Promise.all([first, second])
    equal(receipt.duplicate, false)
  })

  test('a repetition of one in flight is answered only when that one is durable', async ({ store }) => {
    const first = apply(store, 'c')
    const seen = apply(store, 'c').then(({ duplicate, durable }) => ({
      duplicate,
      durable,
      position: store.head().position,
    }))
    await first
    deepEqual(await seen, { duplicate: true, durable: true, position: 2 })
  })

  test('a repetition in flight behind a refused one takes effect', async ({ store }) => {
    await put(store, 'a')
    const refused = apply(store, 'c', 'content', { expect: new Map([['a', 0]]) }).catch(codeOf)
    const second = apply(store, 'c')
    const [code, receipt] = await Promise.all([refused, second])
    deepEqual([code, receipt.duplicate], ['SEQ_CONFLICT', false])
  })

  test('command() gives the receipt of a known id', async ({ store }) => {
    const first = await apply(store, 'c')
    const known = await store.command('c')
    ok(known)
    equal(known.duplicate, true)
    deepEqual(withoutMark(known), withoutMark(first))
  })

  test('command() knows nothing of an id that was never used', async ({ store }) => {
    await apply(store, 'c')
    equal(await store.command('d'), undefined)
    equal(await store.command('toString'), undefined)
  })

  test('a command without events has a receipt as well', async ({ store }) => {
    await putMany(store, 'a', 2)
    const first = await change(store, { command: command('c'), agenda: [{ id: 'x', due: 5 }] })
    await put(store, 'a')
    await change(store, { agenda: [{ id: 'x', due: null }] })
    const again = await change(store, { command: command('c'), agenda: [{ id: 'x', due: 5 }] })
    deepEqual([first.position, again.position, again.seq, again.duplicate], [2, 2, 0, true])
    deepEqual(await store.agenda({}), [])
  })

  test('the first receipt comes back with its leases', async ({ store }) => {
    const leases = [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 1_000 }] as const
    const first = await apply(store, 'c', 'content', { leases })
    const again = await apply(store, 'c', 'content', { leases })
    deepEqual(first.leases, [{ lease: 'l', token: 1, until: sceneStartMs + 1_000 }])
    deepEqual(again.leases, first.leases)
    equal((await store.lease('l'))?.token, 1)
  })

  test('a repetition wakes nobody', async ({ store }) => {
    await apply(store, 'c')
    await settled()
    const wakes = watching(store)
    await apply(store, 'c')
    await settled()
    equal(wakes.count(), 0)
    wakes.stop()
  })

  test('the receipt outlives the retention of its events', async ({ store }) => {
    const first = await apply(store, 'c')
    await dropAll(store, 'a', 'b')
    const again = await apply(store, 'c')
    equal(again.duplicate, true)
    deepEqual(again.events, first.events)
    deepEqual(await places(store), [])
  })

  test(
    'ids older than commandsBefore are forgotten, younger ones stay',
    async ({ store, clock }) => {
      await apply(store, 'old')
      clock.advance(1_000)
      await apply(store, 'young')
      const report = await retain(store, { commandsBefore: sceneStartMs + 1_000 })
      deepEqual([report.commands, report.events], [1, 0])
      equal(await store.command('old'), undefined)
      equal((await store.command('young'))?.duplicate, true)
    },
    { row: 'C2.4' },
  )

  test('a forgotten id takes effect anew, with other content too', async ({ store, clock }) => {
    await apply(store, 'c', 'one')
    clock.advance(1_000)
    await retain(store, { commandsBefore: sceneStartMs + 1 })
    deepEqual((await apply(store, 'c', 'two')).duplicate, false)
    equal((await apply(store, 'c', 'two')).duplicate, true)
    equal(store.head().appended, 4)
  })

  test('a dry run forgets no id', async ({ store, clock }) => {
    await apply(store, 'c')
    clock.advance(1_000)
    equal((await store.retain({ commandsBefore: sceneStartMs + 1 }, { dryRun: true })).commands, 1)
    equal((await apply(store, 'c')).duplicate, true)
  })

  test('removing events forgets no id unless asked to', async ({ store, clock }) => {
    await apply(store, 'c')
    clock.advance(1_000)
    const report = await retain(store, { before: sceneStartMs + 500 })
    deepEqual([report.events, report.commands], [2, 0])
    equal((await apply(store, 'c')).duplicate, true)
  })

  test('a thousand ids are told apart', async ({ store }) => {
    await Promise.all(range(1, 1_000).map((n) => store.append(batch([event('a')], { command: command(`c${n}`) }))))
    equal((await store.stats()).commands, 1_000)
    for (const n of [1, 10, 500, 1_000]) equal((await store.command(`c${n}`))?.seq, n)
  })

  test(
    'ids hold after a reopening',
    async (scene) => {
      const first = await apply(scene.store, 'c', 'one')
      const store = await reopened(scene)
      const again = await apply(store, 'c', 'one')
      equal(again.duplicate, true)
      deepEqual(withoutMark(again), withoutMark(first))
      await rejectsWith('COMMAND_CONFLICT', apply(store, 'c', 'two'))
      equal(store.head().appended, 2)
    },
    { row: 'C2.4', requires: persistent },
  )

  test(
    'ids hold after a crash',
    async (scene) => {
      await apply(scene.store, 'c', 'one')
      const store = await crashed(scene)
      equal((await apply(store, 'c', 'one')).duplicate, true)
      deepEqual(await places(store), ['a#1', 'b#1'])
    },
    { row: 'C2.4', requires: crashes },
  )

  test(
    'a forgotten id stays forgotten after a reopening',
    async (scene) => {
      await apply(scene.store, 'c')
      scene.clock.advance(1_000)
      await retain(scene.store, { commandsBefore: sceneStartMs + 1 })
      const store = await reopened(scene)
      equal(await store.command('c'), undefined)
      equal((await apply(store, 'c')).duplicate, false)
    },
    { requires: persistent },
  )
})
