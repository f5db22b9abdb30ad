// Removed ranges: a reader that asks is told where events stood that retention removed, so that no gap is silent.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { ReadQuery, Selector, Store } from '../../stores/store.ts'
import {
  dropAll,
  everything,
  isRemoved,
  items,
  only,
  put,
  putMany,
  range,
  removedRanges,
  retain,
  under,
} from './batches.ts'
import { compareWithRemoved, fill, makeHoles, modelSelectors } from './model.ts'
import { type CaseDefinition, caseGroup, persistent, reopened } from './scene.ts'

/** Events as numbers, ranges as pairs, in the order told. */
async function told(store: Store, select: Selector, parts: Partial<ReadQuery> = {}): Promise<readonly unknown[]> {
  const all = await items(store, select, { tellRemoved: true, ...parts })
  return all.map((item) => {
    if (isRemoved(item)) return [item.removed.from, item.removed.to]
    return select.kind === 'stream' ? item.seq : item.position
  })
}

async function dropBelow(store: Store, before: number, stream = 'a'): Promise<void> {
  await retain(store, { streams: [{ stream, before }] })
}

export const removals: readonly CaseDefinition[] = caseGroup('removed ranges', (test) => {
  test('nothing removed, nothing told', async ({ store }) => {
    await put(store, 'a', 'b')
    deepEqual(await removedRanges(store), [])
    deepEqual(await removedRanges(store, only('never')), [])
  })

  test('all: positions, before what stays', async ({ store }) => {
    await putMany(store, 'a', 5)
    await dropBelow(store, 4)
    deepEqual(await told(store, everything), [[1, 3], 4, 5])
  })

  test(
    'a stream: seqs',
    async ({ store }) => {
      await putMany(store, 'other', 10)
      await putMany(store, 'a', 5)
      await dropBelow(store, 4)
      deepEqual(await told(store, only('a')), [[1, 3], 4, 5])
      deepEqual(await told(store, everything), [...range(1, 10), [11, 13], 14, 15])
    },
    { row: 'C5.6' },
  )

  test('a prefix: positions', async ({ store }) => {
    await put(store, 'x', 'a/1', 'a/1', 'a/2', 'y')
    await dropAll(store, 'a/1')
    deepEqual(await told(store, under('a/')), [[2, 3], 4])
  })

  test('another stream is not told of it', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'b')
    await dropAll(store, 'a')
    deepEqual(await told(store, only('b')), [1, 2])
  })

  test('holes are told where they are', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'a', 'c', 'a')
    await dropAll(store, 'a')
    deepEqual(await told(store, everything), [[1, 1], 2, [3, 4], 5, [6, 6]])
  })

  test('what was removed at different times and touches is told as one', async ({ store }) => {
    await putMany(store, 'a', 6)
    await dropBelow(store, 3)
    await dropBelow(store, 5)
    deepEqual(await told(store, everything), [[1, 4], 5, 6])
    deepEqual(await told(store, only('a')), [[1, 4], 5, 6])
  })

  test('what was removed of different streams and touches is told as one', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'b', 'c')
    await dropAll(store, 'a')
    await dropAll(store, 'b')
    deepEqual(await told(store, everything), [[1, 4], 5])
  })

  test('an emptied journal is one range', async ({ store }) => {
    await putMany(store, 'a', 5)
    await dropAll(store, 'a')
    deepEqual(await told(store, everything), [[1, 5]])
    deepEqual(await told(store, only('a')), [[1, 5]])
    deepEqual(await told(store, under('a')), [[1, 5]])
  })

  const cuts: readonly (readonly [from: number | undefined, to: number | undefined, found: readonly unknown[]])[] = [
    [2, undefined, [[2, 4], 5, 6]],
    [4, undefined, [[4, 4], 5, 6]],
    [5, undefined, [5, 6]],
    [undefined, 3, [[1, 3]]],
    [2, 3, [[2, 3]]],
    [0, 5, [[1, 4], 5]],
    [7, undefined, []],
  ]
  for (const [from, to, found] of cuts) {
    test(`ranges are cut to the bounds from ${from} to ${to}`, async ({ store }) => {
      await putMany(store, 'a', 6)
      await dropBelow(store, 5)
      const bounds = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
      deepEqual(await told(store, everything, bounds), found)
      deepEqual(await told(store, only('a'), bounds), found)
    })
  }

  test('ranges do not count towards the limit', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'b', 'a', 'b')
    await dropAll(store, 'a')
    const found = await told(store, everything, { limit: 2 })
    deepEqual(found.slice(0, 4), [[1, 1], 2, [3, 3], 4])
    equal(found.filter((one) => typeof one === 'number').length, 2)
  })

  test('unasked, no range is told, also from below the earliest', async ({ store }) => {
    await putMany(store, 'a', 5)
    await dropBelow(store, 4)
    const found = await items(store, only('a'), { from: 1 })
    ok(found.every((item) => !isRemoved(item)))
    equal(found.length, 2)
  })

  test('backward, no range is told', async ({ store }) => {
    await putMany(store, 'a', 5)
    await dropBelow(store, 4)
    deepEqual(await told(store, everything, { direction: 'backward' }), [5, 4])
  })

  test('a type filter does not hide what was removed', async ({ store }) => {
    await putMany(store, 'a', 5)
    await dropBelow(store, 4)
    deepEqual(await told(store, everything, { types: new Set(['never']) }), [[1, 3]])
  })

  test('a dry run is not told', async ({ store }) => {
    await putMany(store, 'a', 5)
    await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: true })
    deepEqual(await removedRanges(store), [])
  })

  test('a stream that is used again is told of its earlier life', async ({ store }) => {
    await putMany(store, 'a', 3)
    await dropAll(store, 'a')
    await putMany(store, 'a', 2)
    deepEqual(await told(store, only('a')), [[1, 3], 4, 5])
    await dropAll(store, 'a')
    deepEqual(await told(store, only('a')), [[1, 5]])
  })

  for (const seed of [31, 32, 33]) {
    test(`seed ${seed}: holes at random, for every selector and bound`, async ({ store }) => {
      const once = await makeHoles(store, await fill(store, seed), seed)
      const model = await makeHoles(store, once, seed)
      for (const [, select] of modelSelectors) {
        for (const bounds of [{}, { from: 3 }, { to: 12 }, { from: 4, to: 40 }]) {
          await compareWithRemoved(store, model, { select, direction: 'forward', ...bounds })
        }
      }
    })
  }

  test(
    'ranges are the same after a reopening',
    async (scene) => {
      await put(scene.store, 'a', 'b', 'a', 'a', 'c', 'b')
      await dropAll(scene.store, 'a')
      await dropBelow(scene.store, 2, 'b')
      const store = await reopened(scene)
      deepEqual(await told(store, everything), [[1, 4], 5, 6])
      deepEqual(await told(store, only('a')), [[1, 3]])
      deepEqual(await told(store, only('b')), [[1, 1], 2])
    },
    { requires: persistent },
  )
})
