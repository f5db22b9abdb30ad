// Pins: what retention must leave alone. Hard ones hold against every rule; soft ones end, and lose to size limits.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { PinChange, PinState, RetentionRule, Store } from '../../stores/store.ts'
import { batch, change, dropAll, event, places, put, putMany, range, retain, seqs } from './batches.ts'
import { byteOrder } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened, sceneStartMs } from './scene.ts'

const start = sceneStartMs

async function pin(store: Store, ...pins: readonly PinChange[]): Promise<void> {
  await change(store, { pins })
}

async function listed(store: Store): Promise<readonly PinState[]> {
  return (await store.pins()).toSorted((left, right) => byteOrder(left.pin, right.pin))
}

/** Each rule, able to remove all five events of stream a. */
const rules: readonly (readonly [what: string, rule: RetentionRule])[] = [
  ['age', { before: start + 1_000_000 }],
  ['size', { bytesMax: 1 }],
  ['stream bound', { streams: [{ stream: 'a', before: 100 }] }],
  ['stream deletion', { streams: [{ stream: 'a', before: 'all' }] }],
  ['release', { released: true }],
]

async function fiveReleased(store: Store): Promise<void> {
  await store.append(
    batch(
      range(1, 5).map(() => event('a')),
      { releases: [{ stream: 'a' }] },
    ),
  )
}

