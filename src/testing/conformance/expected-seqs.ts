// Optimistic concurrency: an append that names the seq its streams must be at is refused when any of them moved.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Receipt, Store } from '../../stores/store.ts'
import { batch, dropAll, event, places, put, putMany } from './batches.ts'
import { codeOf, rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, persistent, reopened } from './scene.ts'

function expecting(store: Store, expected: Readonly<Record<string, number>>, ...streams: string[]): Promise<Receipt> {
  const expect = new Map(Object.entries(expected))
  return store.append(
    batch(
      streams.map((stream) => event(stream)),
      { expect },
    ),
  )
}

export const expectedSeqs: readonly CaseDefinition[] = caseGroup('expected seqs', (test) => {
  test('0 holds for a stream that never had an event', async ({ store }) => {
    equal((await expecting(store, { a: 0 }, 'a')).seq, 1)
  })

  test(
    '0 is refused for a stream that has one',
    async ({ store }) => {
      await put(store, 'a')
      await rejectsWith('SEQ_CONFLICT', expecting(store, { a: 0 }, 'a'))
    },
    { row: 'C2.5' },
  )

  test('the exact seq holds', async ({ store }) => {
    await putMany(store, 'a', 3)
    equal((await expecting(store, { a: 3 }, 'a')).seq, 4)
  })

  for (const [expected, name] of [
    [2, 'one too few'],
    [4, 'one too many'],
    [1_000_000, 'far too many'],
  ] as const) {
    test(
      `${name} is refused`,
      async ({ store }) => {
        await putMany(store, 'a', 3)
        await rejectsWith('SEQ_CONFLICT', expecting(store, { a: expected }, 'a'))
        equal((await store.stream('a'))?.seq, 3)
      },
      { row: 'C2.5' },
    )
  }

  test('a number is refused for a stream without events', async ({ store }) => {
    await rejectsWith('SEQ_CONFLICT', expecting(store, { a: 1 }, 'a'))
  })

  test('seqs are meant, not positions', async ({ store }) => {
    await putMany(store, 'other', 5)
    await putMany(store, 'a', 2)
    await rejectsWith('SEQ_CONFLICT', expecting(store, { a: 7 }, 'a'))
    equal((await expecting(store, { a: 2 }, 'a')).seq, 3)
  })

  test('the conflict says what was expected and what is', async ({ store }) => {
    await putMany(store, 'a', 3)
    const error = await rejectsWith('SEQ_CONFLICT', expecting(store, { a: 2 }, 'a'))
    ok(error instanceof Error && 'details' in error && 'retryable' in error)
    deepEqual(error.details, { stream: 'a', expected: 2, actual: 3 })
    equal(error.retryable, true)
  })

  test('all of several streams must hold', async ({ store }) => {
    await put(store, 'a', 'b', 'b')
    equal((await expecting(store, { a: 1, b: 2, c: 0 }, 'c')).seq, 1)
  })

  for (const wrong of ['a', 'b', 'c'] as const) {
    test(`of three streams, only ${wrong} has moved: refused`, async ({ store }) => {
      await put(store, 'a', 'b', 'c')
      await rejectsWith('SEQ_CONFLICT', expecting(store, { a: 1, b: 1, c: 1, [wrong]: 0 }, 'a', 'b', 'c'))
      equal(store.head().appended, 3)
    })
  }

  test('a stream that gets no event can be expected too', async ({ store }) => {
    await put(store, 'watched')
    await rejectsWith('SEQ_CONFLICT', expecting(store, { watched: 0 }, 'a'))
    equal((await expecting(store, { watched: 1 }, 'a')).seq, 1)
  })

  test('an expectation holds for a batch without events', async ({ store }) => {
    await put(store, 'a')
    const agenda = [{ id: 'x', due: 1 }]
    await rejectsWith('SEQ_CONFLICT', store.append(batch([], { agenda, expect: new Map([['a', 0]]) })))
    deepEqual(await store.agenda({}), [])
  })

  test('several events of a stream are held to the seq before the first', async ({ store }) => {
    await put(store, 'a')
    equal((await expecting(store, { a: 1 }, 'a', 'a', 'a')).seq, 4)
  })

  test(
    'of two appends in flight with one expectation, the first wins',
    async ({ store }) => {
      const first = expecting(store, { a: 0 }, 'a')
      const second = rejectsWith('SEQ_CONFLICT', expecting(store, { a: 0 }, 'a'))
      const [winner] = await Promise.all([first, second])
      equal(winner.seq, 1)
      deepEqual(await places(store), ['a#1'])
    },
    { row: 'C2.5' },
  )

  test('of twenty writers with one expectation, exactly one wins each round', async ({ store }) => {
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 20 }, () => expecting(store, { a: round }, 'a'))
      const results = await Promise.allSettled(calls)
      equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    }
    equal((await store.stream('a'))?.seq, 3)
  })

  test('an append can be chained on one in flight', async ({ store }) => {
    const receipts = await Promise.all([0, 1, 2, 3].map((seq) => expecting(store, { a: seq }, 'a')))
    deepEqual(
      receipts.map(({ seq }) => seq),
      [1, 2, 3, 4],
    )
  })

  test('a conflict with an append in flight is told only when that one is durable', async ({ store }) => {
    const first = put(store, 'a')
    const seen = expecting(store, { a: 0 }, 'a').then(
      () => undefined,
      (error: unknown) => ({ code: codeOf(error), position: store.head().position }),
    )
    await first
    deepEqual(await seen, { code: 'SEQ_CONFLICT', position: 1 })
  })

  test('a refused append does not count for those behind it', async ({ store }) => {
    const first = put(store, 'a')
    const refused = rejectsWith('SEQ_CONFLICT', expecting(store, { a: 0 }, 'a', 'a'))
    const third = expecting(store, { a: 1 }, 'a')
    const [one, , three] = await Promise.all([first, refused, third])
    deepEqual([one.seq, three.seq], [1, 2])
  })

  test('retention does not change what a stream is at', async ({ store }) => {
    await putMany(store, 'a', 3)
    await dropAll(store, 'a')
    await rejectsWith('SEQ_CONFLICT', expecting(store, { a: 0 }, 'a'))
    equal((await expecting(store, { a: 3 }, 'a')).seq, 4)
  })

  test(
    'expectations hold after a reopening',
    async (scene) => {
      await putMany(scene.store, 'a', 3)
      const store = await reopened(scene)
      await rejectsWith('SEQ_CONFLICT', expecting(store, { a: 0 }, 'a'))
      equal((await expecting(store, { a: 3, b: 0 }, 'a')).seq, 4)
    },
    { row: 'C1.3', requires: persistent },
  )
})
