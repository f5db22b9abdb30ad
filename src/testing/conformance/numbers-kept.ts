// Numbers after retention: what was given out once is never given out again, and what stays keeps its place.

import { deepEqual, equal } from 'node:assert/strict'
import { dropAll, events, places, put, putMany, range, retain, seqs } from './batches.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened } from './scene.ts'

export const numbersKept: readonly CaseDefinition[] = caseGroup('numbers after retention', (test) => {
  test(
    'positions go on after everything was removed',
    async ({ store }) => {
      await putMany(store, 'a', 5)
      await dropAll(store, 'a')
      const receipt = await put(store, 'b')
      deepEqual([receipt.position, receipt.seq], [6, 1])
    },
    { row: 'C1.5' },
  )

  test(
    'seqs go on after a stream was deleted',
    async ({ store }) => {
      await putMany(store, 'a', 5)
      await dropAll(store, 'a')
      equal((await put(store, 'a')).seq, 6)
      deepEqual(await seqs(store, 'a'), [6])
    },
    { row: 'C1.5' },
  )

  test('numbers go on however often all is removed', async ({ store }) => {
    for (const round of range(1, 5)) {
      const receipt = await putMany(store, 'a', 3)
      deepEqual([receipt.seq, receipt.position], [round * 3, round * 3])
      await dropAll(store, 'a')
    }
    deepEqual(await places(store), [])
  })

  test('what stays keeps its numbers', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'c', 'b')
    const before = (await events(store)).filter(({ stream }) => stream !== 'a')
    await dropAll(store, 'a')
    deepEqual(await events(store), before)
  })

  test('retention while appends go on loses none of them', async ({ store }) => {
    await putMany(store, 'old', 50)
    const appends = range(1, 30).map(() => put(store, 'new', 'old'))
    const retention = dropAll(store, 'old')
    const more = range(1, 30).map(() => put(store, 'new'))
    await Promise.all([...appends, retention, ...more])
    deepEqual(await seqs(store, 'new'), range(1, 60))
    equal((await store.stream('old'))?.seq, 80)
    const left = await seqs(store, 'old')
    deepEqual(left, range(81 - left.length, 80))
    equal(store.head().appended, 140)
  })

  test('retentions at once come to the same as one after the other', async ({ store }) => {
    await put(store, 'a', 'b', 'c', 'a', 'b', 'c')
    const reports = await Promise.all([dropAll(store, 'a'), dropAll(store, 'a', 'b'), dropAll(store, 'b')])
    equal(
      reports.reduce((sum, report) => sum + report.events, 0),
      4,
    )
    deepEqual(await places(store), ['c#1', 'c#2'])
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `what was removed stays removed after ${how}, and numbers go on`,
      async (scene) => {
        await put(scene.store, 'a', 'b', 'a', 'b')
        await retain(scene.store, {
          streams: [
            { stream: 'a', before: 'all' },
            { stream: 'b', before: 2 },
          ],
        })
        const store = await again(scene)
        deepEqual(await places(store), ['b#2'])
        deepEqual((await put(store, 'a', 'b')).events, [
          { stream: 'a', seq: 3, position: 5 },
          { stream: 'b', seq: 3, position: 6 },
        ])
      },
      { row: 'C1.5', requires },
    )

    test(
      `an emptied journal stays empty after ${how}, and numbers go on`,
      async (scene) => {
        await putMany(scene.store, 'a', 7)
        await dropAll(scene.store, 'a')
        const store = await again(scene)
        deepEqual(await places(store), [])
        deepEqual([store.head().position, store.head().earliest], [7, 8])
        deepEqual((await put(store, 'a')).events, [{ stream: 'a', seq: 8, position: 8 }])
      },
      { row: 'C1.5', requires },
    )
  }
})
