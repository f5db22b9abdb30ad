// Appending and numbering: seqs per stream from 1, positions over the whole journal from 1, in the order of the calls.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { batch, event, events, numbered, places, positions, put, putMany, range, seqs } from './batches.ts'
import { type CaseDefinition, caseGroup } from './scene.ts'

export const appending: readonly CaseDefinition[] = caseGroup('append', (test) => {
  test('the first event has seq 1 and position 1', async ({ store }) => {
    const receipt = await put(store, 'a')
    deepEqual([receipt.seq, receipt.position], [1, 1])
    deepEqual(await places(store), ['a#1'])
  })

  test(
    'each stream counts for itself',
    async ({ store }) => {
      await put(store, 'a')
      await put(store, 'b')
      await put(store, 'a')
      deepEqual(await places(store), ['a#1', 'b#1', 'a#2'])
    },
    { row: 'C1.1' },
  )

  test(
    'what one stream gets never shows in another',
    async ({ store }) => {
      await putMany(store, 'agent/1', 3)
      await putMany(store, 'agent/2', 2)
      deepEqual(await seqs(store, 'agent/1'), [1, 2, 3])
      deepEqual(await seqs(store, 'agent/2'), [1, 2])
    },
    { row: 'C1.2' },
  )

  test('positions have no hole', async ({ store }) => {
    for (let round = 0; round < 4; round++) await put(store, 'a', 'b', 'c')
    deepEqual(await positions(store), range(1, 12))
  })

  test(
    'a batch over several streams is numbered in its order',
    async ({ store }) => {
      await put(store, 'a', 'b', 'a', 'c', 'b', 'a')
      deepEqual(await places(store), ['a#1', 'b#1', 'a#2', 'c#1', 'b#2', 'a#3'])
    },
    { row: 'C2.1' },
  )

  test('a batch goes on where its streams stand', async ({ store }) => {
    await put(store, 'b', 'b')
    await put(store, 'a', 'b')
    deepEqual(await places(store), ['b#1', 'b#2', 'a#1', 'b#3'])
  })

  test('appends are numbered in the order of the calls, not of their completion', async ({ store }) => {
    const calls = range(1, 50).map((n) => store.append(batch([event('a', { data: `${n}` })])))
    const receipts = await Promise.all(calls)
    deepEqual(
      receipts.map(({ seq }) => seq),
      range(1, 50),
    )
    deepEqual(
      (await events(store)).map(({ data }) => data),
      range(1, 50),
    )
  })

  test('batches in flight at once are not interleaved', async ({ store }) => {
    const calls = range(1, 10).map((n) => store.append(batch(numbered(`s${n}`, 5))))
    await Promise.all(calls)
    deepEqual(
      (await events(store)).map(({ stream }) => stream),
      range(1, 10).flatMap((n) => Array.from({ length: 5 }, () => `s${n}`)),
    )
  })

  test('large and small batches in flight keep their order', async ({ store }) => {
    const sizes = [1, 400, 1, 90, 2, 1]
    await Promise.all(sizes.map((size, index) => store.append(batch(numbered(`s${index}`, size)))))
    const streams = (await events(store)).map(({ stream }) => stream)
    deepEqual(
      streams,
      sizes.flatMap((size, index) => Array.from({ length: size }, () => `s${index}`)),
    )
  })

  test('type, version, data, meta and blobs come back as given', async ({ store }) => {
    await store.append(
      batch([event('a', { type: 'order.placed', version: 3, data: '{"x":[1,null]}', meta: '{"by":"me"}' })]),
    )
    const [stored] = await events(store)
    ok(stored)
    const { type, version, data, meta, blobs } = stored
    deepEqual(
      { type, version, data, meta, blobs },
      {
        type: 'order.placed',
        version: 3,
        data: { x: [1, null] },
        meta: { by: 'me' },
        blobs: [],
      },
    )
  })

  test('an event without meta has none, and one with null has null', async ({ store }) => {
    await store.append(batch([event('a'), event('a', { meta: 'null' })]))
    deepEqual(
      (await events(store)).map(({ meta }) => meta),
      [undefined, null],
    )
  })

  test('every event but the last of its batch says that more follows', async ({ store }) => {
    await put(store, 'a', 'b', 'c')
    await put(store, 'a')
    await put(store, 'b', 'a')
    deepEqual(
      (await events(store)).map(({ more }) => more),
      [true, true, false, false, true, false],
    )
  })

  test('an event that was read may be changed without harm', async ({ store }) => {
    await store.append(batch([event('a', { data: '{"list":[1]}' })]))
    for (const { data } of await events(store)) (data as { list: number[] }).list.push(2)
    const [again] = await events(store)
    deepEqual(again?.data, { list: [1] })
  })

  test('ten streams written in turn each read in order', async ({ store }) => {
    const names = range(0, 9).map((n) => `s${n}`)
    for (let round = 0; round < 5; round++) await put(store, ...names)
    for (const name of names) deepEqual(await seqs(store, name), range(1, 5))
    equal((await events(store)).length, 50)
  })
})
