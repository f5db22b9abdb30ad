// Receipts: where each event of a batch went, and what an append without events answers.

import { deepEqual, equal } from 'node:assert/strict'
import { batch, change, event, events, put, putMany } from './batches.ts'
import { settled, watching } from './check.ts'
import { type CaseDefinition, caseGroup } from './scene.ts'

export const receipts: readonly CaseDefinition[] = caseGroup('receipts', (test) => {
  test('a receipt names the place of every event, in order', async ({ store }) => {
    await put(store, 'b')
    const receipt = await put(store, 'a', 'b', 'a')
    deepEqual(receipt.events, [
      { stream: 'a', seq: 1, position: 2 },
      { stream: 'b', seq: 2, position: 3 },
      { stream: 'a', seq: 2, position: 4 },
    ])
  })

  test('position and seq are those of the last event', async ({ store }) => {
    await putMany(store, 'a', 5)
    const receipt = await put(store, 'a', 'a', 'b')
    deepEqual([receipt.position, receipt.seq], [8, 1])
  })

  test('a first append is no duplicate', async ({ store }) => {
    equal((await put(store, 'a')).duplicate, false)
  })

  test('a synced append is durable', async ({ store }) => {
    equal((await put(store, 'a')).durable, true)
    equal(store.head().position, 1)
  })

  test('an append without leases tells of none', async ({ store }) => {
    deepEqual((await put(store, 'a')).leases, [])
  })

  test('places in the receipt are where the events are read', async ({ store }) => {
    await put(store, 'x')
    const receipt = await put(store, 'b', 'a', 'b')
    const stored = (await events(store)).slice(1).map(({ stream, seq, position }) => ({ stream, seq, position }))
    deepEqual(receipt.events, stored)
  })

  test('a batch with an agenda only has the newest position and seq 0', async ({ store }) => {
    await putMany(store, 'a', 3)
    const receipt = await change(store, { agenda: [{ id: 'x', due: 5 }] })
    deepEqual([receipt.position, receipt.seq, receipt.events.length], [3, 0, 0])
    equal(receipt.duplicate, false)
  })

  test('a batch without events takes no number', async ({ store }) => {
    await change(store, { agenda: [{ id: 'x', due: 5 }] })
    await change(store, { pins: [{ pin: 'p', from: 1 }] })
    deepEqual((await put(store, 'a')).events, [{ stream: 'a', seq: 1, position: 1 }])
  })

  test('a batch without events on an empty journal has position 0', async ({ store }) => {
    const receipt = await change(store, { agenda: [{ id: 'x', due: 5 }] })
    deepEqual([receipt.position, receipt.seq], [0, 0])
  })

  test(
    'an empty batch does nothing',
    async ({ store }) => {
      await put(store, 'a')
      const before = await store.stats()
      const receipt = await change(store, {})
      deepEqual([receipt.position, receipt.seq, receipt.events, receipt.duplicate], [1, 0, [], false])
      deepEqual(await store.stats(), before)
      equal(store.head().appended, 1)
    },
    { row: 'C2.1' },
  )

  test('an empty batch whose lists are empty does nothing', async ({ store }) => {
    const receipt = await change(store, { agenda: [], leases: [], pins: [], releases: [], expect: new Map() })
    deepEqual([receipt.position, receipt.seq], [0, 0])
    equal((await store.stats()).events, 0)
  })

  test(
    'an empty batch wakes nobody',
    async ({ store }) => {
      await put(store, 'a')
      await settled()
      const wakes = watching(store)
      await change(store, {})
      await settled()
      equal(wakes.count(), 0)
      wakes.stop()
    },
    { row: 'C2.1' },
  )

  test('an empty batch does not use up its command id', async ({ store }) => {
    await change(store, { command: { id: 'c', digest: 'd1' } })
    equal(await store.command('c'), undefined)
    const receipt = await store.append(batch([event('a')], { command: { id: 'c', digest: 'd2' } }))
    equal(receipt.duplicate, false)
  })

  test('an empty batch is not held to an expectation', async ({ store }) => {
    await put(store, 'a')
    const receipt = await change(store, { expect: new Map([['a', 7]]) })
    equal(receipt.position, 1)
  })

  test('receipts of appends in flight each name their own places', async ({ store }) => {
    const [first, second, third] = await Promise.all([put(store, 'a', 'b'), put(store, 'b'), put(store, 'a')])
    deepEqual(
      first.events.map(({ position }) => position),
      [1, 2],
    )
    deepEqual(second.events, [{ stream: 'b', seq: 2, position: 3 }])
    deepEqual(third.events, [{ stream: 'a', seq: 2, position: 4 }])
  })
})
