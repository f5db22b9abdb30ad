// Readers in other processes: they see what is durable, follow by refreshing, never write, and never get in the way.

import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  batch,
  bytesOf,
  change,
  command,
  dropAll,
  event,
  events,
  everything,
  heads,
  put,
  putMany,
  range,
  retain,
  sha256,
} from './batches.ts'
import { rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, readerOf, readers, refreshed } from './scene.ts'

const requires = readers

export const readersElsewhere: readonly CaseDefinition[] = caseGroup('readers', (test) => {
  test(
    'a reader sees what was durable when it opened',
    async (scene) => {
      await putMany(scene.store, 'a', 5)
      const reader = await readerOf(scene)
      deepEqual(await events(reader), await events(scene.store))
      deepEqual(await heads(reader), await heads(scene.store))
      deepEqual(reader.identity(), scene.store.identity())
    },
    { row: 'C2.8', requires },
  )

  test(
    'a reader says why it does not write, and refuses to',
    async (scene) => {
      await put(scene.store, 'a')
      const reader = await readerOf(scene)
      ok(reader.readOnly)
      await rejectsWith('READ_ONLY', put(reader, 'a'))
      await rejectsWith('READ_ONLY', retain(reader, { before: 1 }))
      equal(scene.store.head().appended, 1)
    },
    { requires },
  )

  test(
    'a reader follows by refreshing',
    async (scene) => {
      const reader = await readerOf(scene)
      for (const n of range(1, 5)) {
        await put(scene.store, 'a', 'b')
        await refreshed(scene, reader)
        equal(reader.head().position, n * 2)
        equal((await events(reader, everything, { from: n * 2 - 1 })).length, 2)
      }
    },
    { row: 'C5.4', requires },
  )

  test(
    'a reader reads on behind a retention that it has not seen, in every way',
    async (scene) => {
      const { store } = scene
      for (let round = 1; round <= 40; round++) {
        await store.append(batch([event('a'), event('b', { data: JSON.stringify('x'.repeat(1_200)) })]))
      }
      const reader = await readerOf(scene)
      await retain(store, { streams: [{ stream: 'b', before: 30 }] })
      for (const follows of [false, true]) {
        if (follows) await refreshed(scene, reader)
        for (const select of [everything, { kind: 'stream', stream: 'a' }, { kind: 'prefix', prefix: 'a' }] as const) {
          const shown = (await events(reader, select)).filter(({ stream }) => stream === 'a')
          equal(shown.length, 40)
          equal(
            (await events(reader, select, { direction: 'backward' })).filter(({ stream }) => stream === 'a').length,
            40,
          )
        }
      }
      deepEqual(await heads(reader), await heads(store))
      deepEqual(await events(reader), await events(store))
      deepEqual(
        await events(reader, { kind: 'stream', stream: 'b' }),
        await events(store, { kind: 'stream', stream: 'b' }),
      )
    },
    { requires },
  )

  test(
    'a refreshed reader knows the state beside the events',
    async (scene) => {
      const reader = await readerOf(scene)
      await scene.store.append(
        batch([event('a')], {
          command: command('c'),
          agenda: [{ id: 'x', due: 5 }],
          leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 1_000 }],
          pins: [{ pin: 'p', from: 1 }],
        }),
      )
      await refreshed(scene, reader)
      equal((await reader.command('c'))?.seq, 1)
      equal((await reader.agenda({})).length, 1)
      equal((await reader.lease('l'))?.owner, 'me')
      equal((await reader.pins()).length, 1)
      equal((await reader.stream('a'))?.seq, 1)
    },
    { requires },
  )

  test(
    'a reader never leads the writer',
    async (scene) => {
      const reader = await readerOf(scene)
      const appends = range(1, 40).map(() => put(scene.store, 'a'))
      for (let round = 0; round < 10; round++) {
        await reader.refresh()
        ok(reader.head().position <= scene.store.head().position)
      }
      await Promise.all(appends)
      await refreshed(scene, reader)
      equal(reader.head().position, 40)
    },
    { row: 'C5.4', requires },
  )

  test(
    'a reader reads blobs',
    async (scene) => {
      const { digest } = await scene.store.stageBlob(Buffer.alloc(300_000, 5))
      await scene.store.append(batch([event('a', { blobs: [digest] })]))
      const reader = await readerOf(scene)
      equal(sha256(await bytesOf(reader, digest)), digest)
    },
    { requires },
  )

  test(
    'a reader sees retention after refreshing',
    async (scene) => {
      await putMany(scene.store, 'a', 5)
      const reader = await readerOf(scene)
      await dropAll(scene.store, 'a')
      await put(scene.store, 'b')
      await refreshed(scene, reader)
      deepEqual(
        (await events(reader)).map(({ position }) => position),
        [6],
      )
    },
    { row: 'C5.3', requires },
  )

  test(
    'several readers come and go while the writer goes on',
    async (scene) => {
      for (const n of range(1, 4)) {
        await put(scene.store, 'a')
        const reader = await readerOf(scene)
        equal((await events(reader)).length, n)
        await reader.close()
        await rejectsWith('CLOSED', reader.stats())
      }
      await change(scene.store, { agenda: [{ id: 'x', due: 1 }] })
      equal((await put(scene.store, 'a')).seq, 5)
    },
    { row: 'C5.4', requires },
  )
})
