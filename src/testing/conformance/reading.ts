// Reading: which events a query gives and in what order. Bounds are inclusive; filters come first, then the limit.

import { deepEqual, equal } from 'node:assert/strict'
import type { ReadQuery } from '../../stores/store.ts'
import { prng } from '../prng.ts'
import {
  batch,
  dropAll,
  event,
  events,
  everything,
  only,
  positions,
  put,
  putMany,
  range,
  seqs,
  under,
} from './batches.ts'
import { compare, compareWithRemoved, fill, makeHoles, modelSelectors, randomQuery } from './model.ts'
import { type CaseDefinition, caseGroup, persistent, reopened } from './scene.ts'

const eventCount = 60
const bounds: readonly (readonly [what: string, bound: Pick<ReadQuery, 'from' | 'to'>])[] = [
  ['unbounded', {}],
  ['from', { from: 6 }],
  ['to', { to: 9 }],
  ['from and to', { from: 5, to: 14 }],
]
const limitsAndTypes: readonly Pick<ReadQuery, 'limit' | 'types'>[] = [
  {},
  { limit: 3 },
  { types: new Set(['changed']) },
  { limit: 2, types: new Set(['changed']) },
  { limit: 5, types: new Set(['made', 'dropped']) },
  { types: new Set(['never.used']) },
]

const combinations: readonly CaseDefinition[] = caseGroup('read combinations', (test) => {
  for (const [what, select] of modelSelectors) {
    for (const direction of ['forward', 'backward'] as const) {
      for (const [boundName, bound] of bounds) {
        test(
          `${what}, ${direction}, ${boundName}: with each limit and type filter`,
          async ({ store }) => {
            const model = await fill(store, 7, eventCount)
            for (const rest of limitsAndTypes) await compare(store, model, { select, direction, ...bound, ...rest })
          },
          { row: 'C2.8' },
        )
      }
      test(`${what}, ${direction}, where retention left holes`, async ({ store }) => {
        const model = await makeHoles(store, await fill(store, 11, eventCount), 5)
        for (const [, bound] of bounds) {
          for (const rest of limitsAndTypes) await compare(store, model, { select, direction, ...bound, ...rest })
        }
      })
    }
  }
})

const random: readonly CaseDefinition[] = caseGroup('read at random', (test) => {
  for (const seed of range(1, 6)) {
    test(`seed ${seed}: forty queries, before and after retention`, async ({ store }) => {
      const chance = prng(seed)
      const model = await fill(store, seed, eventCount)
      for (let round = 0; round < 20; round++) await compare(store, model, randomQuery(chance, eventCount))
      const holed = await makeHoles(store, model, seed)
      for (let round = 0; round < 20; round++) await compare(store, holed, randomQuery(chance, eventCount))
      for (const [, select] of modelSelectors) await compareWithRemoved(store, holed, { select, direction: 'forward' })
    })
  }

  test(
    'a reopened store answers forty queries alike',
    async (scene) => {
      const model = await makeHoles(scene.store, await fill(scene.store, 21, eventCount), 3)
      const store = await reopened(scene)
      const chance = prng(21)
      for (let round = 0; round < 40; round++) await compare(store, model, randomQuery(chance, eventCount))
    },
    { requires: persistent },
  )
})

