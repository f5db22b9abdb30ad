// Closing and opening again: what was accepted is kept, and a closed store refuses everything with CLOSED.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Store } from '../../stores/store.ts'
import {
  batch,
  bytesOf,
  change,
  event,
  events,
  everything,
  gather,
  heads,
  items,
  put,
  putMany,
  range,
  sha256,
} from './batches.ts'
import { codeOf, refusesWith, rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened } from './scene.ts'

const calls: readonly (readonly [method: string, call: (store: Store) => unknown])[] = [
  ['append', (store) => put(store, 'a')],
  ['append of an empty batch', (store) => change(store, {})],
  ['flush', (store) => store.flush()],
  ['read', (store) => items(store, everything)],
  ['stream', (store) => store.stream('a')],
  ['streams', (store) => heads(store)],
  ['refresh', (store) => store.refresh()],
  ['command', (store) => store.command('c')],
  ['agenda', (store) => store.agenda({})],
  ['lease', (store) => store.lease('l')],
  ['pins', (store) => store.pins()],
  ['stageBlob', (store) => store.stageBlob(Buffer.from('x'))],
  ['blob', (store) => store.blob(sha256('x'))],
  ['readBlob', (store) => bytesOf(store, sha256('x'))],
  ['retain', (store) => store.retain({}, { dryRun: false })],
  ['retain as a dry run', (store) => store.retain({}, { dryRun: true })],
  ['verify', (store) => store.verify({})],
  ['stats', (store) => store.stats()],
  ['probe', (store) => store.probe()],
  ['inboxFailure', async (store) => store.inboxFailure()],
  ['backup', (store) => store.backup('/nowhere', {})],
  ['reopen', (store) => store.reopen()],
]

export const lifecycle: readonly CaseDefinition[] = caseGroup('lifecycle', (test) => {
  for (const [method, call] of calls) {
    test(`${method} on a closed store is refused`, async ({ store }) => {
      await put(store, 'a')
      await store.close()
      await refusesWith('CLOSED', () => call(store))
    })
  }

  test(
    'the refusal of an append after close is not stored',
    async (scene) => {
      await put(scene.store, 'a')
      await scene.store.close()
      await rejectsWith('CLOSED', put(scene.store, 'a'))
      equal((await (await reopened(scene)).stream('a'))?.seq, 1)
    },
    { row: 'C3.2', requires: persistent },
  )

  test('closing twice, also at once, is as closing once', async ({ store }) => {
    await put(store, 'a')
    await Promise.all([store.close(), store.close()])
    await store.close()
    await rejectsWith('CLOSED', put(store, 'a'))
  })

  test('an empty store can be closed', async ({ store }) => {
    await store.close()
  })

  test('close waits for appends in flight, and they are acknowledged', async ({ store }) => {
    const appends = range(1, 20).map(() => put(store, 'a'))
    const closed = store.close()
    const receipts = await Promise.all(appends)
    await closed
    deepEqual(
      receipts.map(({ seq }) => seq),
      range(1, 20),
    )
  })

  test('an append behind close is refused, whether close is done or not', async ({ store }) => {
    const closed = store.close()
    await rejectsWith('CLOSED', put(store, 'a'))
    await closed
  })

  test('a read under way when the store closes ends, or is refused with CLOSED', async ({ store }) => {
    await store.append(batch(range(1, 5_000).map(() => event('a'))))
    const pages = store.read({ select: everything, direction: 'forward' })[Symbol.asyncIterator]()
    const first = await pages.next()
    ok(first.done !== true && first.value.length > 0)
    await store.close()
    const outcome = await gather({ [Symbol.asyncIterator]: () => pages }).then(() => undefined, codeOf)
    ok(outcome === undefined || outcome === 'CLOSED')
  })

  test('two stores know nothing of each other', async ({ store, another }) => {
    const other = await another()
    await put(store, 'a')
    await change(store, { agenda: [{ id: 'x', due: 1 }] })
    deepEqual(await events(other), [])
    deepEqual(await other.agenda({}), [])
    equal((await put(other, 'a')).position, 1)
    await other.close()
    equal((await put(store, 'a')).position, 2)
  })

  for (const [how, again, requires] of [
    ['a close', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `acknowledged events are the same after ${how}, and numbers go on`,
      async (scene) => {
        await putMany(scene.store, 'a', 5)
        scene.clock.advance(10)
        await put(scene.store, 'b', 'a')
        const before = await events(scene.store)
        const store = await again(scene)
        deepEqual(await events(store), before)
        deepEqual((await put(store, 'a', 'b')).events, [
          { stream: 'a', seq: 7, position: 8 },
          { stream: 'b', seq: 2, position: 9 },
        ])
      },
      { row: 'C1.3', requires },
    )

    test(
      `five times ${how}, with an append between: no number is given twice`,
      async (scene) => {
        let { store } = scene
        for (const round of range(1, 5)) {
          equal((await put(store, 'a')).seq, round)
          store = await again(scene)
        }
        deepEqual(
          (await events(store)).map(({ seq, position }) => [seq, position]),
          range(1, 5).map((n) => [n, n]),
        )
        equal((await store.verify({})).ok, true)
      },
      { row: 'C4.2', requires },
    )

    test(
      `an empty journal stays one after ${how}`,
      async (scene) => {
        const store = await again(scene)
        deepEqual(store.head(), { position: 0, appended: 0, earliest: 1, time: 0 })
        equal((await put(store, 'a')).position, 1)
      },
      { requires },
    )
  }

  test(
    'appends in flight at close are there after reopening',
    async (scene) => {
      const appends = range(1, 50).map(() => put(scene.store, 'a'))
      const [store] = await Promise.all([reopened(scene), ...appends])
      equal((await store.stream('a'))?.seq, 50)
    },
    { row: 'C3.1', requires: persistent },
  )
})
