// Large things: as many events in a batch as allowed, many streams, many appends at once.

import { deepEqual, equal } from 'node:assert/strict'
import { limits } from '../../limits.ts'
import {
  batch,
  change,
  event,
  events,
  everything,
  numbered,
  only,
  put,
  putMany,
  range,
  seqs,
  streamNames,
  under,
} from './batches.ts'
import { type CaseDefinition, caseGroup, persistent, reopened } from './scene.ts'

const paths = range(1, 5_000).map((n) => `run/${String(n).padStart(4, '0')}`)

export const large: readonly CaseDefinition[] = caseGroup('large', (test) => {
  test('a batch of as many events as allowed is one batch', async ({ store }) => {
    const receipt = await store.append(batch(numbered('a', limits.batchEventsMax)))
    deepEqual([receipt.seq, receipt.position], [limits.batchEventsMax, limits.batchEventsMax])
    equal(receipt.events.length, limits.batchEventsMax)
    const stored = await events(store)
    equal(stored.length, limits.batchEventsMax)
    equal(stored.filter(({ more }) => !more).length, 1)
    equal(stored.at(-1)?.more, false)
  })

  test('five thousand streams are each where they are', async ({ store }) => {
    await store.append(batch(paths.map((path) => event(path))))
    await put(store, 'run/2500', 'run/5000')
    deepEqual(await streamNames(store), paths)
    deepEqual(await seqs(store, 'run/2500'), [1, 2])
    deepEqual(await store.stream('run/5000'), { stream: 'run/5000', seq: 2, position: 5_002, earliest: 1 })
    equal((await events(store, under('run/49'))).length, 100)
    equal((await streamNames(store, { prefix: 'run/1', after: 'run/1990' })).length, 9)
  })

  test('a thousand appends at once are all there, in order', async ({ store }) => {
    const receipts = await Promise.all(range(1, 1_000).map((n) => put(store, `s${n % 7}`)))
    deepEqual(
      receipts.map(({ position }) => position),
      range(1, 1_000),
    )
    equal((await events(store)).length, 1_000)
    equal((await store.stream('s0'))?.seq, 142)
  })

  test('a stream in the middle of many others reads alone', async ({ store }) => {
    for (const n of range(1, 20)) await putMany(store, `s${n}`, 100)
    deepEqual(await seqs(store, 's10'), range(1, 100))
    const last = await events(store, only('s10'), { direction: 'backward', limit: 2 })
    deepEqual(
      last.map(({ position }) => position),
      [1_000, 999],
    )
  })

  test('many large events', async ({ store }) => {
    const data = `"${'x'.repeat(100_000)}"`
    await store.append(batch(range(1, 20).map(() => event('a', { data }))))
    equal((await events(store, everything, { direction: 'backward', limit: 20 })).length, 20)
  })

  test('many agenda items, leases and pins in one batch', async ({ store }) => {
    await change(store, {
      agenda: range(1, 300).map((n) => ({ id: `${n}`, due: n })),
      leases: range(1, 300).map((n) => ({ lease: `${n}`, op: 'acquire', owner: 'me', ttlMs: n })),
      pins: range(1, 300).map((n) => ({ pin: `${n}`, from: n })),
    })
    const { agenda, leases, pins } = await store.stats()
    deepEqual([agenda, leases, pins], [300, 300, 300])
  })

  test(
    'a large batch, many streams and many commands are there after a reopening',
    async (scene) => {
      await scene.store.append(batch(paths.map((path) => event(path))))
      await Promise.all(
        range(1, 500).map((n) => scene.store.append(batch([event('a')], { command: { id: `c${n}`, digest: 'd' } }))),
      )
      const store = await reopened(scene)
      equal((await store.stats()).events, 5_500)
      equal((await streamNames(store)).length, 5_001)
      equal((await store.command('c500'))?.seq, 500)
    },
    { requires: persistent },
  )
})