const edges: readonly CaseDefinition[] = caseGroup('read', (test) => {
  test('an empty journal reads as empty, in every way', async ({ store }) => {
    for (const select of [everything, only('a'), under('a'), under('')]) {
      for (const direction of ['forward', 'backward'] as const) {
        deepEqual(await events(store, select, { direction }), [])
      }
    }
  })

  test(
    'all, from the first to the last',
    async ({ store }) => {
      await putMany(store, 'a', 5)
      deepEqual(await positions(store), range(1, 5))
    },
    { row: 'C2.3' },
  )

  test(
    'from is inclusive',
    async ({ store }) => {
      await putMany(store, 'a', 5)
      deepEqual(
        (await events(store, only('a'), { from: 3 })).map(({ seq }) => seq),
        [3, 4, 5],
      )
    },
    { row: 'C1.3' },
  )

  test('to is inclusive', async ({ store }) => {
    await putMany(store, 'a', 5)
    deepEqual(
      (await events(store, only('a'), { to: 3 })).map(({ seq }) => seq),
      [1, 2, 3],
    )
  })

  test('bounds of a stream are seqs, bounds of all are positions', async ({ store }) => {
    await putMany(store, 'other', 10)
    await putMany(store, 'a', 5)
    deepEqual(
      (await events(store, only('a'), { from: 2, to: 3 })).map(({ position }) => position),
      [12, 13],
    )
    deepEqual(
      (await events(store, everything, { from: 12, to: 13 })).map(({ seq }) => seq),
      [2, 3],
    )
    deepEqual(
      (await events(store, under('a'), { from: 12, to: 13 })).map(({ seq }) => seq),
      [2, 3],
    )
  })

  const spans: readonly (readonly [what: string, from: number, to: number, found: readonly number[]])[] = [
    ['one number', 3, 3, [3]],
    ['from behind to', 4, 3, []],
    ['from 0', 0, 2, [1, 2]],
    ['a negative from', -5, 1, [1]],
    ['to 0', 1, 0, []],
    ['to beyond the end', 4, 1_000_000, [4, 5]],
    ['all beyond the end', 6, 9, []],
    ['the largest number there is', 5, Number.MAX_SAFE_INTEGER, [5]],
  ]
  for (const [what, from, to, found] of spans) {
    test(`a range with ${what}, forward and backward`, async ({ store }) => {
      await putMany(store, 'a', 5)
      for (const select of [everything, only('a'), under('a')]) {
        const forward = await events(store, select, { from, to })
        const backward = await events(store, select, { from, to, direction: 'backward' })
        deepEqual(
          forward.map(({ seq }) => seq),
          found,
        )
        deepEqual(
          backward.map(({ seq }) => seq),
          found.toReversed(),
        )
      }
    })
  }

  test(
    'the last n, without those before',
    async ({ store }) => {
      await putMany(store, 'a', 50)
      const last = await events(store, everything, { direction: 'backward', limit: 4 })
      deepEqual(
        last.map(({ seq }) => seq),
        [50, 49, 48, 47],
      )
    },
    { row: 'C4.3' },
  )

  test(
    'newest first, filtered by type before the limit counts',
    async ({ store }) => {
      for (const n of range(1, 30)) {
        await store.append(batch([event('a', { type: n % 10 === 0 ? 'rare' : 'common', data: `${n}` })]))
      }
      const rare = await events(store, everything, { direction: 'backward', limit: 2, types: new Set(['rare']) })
      deepEqual(
        rare.map(({ data }) => data),
        [30, 20],
      )
    },
    { row: 'C2.8' },
  )

  test('a limit counts events of the stream asked for only', async ({ store }) => {
    for (let round = 0; round < 10; round++) await put(store, 'other', 'other', 'a')
    const select = under('a')
    equal((await events(store, select, { limit: 7 })).length, 7)
    equal((await events(store, select, { limit: 7, direction: 'backward' })).length, 7)
  })

  test('limit 0 gives nothing', async ({ store }) => {
    await putMany(store, 'a', 5)
    for (const direction of ['forward', 'backward'] as const) {
      deepEqual(await events(store, everything, { limit: 0, direction }), [])
    }
  })

  test('a limit of exactly what there is, and of more', async ({ store }) => {
    await putMany(store, 'a', 5)
    for (const limit of [5, 6, 1_000_000]) equal((await events(store, only('a'), { limit })).length, 5)
    equal((await events(store, only('a'), { limit: 4 })).length, 4)
  })

  test('no type at all matches nothing', async ({ store }) => {
    await putMany(store, 'a', 3)
    deepEqual(await events(store, everything, { types: new Set() }), [])
  })

  test('the empty prefix is every stream', async ({ store }) => {
    await put(store, 'a', '\u{1F600}', 'z')
    equal((await events(store, under(''))).length, 3)
  })

  test('a stream that never was reads as empty', async ({ store }) => {
    await put(store, 'a')
    deepEqual(await seqs(store, 'b'), [])
    deepEqual(await seqs(store, ''), [])
    deepEqual(await seqs(store, 'toString'), [])
  })

  test('a stream without retained events reads as empty, and its neighbours do not', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'c')
    await dropAll(store, 'a')
    deepEqual(await seqs(store, 'a'), [])
    deepEqual(await positions(store), [2, 4])
  })
})

export const reading: readonly CaseDefinition[] = [...edges, ...combinations, ...random]