export const pinning: readonly CaseDefinition[] = caseGroup('pins', (test) => {
  test('pins are listed as they were set', async ({ store }) => {
    await pin(store, { pin: 'p', from: 3 }, { pin: 'q', stream: 'a', from: 2, ttlMs: 500 })
    deepEqual(await listed(store), [
      { pin: 'p', stream: undefined, from: 3, until: undefined },
      { pin: 'q', stream: 'a', from: 2, until: start + 500 },
    ])
    equal((await store.stats()).pins, 2)
  })

  test('setting a pin again replaces all of it', async ({ store }) => {
    await pin(store, { pin: 'p', stream: 'a', from: 2, ttlMs: 500 })
    await pin(store, { pin: 'p', from: 7 })
    deepEqual(await listed(store), [{ pin: 'p', stream: undefined, from: 7, until: undefined }])
  })

  test('what a pin held goes when it is unpinned and asked for again, and nothing that is not asked for', async ({
    store,
    clock,
  }) => {
    await putMany(store, 'a', 2)
    clock.advance(10)
    await putMany(store, 'a', 2)
    clock.advance(10)
    await pin(store, { pin: 'p', stream: 'a', from: 1 })
    const all = { before: start + 20 }
    equal((await retain(store, all)).events, 0)
    await put(store, 'b')
    await pin(store, { pin: 'p', from: null })
    equal((await retain(store, { before: start + 10 })).events, 2)
    deepEqual(await seqs(store, 'a'), [3, 4])
    deepEqual((await retain(store, {})).heldBy, [])
    equal((await retain(store, all)).events, 2)
    deepEqual(await places(store), ['b#1'])
  })

  test('a rule that asks for nothing is held by nothing', async ({ store }) => {
    await putMany(store, 'a', 2)
    await pin(store, { pin: 'p', stream: 'a', from: 1 })
    deepEqual((await retain(store, { before: start + 1 })).heldBy, ['p'])
    deepEqual((await retain(store, {})).heldBy, [])
  })

  test('null unpins, also what was never pinned', async ({ store }) => {
    await pin(store, { pin: 'p', from: 1 }, { pin: 'q', from: 1 })
    await pin(store, { pin: 'p', from: null }, { pin: 'r', from: null })
    deepEqual(
      (await listed(store)).map((state) => state.pin),
      ['q'],
    )
  })

  for (const [what, rule] of rules) {
    test(
      `a hard pin on a stream holds against the rule by ${what}`,
      async ({ store }) => {
        await fiveReleased(store)
        await pin(store, { pin: 'undo', stream: 'a', from: 4 })
        const report = await retain(store, rule)
        deepEqual(await seqs(store, 'a'), [4, 5])
        deepEqual([report.events, report.heldBy], [3, ['undo']])
      },
      { row: 'C4.4' },
    )

    test(`a hard pin on a position holds against the rule by ${what}`, async ({ store }) => {
      await fiveReleased(store)
      await pin(store, { pin: 'run', from: 3 })
      const report = await retain(store, rule)
      deepEqual(await seqs(store, 'a'), [3, 4, 5])
      deepEqual([report.events, report.heldBy], [2, ['run']])
    })

    const beats = what === 'size'
    test(`a soft pin ${beats ? 'loses to' : 'holds against'} the rule by ${what}`, async ({ store }) => {
      await fiveReleased(store)
      await pin(store, { pin: 'reader', from: 3, ttlMs: 1_000 })
      const report = await retain(store, rule)
      if (beats) ok(!(await seqs(store, 'a')).includes(3))
      else deepEqual(await seqs(store, 'a'), [3, 4, 5])
      deepEqual(report.heldBy, beats ? [] : ['reader'])
    })
  }

  test('a soft pin ends by itself', async ({ store, clock }) => {
    await fiveReleased(store)
    await pin(store, { pin: 'reader', from: 3, ttlMs: 1_000 })
    clock.advance(1_001)
    const report = await dropAll(store, 'a')
    deepEqual([report.events, report.heldBy], [5, []])
  })

  test('a soft pin set again lives on', async ({ store, clock }) => {
    await fiveReleased(store)
    await pin(store, { pin: 'reader', from: 3, ttlMs: 1_000 })
    clock.advance(900)
    await pin(store, { pin: 'reader', from: 4, ttlMs: 1_000 })
    clock.advance(900)
    await dropAll(store, 'a')
    deepEqual(await seqs(store, 'a'), [4, 5])
  })

  test('a hard pin never ends by itself', async ({ store, clock }) => {
    await fiveReleased(store)
    await pin(store, { pin: 'run', from: 1 })
    clock.advance(1_000 * 365 * 86_400_000)
    equal((await dropAll(store, 'a')).events, 0)
  })

  test('a pin that moves on lets go of what is behind it', async ({ store }) => {
    await putMany(store, 'a', 5)
    await pin(store, { pin: 'reader', from: 2 })
    await dropAll(store, 'a')
    deepEqual(await seqs(store, 'a'), [2, 3, 4, 5])
    await pin(store, { pin: 'reader', from: 4 })
    await dropAll(store, 'a')
    deepEqual(await seqs(store, 'a'), [4, 5])
  })

  test('once unpinned, everything may go', async ({ store }) => {
    await putMany(store, 'a', 5)
    await pin(store, { pin: 'p', from: 1 })
    equal((await dropAll(store, 'a')).events, 0)
    await pin(store, { pin: 'p', from: null })
    const report = await dropAll(store, 'a')
    deepEqual([report.events, report.heldBy], [5, []])
  })

  test('a pin on one stream holds no other', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'b')
    await pin(store, { pin: 'p', stream: 'a', from: 1 })
    const report = await retain(store, { before: start + 1 })
    deepEqual(await places(store), ['a#1', 'a#2'])
    deepEqual([report.events, report.heldBy], [2, ['p']])
  })

  test('a pin on a position holds every stream from there on', async ({ store }) => {
    await put(store, 'a', 'b', 'a', 'b')
    await pin(store, { pin: 'p', from: 3 })
    await retain(store, { before: start + 1 })
    deepEqual(await places(store), ['a#2', 'b#2'])
  })

  test('a pin on a stream counts in seqs, not in positions', async ({ store }) => {
    await putMany(store, 'other', 10)
    await putMany(store, 'a', 5)
    await pin(store, { pin: 'p', stream: 'a', from: 3 })
    await retain(store, { before: start + 1 })
    deepEqual(await places(store), ['a#3', 'a#4', 'a#5'])
  })

  test('what several pins hold is the union, and each that held is named', async ({ store }) => {
    await putMany(store, 'a', 5)
    await putMany(store, 'b', 5)
    await pin(
      store,
      { pin: 'p1', stream: 'a', from: 4 },
      { pin: 'p2', stream: 'a', from: 2 },
      { pin: 'p3', stream: 'b', from: 5 },
      { pin: 'idle', stream: 'c', from: 1 },
      { pin: 'ahead', from: 99 },
    )
    const report = await retain(store, { before: start + 1 })
    deepEqual(await places(store), ['a#2', 'a#3', 'a#4', 'a#5', 'b#5'])
    deepEqual(report.heldBy.toSorted(), ['p1', 'p2', 'p3'])
  })

  test('a pin that no rule comes near is not named', async ({ store }) => {
    await putMany(store, 'a', 5)
    await pin(store, { pin: 'p', stream: 'a', from: 4 })
    deepEqual((await retain(store, { streams: [{ stream: 'a', before: 3 }] })).heldBy, [])
  })

  test('a pin from 0 holds everything', async ({ store }) => {
    await putMany(store, 'a', 3)
    await pin(store, { pin: 'p', from: 0 })
    equal((await retain(store, { before: start + 1, bytesMax: 1 })).events, 0)
  })

  test('a pin holds what comes after it as well', async ({ store }) => {
    await pin(store, { pin: 'p', from: 2 })
    await putMany(store, 'a', 4)
    await dropAll(store, 'a')
    deepEqual(await seqs(store, 'a'), [2, 3, 4])
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `pins hold after ${how}`,
      async (scene) => {
        await putMany(scene.store, 'a', 5)
        await pin(scene.store, { pin: 'p', stream: 'a', from: 4 }, { pin: 'gone', from: 1 })
        await pin(scene.store, { pin: 'gone', from: null }, { pin: 'soft', from: 2, ttlMs: 500 })
        const before = await listed(scene.store)
        const store = await again(scene)
        deepEqual(await listed(store), before)
        scene.clock.advance(1_000)
        await dropAll(store, 'a')
        deepEqual(await seqs(store, 'a'), [4, 5])
      },
      { row: 'C4.4', requires },
    )
  }
})
