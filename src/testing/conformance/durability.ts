// Durability: 'sync' is acknowledged when durable, 'eventual' when numbered; both go through one order.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Receipt, Store } from '../../stores/store.ts'
import { batch, command, event, events, places, put, range } from './batches.ts'
import { rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened } from './scene.ts'

function eventually(store: Store, stream: string, data = '{}'): Promise<Receipt> {
  return store.append(batch([event(stream, { data })], { durability: 'eventual' }))
}

export const durability: readonly CaseDefinition[] = caseGroup('durability', (test) => {
  test(
    'a synced append can be read as soon as it is acknowledged',
    async ({ store }) => {
      for (const n of range(1, 5)) {
        await put(store, 'a')
        equal((await events(store)).length, n)
        equal(store.head().position, n)
      }
    },
    { row: 'C2.2' },
  )

  test(
    'an eventual receipt is numbered, and promises nothing',
    async ({ store }) => {
      const receipt = await eventually(store, 'a')
      deepEqual([receipt.seq, receipt.position, receipt.durable], [1, 1, false])
      equal(store.head().appended, 1)
    },
    { row: 'C2.2' },
  )

  test('after flush every eventual append is durable and read', async ({ store }) => {
    for (const n of range(1, 20)) await eventually(store, 'a', `${n}`)
    await store.flush()
    equal(store.head().position, 20)
    deepEqual(
      (await events(store)).map(({ data }) => data),
      range(1, 20),
    )
  })

  test('flush waits for appends that nobody awaited', async ({ store }) => {
    const calls = range(1, 10).map(() => eventually(store, 'a'))
    await store.flush()
    equal(store.head().position, 10)
    await Promise.all(calls)
  })

  test('flush ends though appends never cease', async ({ store }) => {
    const most = 4_000
    let appended = 0
    let isOver = false
    const callers = range(1, 8).map(async () => {
      while (!isOver && appended < most) {
        appended++
        await put(store, 'a')
      }
    })
    await eventually(store, 'b')
    await store.flush()
    isOver = true
    ok(appended < most, `flush waited for all of ${appended} appends`)
    await Promise.all(callers)
  })

  test('flush with nothing to do resolves', async ({ store }) => {
    await store.flush()
    await store.flush()
    equal(store.head().position, 0)
  })

  test('a synced append makes the eventual ones before it durable', async ({ store }) => {
    const before = [eventually(store, 'a'), eventually(store, 'b')]
    const receipt = await put(store, 'c')
    equal(receipt.position, 3)
    equal(store.head().position, 3)
    deepEqual(await places(store), ['a#1', 'b#1', 'c#1'])
    await Promise.all(before)
  })

  test('synced and eventual appends keep one order', async ({ store }) => {
    const calls = range(1, 30).map((n) => (n % 3 === 0 ? put(store, 'a') : eventually(store, 'a')))
    const receipts = await Promise.all(calls)
    await store.flush()
    deepEqual(
      receipts.map(({ seq }) => seq),
      range(1, 30),
    )
    deepEqual(
      receipts.map(({ durable }) => durable),
      range(1, 30).map((n) => n % 3 === 0),
    )
  })

  test('the durable position never passes the one given out', async ({ store }) => {
    const calls = range(1, 20).map(() => eventually(store, 'a'))
    const { position, appended } = store.head()
    ok(position <= appended)
    await Promise.all(calls)
    ok(store.head().position <= store.head().appended)
    await store.flush()
    deepEqual([store.head().position, store.head().appended], [20, 20])
  })

  test('what is read is never above the durable position', async ({ store }) => {
    const calls = range(1, 30).map((n) => eventually(store, 'a', `${n}`))
    for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) {
      const { position } = store.head()
      for (const item of page) ok('position' in item && item.position <= position)
    }
    await Promise.all(calls)
  })

  test('an eventual command is known at once', async ({ store }) => {
    const first = store.append(batch([event('a')], { durability: 'eventual', command: command('c') }))
    const again = store.append(batch([event('a')], { durability: 'eventual', command: command('c') }))
    deepEqual([(await first).duplicate, (await again).duplicate], [false, true])
    await store.flush()
    equal(store.head().position, 1)
  })

  test('an eventual append is judged like any other', async ({ store }) => {
    await eventually(store, 'a')
    const expect = new Map([['a', 0]])
    await rejectsWith('SEQ_CONFLICT', store.append(batch([event('a')], { durability: 'eventual', expect })))
    await store.flush()
    deepEqual(await places(store), ['a#1'])
  })

  test('an eventual batch is all or nothing', async ({ store }) => {
    const streams = range(1, 5).map((n) => event(`s${n}`))
    await store.append(batch(streams, { durability: 'eventual', agenda: [{ id: 'x', due: 1 }] }))
    await store.flush()
    equal((await events(store)).length, 5)
    equal((await store.agenda({})).length, 1)
  })

  test(
    'eventual appends survive a close',
    async (scene) => {
      for (const n of range(1, 10)) await eventually(scene.store, 'a', `${n}`)
      const store = await reopened(scene)
      deepEqual(
        (await events(store)).map(({ data }) => data),
        range(1, 10),
      )
    },
    { row: 'C2.2', requires: persistent },
  )

  test(
    'after a crash synced appends are there, and eventual ones are a prefix',
    async (scene) => {
      for (const n of range(1, 5)) await scene.store.append(batch([event('a', { data: `${n}` })]))
      for (const n of range(6, 15)) await eventually(scene.store, 'a', `${n}`)
      const store = await crashed(scene)
      const found = (await events(store)).map(({ data }) => data)
      ok(found.length >= 5)
      deepEqual(found, range(1, found.length))
    },
    { row: 'C2.2', requires: crashes },
  )

  test(
    'what was flushed survives a crash',
    async (scene) => {
      for (const n of range(1, 5)) await eventually(scene.store, 'a', `${n}`)
      await scene.store.flush()
      const store = await crashed(scene)
      ok((await events(store)).length >= 5)
    },
    { row: 'C2.2', requires: crashes },
  )
})
