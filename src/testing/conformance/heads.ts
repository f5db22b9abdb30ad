// Heads: where the journal and each stream stand, also when nothing of them is retained; and the list of streams.

import { deepEqual, equal } from 'node:assert/strict'
import { limits } from '../../limits.ts'
import { batch, dropAll, event, heads, put, putMany, range, retain, streamNames } from './batches.ts'
import { byteOrder } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened, sceneStartMs } from './scene.ts'

export const journalHeads: readonly CaseDefinition[] = caseGroup('heads', (test) => {
  test('an empty journal is at 0, and its earliest is 1', async ({ store }) => {
    deepEqual(store.head(), { position: 0, appended: 0, earliest: 1, time: 0 })
  })

  test(
    'the head follows the appends',
    async ({ store, clock }) => {
      await putMany(store, 'a', 3)
      clock.advance(5)
      await put(store, 'b')
      deepEqual(store.head(), { position: 4, appended: 4, earliest: 1, time: sceneStartMs + 5 })
    },
    { row: 'C1.3' },
  )

  test('a stream that never had an event has no head', async ({ store }) => {
    await put(store, 'a')
    equal(await store.stream('b'), undefined)
    equal(await store.stream(''), undefined)
    equal(await store.stream('__proto__'), undefined)
  })

  test('a stream head says seq, position and the earliest', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'b', 'b')
    deepEqual(await store.stream('a'), { stream: 'a', seq: 2, position: 3, earliest: 1 })
    deepEqual(await store.stream('b'), { stream: 'b', seq: 3, position: 5, earliest: 1 })
  })

  test(
    'the earliest position is said after retention',
    async ({ store }) => {
      await putMany(store, 'a', 5)
      await putMany(store, 'b', 5)
      await retain(store, { streams: [{ stream: 'a', before: 4 }] })
      equal(store.head().earliest, 4)
      equal((await store.stream('a'))?.earliest, 4)
      equal((await store.stream('b'))?.earliest, 1)
    },
    { row: 'C5.3' },
  )

  test('a hole behind the oldest event does not move the earliest', async ({ store }) => {
    await put(store, 'a', 'b', 'c', 'b')
    await dropAll(store, 'b')
    equal(store.head().earliest, 1)
  })

  test('with nothing retained, the earliest is the next position', async ({ store }) => {
    await putMany(store, 'a', 5)
    await dropAll(store, 'a')
    const { position, appended, earliest } = store.head()
    deepEqual([position, appended, earliest], [5, 5, 6])
    await put(store, 'b')
    equal(store.head().earliest, 6)
  })

  test('a deleted stream stays known, with nothing retained', async ({ store }) => {
    await put(store, 'a', 'a', 'b')
    await dropAll(store, 'a')
    deepEqual(await store.stream('a'), { stream: 'a', seq: 2, position: 2, earliest: 3 })
    deepEqual(await streamNames(store), ['a', 'b'])
  })

  test('a deleted stream that is used again has a head again', async ({ store }) => {
    await put(store, 'a', 'a', 'b')
    await dropAll(store, 'a')
    await put(store, 'a')
    deepEqual(await store.stream('a'), { stream: 'a', seq: 3, position: 4, earliest: 3 })
  })

  test('the list has every stream once, with its head', async ({ store }) => {
    await put(store, 'b', 'a', 'b', 'c')
    deepEqual(await heads(store), [
      { stream: 'a', seq: 1, position: 2, earliest: 1 },
      { stream: 'b', seq: 2, position: 3, earliest: 1 },
      { stream: 'c', seq: 1, position: 4, earliest: 1 },
    ])
  })

  test('an empty journal lists no stream', async ({ store }) => {
    deepEqual(await heads(store), [])
    deepEqual(await heads(store, { prefix: 'a', after: 'b' }), [])
  })

  const names = ['a', 'a/1', 'a/10', 'a/2', 'ab', 'b', 'b/1', 'ä'].sort(byteOrder)
  const queries: readonly (readonly [prefix: string | undefined, after: string | undefined])[] = [
    ['a', undefined],
    ['a/', undefined],
    ['a/1', undefined],
    ['', undefined],
    ['nothing', undefined],
    [undefined, 'a/1'],
    [undefined, 'a/11'],
    [undefined, ''],
    [undefined, 'zzz'],
    [undefined, '\u{10FFFF}'],
    ['a/', 'a/1'],
    ['a/', 'a'],
    ['a/', 'b'],
    ['b', 'a'],
  ]
  for (const [prefix, after] of queries) {
    test(`streams listed with prefix ${JSON.stringify(prefix)} after ${JSON.stringify(after)}`, async ({ store }) => {
      await put(store, ...names.toReversed())
      const want = names.filter(
        (name) => name.startsWith(prefix ?? '') && (after === undefined || byteOrder(name, after) > 0),
      )
      const asked = { ...(prefix === undefined ? {} : { prefix }), ...(after === undefined ? {} : { after }) }
      deepEqual(await streamNames(store, asked), want)
    })
  }

  test('the list comes in pages of bounded size', async ({ store }) => {
    const count = limits.pageEventsMax + 200
    await store.append(batch(range(1, count).map((n) => event(`s${n}`))))
    let listed = 0
    for await (const page of store.streams({})) {
      equal(page.length > 0 && page.length <= limits.pageEventsMax, true)
      listed += page.length
    }
    equal(listed, count)
  })

  test('streams made while listing do not disturb it', async ({ store }) => {
    await store.append(batch(range(1_000, 2_999).map((n) => event(`s${n}`))))
    const seen: string[] = []
    for await (const page of store.streams({})) {
      seen.push(...page.map(({ stream }) => stream))
      await put(store, 'a-before', 's0500')
    }
    const known = seen.filter((name) => /^s[12]/.test(name))
    deepEqual(
      known,
      range(1_000, 2_999).map((n) => `s${n}`),
    )
  })

  test(
    'heads and the list are the same after a reopening',
    async (scene) => {
      await put(scene.store, 'a', 'b', 'a', 'c', 'c')
      await retain(scene.store, {
        streams: [
          { stream: 'a', before: 2 },
          { stream: 'b', before: 'all' },
        ],
      })
      const before = { head: scene.store.head(), streams: await heads(scene.store) }
      const store = await reopened(scene)
      deepEqual({ head: store.head(), streams: await heads(store) }, before)
    },
    { row: 'C1.3', requires: persistent },
  )

  test(
    'heads and the list are the same after a crash',
    async (scene) => {
      await put(scene.store, 'a', 'b', 'a', 'c', 'c')
      const before = { head: scene.store.head(), streams: await heads(scene.store) }
      const store = await crashed(scene)
      deepEqual({ head: store.head(), streams: await heads(store) }, before)
    },
    { row: 'C1.3', requires: crashes },
  )
})
