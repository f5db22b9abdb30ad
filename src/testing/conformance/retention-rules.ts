// Retention by each rule: exactly what it names goes, oldest first where order matters, and several rules add up.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Store } from '../../stores/store.ts'
import {
  batch,
  change,
  dropAll,
  event,
  events,
  places,
  positions,
  put,
  putMany,
  range,
  retain,
  seqs,
} from './batches.ts'
import { type CaseDefinition, caseGroup, sceneStartMs, segments } from './scene.ts'

const start = sceneStartMs

async function fillHundredKilobytes(store: Store): Promise<void> {
  const data = `"${'x'.repeat(1_000)}"`
  for (const _ of range(1, 10)) await store.append(batch(range(1, 10).map(() => event('a', { data }))))
}

export const retentionRules: readonly CaseDefinition[] = caseGroup('retention rules', (test) => {
  test('no rule removes nothing', async ({ store }) => {
    await putMany(store, 'a', 3)
    const report = await retain(store, {})
    deepEqual([report.events, report.commands, report.heldBy, report.dryRun], [0, 0, [], false])
    equal((await events(store)).length, 3)
  })

  test(
    'by age: what is older goes, what is of that very time stays',
    async ({ store, clock }) => {
      await put(store, 'a', 'b')
      clock.advance(100)
      await put(store, 'a')
      clock.advance(100)
      await put(store, 'b')
      const report = await retain(store, { before: start + 100 })
      equal(report.events, 2)
      deepEqual(await places(store), ['a#2', 'b#2'])
    },
    { row: 'C4.4' },
  )

  test('by age: a time before everything removes nothing', async ({ store }) => {
    await putMany(store, 'a', 3)
    equal((await retain(store, { before: start })).events, 0)
    equal((await retain(store, { before: 0 })).events, 0)
  })

  test(
    'per stream: what is below the seq goes, in that stream alone',
    async ({ store }) => {
      await put(store, 'a', 'b', 'a', 'b', 'a')
      const report = await retain(store, { streams: [{ stream: 'a', before: 3 }] })
      equal(report.events, 2)
      deepEqual(await places(store), ['b#1', 'b#2', 'a#3'])
    },
    { row: 'C1.5' },
  )

  test(
    'per stream: all of it goes, and its neighbours stay',
    async ({ store }) => {
      await put(store, 'run/1', 'run/10', 'run/1', 'run')
      equal((await dropAll(store, 'run/1')).events, 2)
      deepEqual(await places(store), ['run/10#1', 'run#1'])
    },
    { row: 'C1.5' },
  )

  test('per stream: several at once', async ({ store }) => {
    await put(store, 'a', 'b', 'c', 'a', 'b', 'c')
    const report = await retain(store, {
      streams: [
        { stream: 'a', before: 'all' },
        { stream: 'b', before: 2 },
        { stream: 'never', before: 'all' },
      ],
    })
    equal(report.events, 3)
    deepEqual(await places(store), ['c#1', 'b#2', 'c#2'])
  })

  for (const before of [0, 1, -3]) {
    test(`per stream: below ${before} there is nothing to remove`, async ({ store }) => {
      await putMany(store, 'a', 3)
      equal((await retain(store, { streams: [{ stream: 'a', before }] })).events, 0)
    })
  }

  test('per stream: a bound beyond the end removes what there is, not what comes', async ({ store }) => {
    await putMany(store, 'a', 3)
    equal((await retain(store, { streams: [{ stream: 'a', before: 100 }] })).events, 3)
    await put(store, 'a')
    deepEqual(await seqs(store, 'a'), [4])
  })

  test('a stream that never was is not made by removing it', async ({ store }) => {
    await dropAll(store, 'never')
    equal(await store.stream('never'), undefined)
  })

  test('by size: oldest first, no more than needed', async ({ store }) => {
    await fillHundredKilobytes(store)
    const { bytes } = await store.stats()
    const report = await retain(store, { bytesMax: Math.ceil(bytes / 2) })
    const left = await positions(store)
    ok(report.events > 0 && left.length > 0)
    deepEqual(left, range(report.events + 1, 100))
  })

  test('by size: a log that is small enough stays whole', async ({ store }) => {
    await putMany(store, 'a', 10)
    equal((await retain(store, { bytesMax: 1_000_000_000 })).events, 0)
  })

  test(
    'by segments: oldest first, until there are so many',
    async ({ store }) => {
      await fillHundredKilobytes(store)
      const before = (await store.stats()).segments
      ok(before > 3, 'the target makes small segments')
      const report = await retain(store, { segmentsMax: 2 })
      ok(report.events > 0 && report.segments > 0)
      deepEqual(await positions(store), range(report.events + 1, 100))
      ok((await store.stats()).segments < before)
    },
    { row: 'C5.3', requires: segments },
  )

  test('several rules remove the union of what each would', async ({ store, clock }) => {
    await put(store, 'a', 'b', 'c', 'd')
    clock.advance(100)
    await put(store, 'a', 'b', 'c', 'd')
    await change(store, { releases: [{ stream: 'c', through: 2 }] })
    const report = await retain(store, {
      before: start + 100,
      released: true,
      streams: [{ stream: 'a', before: 'all' }],
    })
    equal(report.events, 6)
    deepEqual(await places(store), ['b#2', 'd#2'])
  })
})
