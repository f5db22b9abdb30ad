// Releases: a stream's owner says up to where its events may go, and retention takes them when it is asked to.

import { deepEqual, equal } from 'node:assert/strict'
import type { Release, Store } from '../../stores/store.ts'
import { batch, change, event, events, places, put, putMany, retain, seqs } from './batches.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened, sceneStartMs } from './scene.ts'

const start = sceneStartMs

function release(store: Store, ...releases: readonly Release[]): Promise<unknown> {
  return change(store, { releases })
}

export const releases: readonly CaseDefinition[] = caseGroup('releases', (test) => {
  test('what was released goes, when asked for', async ({ store }) => {
    await putMany(store, 'a', 5)
    await release(store, { stream: 'a', through: 3 })
    equal((await events(store)).length, 5)
    equal((await retain(store, { released: true })).events, 3)
    deepEqual(await seqs(store, 'a'), [4, 5])
  })

  test('without the rule nothing released goes', async ({ store, clock }) => {
    await putMany(store, 'a', 5)
    await release(store, { stream: 'a', through: 3 })
    clock.advance(5)
    equal((await retain(store, { released: false, before: start, bytesMax: 1_000_000_000 })).events, 0)
  })

  test(
    "without a seq, it is up to the batch's last event of the stream",
    async ({ store }) => {
      await put(store, 'a', 'a')
      await store.append(batch([event('a'), event('b'), event('a'), event('b')], { releases: [{ stream: 'a' }] }))
      await put(store, 'a')
      await retain(store, { released: true })
      deepEqual(await places(store), ['b#1', 'b#2', 'a#5'])
    },
    { row: 'C2.7' },
  )

  test('without a seq or an event, it is up to where the stream stands', async ({ store }) => {
    await putMany(store, 'a', 3)
    await release(store, { stream: 'a' })
    await put(store, 'a')
    await retain(store, { released: true })
    deepEqual(await seqs(store, 'a'), [4])
  })

  test(
    'what a stream gets after its release stays',
    async ({ store }) => {
      await store.append(batch([event('entity'), event('entity')], { releases: [{ stream: 'entity' }] }))
      await putMany(store, 'entity', 2)
      equal((await retain(store, { released: true })).events, 2)
      equal((await retain(store, { released: true })).events, 0)
      deepEqual(await seqs(store, 'entity'), [3, 4])
    },
    { row: 'C2.7' },
  )

  test('a later release goes further', async ({ store }) => {
    await putMany(store, 'a', 5)
    await release(store, { stream: 'a', through: 1 })
    await release(store, { stream: 'a', through: 4 })
    equal((await retain(store, { released: true })).events, 4)
  })

  test('a later release of less takes nothing back', async ({ store }) => {
    await putMany(store, 'a', 5)
    await release(store, { stream: 'a', through: 4 })
    await release(store, { stream: 'a', through: 1 }, { stream: 'a', through: 2 })
    equal((await retain(store, { released: true })).events, 4)
  })

  test('releases of several streams', async ({ store }) => {
    await put(store, 'a', 'b', 'c', 'a', 'b', 'c')
    await release(store, { stream: 'a', through: 1 }, { stream: 'c', through: 2 })
    equal((await retain(store, { released: true })).events, 3)
    deepEqual(await places(store), ['b#1', 'a#2', 'b#2'])
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `releases are known after ${how}`,
      async (scene) => {
        await putMany(scene.store, 'a', 5)
        await release(scene.store, { stream: 'a', through: 3 })
        const store = await again(scene)
        equal((await retain(store, { released: true })).events, 3)
        deepEqual(await seqs(store, 'a'), [4, 5])
      },
      { row: 'C2.7', requires },
    )
  }
})
