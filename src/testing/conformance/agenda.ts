// The agenda: what is due when, changed in the same batch as the event that causes it, so that nothing can part them.

import { deepEqual, equal } from 'node:assert/strict'
import type { AgendaQuery, Store } from '../../stores/store.ts'
import { batch, change, dropAll, event, put, range } from './batches.ts'
import { byteOrder, rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened } from './scene.ts'

async function ids(store: Store, asked: AgendaQuery = {}): Promise<readonly string[]> {
  return (await store.agenda(asked)).map(({ id }) => id)
}

async function set(store: Store, due: Readonly<Record<string, number | null>>): Promise<void> {
  await change(store, { agenda: Object.entries(due).map(([id, at]) => ({ id, due: at })) })
}

export const agendas: readonly CaseDefinition[] = caseGroup('agenda', (test) => {
  test('an empty agenda has nothing due', async ({ store }) => {
    deepEqual(await store.agenda({}), [])
    deepEqual(await store.agenda({ dueBy: Number.MAX_SAFE_INTEGER }), [])
  })

  test('an item comes back with its time and data', async ({ store }) => {
    await change(store, {
      agenda: [
        { id: 'x', due: 50, data: '{"run":"r","n":[1,null]}' },
        { id: 'y', due: 60 },
      ],
    })
    const [x, y] = await store.agenda({})
    deepEqual([x?.id, x?.due, JSON.parse(x?.data ?? '')], ['x', 50, { run: 'r', n: [1, null] }])
    deepEqual(y, { id: 'y', due: 60, data: undefined })
  })

  test('what is due first comes first, however it was set', async ({ store }) => {
    await set(store, { c: 30, a: 20, d: 10, b: 40 })
    deepEqual(await ids(store), ['d', 'a', 'c', 'b'])
  })

  test('times are compared as numbers', async ({ store }) => {
    await set(store, { a: 1_000, b: 900, c: 99, d: 10_000_000_000_000 })
    deepEqual(await ids(store), ['c', 'b', 'a', 'd'])
  })

  test('what is due at one time is ordered by the bytes of its id', async ({ store }) => {
    const names = ['a', 'a/1', 'a/10', 'a/2', 'B', 'é', '\ufb01', '\uffff', '\u{10000}', '\u{1F600}', ' ', '__proto__x']
    await set(store, Object.fromEntries(names.map((name) => [name, 5])))
    deepEqual(await ids(store), names.toSorted(byteOrder))
  })

  test('setting an id again replaces its time and its data', async ({ store }) => {
    await change(store, { agenda: [{ id: 'x', due: 50, data: '1' }] })
    await change(store, { agenda: [{ id: 'x', due: 20 }] })
    deepEqual(await store.agenda({}), [{ id: 'x', due: 20, data: undefined }])
    await set(store, { y: 30 })
    await set(store, { x: 40 })
    deepEqual(await ids(store), ['y', 'x'])
  })

  test('null clears, and clearing what is not there is no error', async ({ store }) => {
    await set(store, { x: 5, y: 6 })
    await set(store, { x: null, z: null })
    deepEqual(await ids(store), ['y'])
    await set(store, { x: null })
    deepEqual(await ids(store), ['y'])
  })

  test('changes of one id in one batch apply in order', async ({ store }) => {
    await change(store, {
      agenda: [
        { id: 'x', due: 1 },
        { id: 'x', due: null },
        { id: 'x', due: 7 },
        { id: 'y', due: 3 },
        { id: 'y', due: null },
      ],
    })
    deepEqual(await store.agenda({}), [{ id: 'x', due: 7, data: undefined }])
  })

  test('dueBy is inclusive', async ({ store }) => {
    await set(store, { a: 9, b: 10, c: 11 })
    deepEqual(await ids(store, { dueBy: 10 }), ['a', 'b'])
    deepEqual(await ids(store, { dueBy: 8 }), [])
    deepEqual(await ids(store, { dueBy: 0 }), [])
  })

  test('due at 0 is due at once', async ({ store }) => {
    await set(store, { now: 0, later: 1 })
    deepEqual(await ids(store, { dueBy: 0 }), ['now'])
    deepEqual(await ids(store), ['now', 'later'])
  })

  test('a prefix is of the id, as text', async ({ store }) => {
    await set(store, { 'run/1': 3, 'run/10': 2, 'run/2': 1, run_1: 4, RUN: 5 })
    deepEqual(await ids(store, { prefix: 'run/1' }), ['run/10', 'run/1'])
    deepEqual(await ids(store, { prefix: 'run_' }), ['run_1'])
    deepEqual(await ids(store, { prefix: 'x' }), [])
    equal((await ids(store, { prefix: '' })).length, 5)
  })

  test('a limit gives those due first', async ({ store }) => {
    await set(store, { c: 30, a: 20, d: 10, b: 40 })
    deepEqual(await ids(store, { limit: 2 }), ['d', 'a'])
    deepEqual(await ids(store, { limit: 0 }), [])
    equal((await ids(store, { limit: 99 })).length, 4)
  })

  test('prefix and dueBy come before the limit', async ({ store }) => {
    await set(store, { 'x/1': 1, 'x/2': 2, 'y/1': 3, 'y/2': 4, 'y/3': 50 })
    deepEqual(await ids(store, { prefix: 'y/', limit: 1 }), ['y/1'])
    deepEqual(await ids(store, { prefix: 'y/', dueBy: 10, limit: 5 }), ['y/1', 'y/2'])
  })

  test('being due changes nothing: an item stays until it is cleared', async ({ store, clock }) => {
    await set(store, { x: clock.now() + 10 })
    clock.advance(1_000_000)
    deepEqual(await ids(store, { dueBy: clock.now() }), ['x'])
    deepEqual(await ids(store, { dueBy: clock.now() }), ['x'])
  })

  test('an event and its agenda change are there together', async ({ store }) => {
    await store.append(batch([event('a')], { agenda: [{ id: 'wake', due: 5 }] }))
    deepEqual(await ids(store), ['wake'])
    await store.append(batch([event('a')], { agenda: [{ id: 'wake', due: null }] }))
    deepEqual(await ids(store), [])
    equal((await store.stream('a'))?.seq, 2)
  })

  test('a refused batch neither sets nor clears', async ({ store }) => {
    await set(store, { kept: 5 })
    const agenda = [
      { id: 'kept', due: null },
      { id: 'new', due: 1 },
    ]
    const expect = new Map([['a', 3]])
    await rejectsWith('SEQ_CONFLICT', store.append(batch([event('a')], { agenda, expect })))
    deepEqual(await ids(store), ['kept'])
  })

  test('retention leaves the agenda alone', async ({ store }) => {
    await store.append(batch([event('a')], { agenda: [{ id: 'wake', due: 5 }] }))
    await dropAll(store, 'a')
    deepEqual(await ids(store), ['wake'])
  })

  test('changes in flight apply in the order of the calls', async ({ store }) => {
    await Promise.all(range(1, 20).map((n) => change(store, { agenda: [{ id: 'x', due: n }] })))
    deepEqual(await store.agenda({}), [{ id: 'x', due: 20, data: undefined }])
  })

  test('a thousand items, some cleared, are all in order', async ({ store }) => {
    const due = (n: number) => (n * 7_919) % 1_009
    await change(store, { agenda: range(1, 1_000).map((n) => ({ id: `${n}`, due: due(n) })) })
    await change(store, { agenda: range(1, 500).map((n) => ({ id: `${n * 2}`, due: null })) })
    const found = await store.agenda({})
    equal(found.length, 500)
    equal((await store.stats()).agenda, 500)
    const want = range(1, 1_000).filter((n) => n % 2 === 1)
    const sorted = want.toSorted((left, right) => due(left) - due(right) || byteOrder(`${left}`, `${right}`))
    deepEqual(
      found.map(({ id }) => id),
      sorted.map((n) => `${n}`),
    )
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `the agenda is the same after ${how}`,
      async (scene) => {
        await change(scene.store, {
          agenda: [
            { id: 'x', due: 9, data: '{"a":1}' },
            { id: 'y', due: 3 },
          ],
        })
        await change(scene.store, { agenda: [{ id: 'z', due: 1 }] })
        await set(scene.store, { z: null })
        const store = await again(scene)
        deepEqual(await ids(store), ['y', 'x'])
        deepEqual(JSON.parse((await store.agenda({}))[1]?.data ?? ''), { a: 1 })
        await put(store, 'a')
      },
      { row: 'C4.8', requires },
    )
  }
})
