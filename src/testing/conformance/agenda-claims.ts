// Claiming what is due: workers that share an agenda each get entries that nobody else has, under leases of their names.

import { deepEqual, equal, ok } from 'node:assert/strict'
import type { AgendaChange, Batch, Receipt, Store } from '../../stores/store.ts'
import { batch, change, command, event, put, range } from './batches.ts'
import { byteOrder, rejectsWith } from './check.ts'
import { acquire, ttlMs } from './lease-steps.ts'
import {
  type CaseDefinition,
  caseGroup,
  crashed,
  crashes,
  persistent,
  readerOf,
  readers,
  reopened,
  sceneStartMs,
} from './scene.ts'

const start = sceneStartMs

interface Asked {
  readonly owner?: string
  readonly limit?: number
  readonly prefix?: string
  readonly dueBy?: number
}

function claim(store: Store, { owner = 'me', limit = 1, prefix, dueBy = start }: Asked = {}): Promise<Receipt> {
  const asked = { owner, ttlMs, dueBy, limit }
  return change(store, { claim: prefix === undefined ? asked : { ...asked, prefix } })
}

function idsOf(receipt: Receipt): readonly string[] {
  return (receipt.claimed ?? []).map(({ id }) => id)
}

async function claimed(store: Store, asked: Asked = {}): Promise<readonly string[]> {
  return idsOf(await claim(store, asked))
}

/** Due long ago, the first first. */
async function setDue(store: Store, ...ids: readonly string[]): Promise<void> {
  await change(store, { agenda: ids.map((id, index) => ({ id, due: index + 1 })) })
}

/** The end of what was claimed: its entry goes, its lease is free. */
function finish(store: Store, lease: string, token: number): Promise<Receipt> {
  return store.append(
    batch([event('done', { data: JSON.stringify(lease) })], {
      agenda: [{ id: lease, due: null }],
      fences: [{ lease, token }],
      leases: [{ lease, op: 'release', token }],
    }),
  )
}

export const agendaClaims: readonly CaseDefinition[] = caseGroup('agenda claims', (test) => {
  test(
    'a claim gives an entry as it is, with a lease of its name',
    async ({ store }) => {
      await change(store, { agenda: [{ id: 'x', due: start, data: '{"n":[1,null]}' }] })
      const receipt = await claim(store)
      deepEqual(receipt.claimed, [{ id: 'x', due: start, data: '{"n":[1,null]}' }])
      deepEqual(receipt.leases, [{ lease: 'x', token: 1, until: start + ttlMs }])
      deepEqual([receipt.events, receipt.seq, receipt.duplicate, receipt.durable], [[], 0, false, true])
      deepEqual(await store.lease('x'), { lease: 'x', owner: 'me', token: 1, until: start + ttlMs, held: true })
      deepEqual(await store.agenda({}), [{ id: 'x', due: start, data: '{"n":[1,null]}' }])
    },
    { row: 'C4.8' },
  )

  test('what is due first is claimed first, then by the bytes of the id', async ({ store }) => {
    const names = ['é', 'b', '\u{10000}', 'a/1', '\uffff', 'a', 'B']
    await change(store, { agenda: [{ id: 'z', due: 1 }, ...names.map((id) => ({ id, due: 2 })), { id: '0', due: 3 }] })
    deepEqual(await claimed(store, { limit: 99 }), ['z', ...names.toSorted(byteOrder), '0'])
  })

  test('a claim takes as many as its limit, and none with 0', async ({ store }) => {
    await setDue(store, 'a', 'b', 'c', 'd', 'e')
    deepEqual(await claimed(store, { limit: 0 }), [])
    deepEqual(await claimed(store, { limit: 2 }), ['a', 'b'])
    deepEqual(await claimed(store), ['c'])
    deepEqual(await claimed(store, { limit: 99 }), ['d', 'e'])
    deepEqual(await claimed(store, { limit: 99 }), [])
  })

  test('a prefix is of the id, and comes before the limit', async ({ store }) => {
    await setDue(store, 'run/1', 'job/2', 'run_3', 'run/4', 'job/1')
    deepEqual(await claimed(store, { prefix: 'job/', limit: 1 }), ['job/2'])
    deepEqual(await claimed(store, { prefix: 'run/', limit: 9 }), ['run/1', 'run/4'])
    deepEqual(await claimed(store, { prefix: 'x', limit: 9 }), [])
    deepEqual(await claimed(store, { prefix: '', limit: 9 }), ['run_3', 'job/1'])
  })

  test('what is not due yet stays; dueBy is inclusive', async ({ store, clock }) => {
    await change(store, {
      agenda: [
        { id: 'now', due: start },
        { id: 'soon', due: start + 1 },
      ],
    })
    deepEqual(await claimed(store, { limit: 9 }), ['now'])
    clock.advance(1)
    deepEqual(await claimed(store, { limit: 9, dueBy: clock.now() }), ['soon'])
  })

  test('an entry that is put off or brought forward is claimed by its new time', async ({ store }) => {
    await setDue(store, 'a', 'b')
    await change(store, {
      agenda: [
        { id: 'a', due: start + 5 },
        { id: 'c', due: start + 5 },
      ],
    })
    await change(store, { agenda: [{ id: 'c', due: 0 }] })
    deepEqual(await claimed(store, { limit: 9 }), ['c', 'b'])
    await change(store, { agenda: [{ id: 'a', due: 7, data: '2' }] })
    deepEqual((await claim(store)).claimed, [{ id: 'a', due: 7, data: '2' }])
  })

  test('an entry that was cleared is not claimed', async ({ store }) => {
    await setDue(store, 'a', 'b', 'c')
    await change(store, {
      agenda: [
        { id: 'a', due: null },
        { id: 'c', due: null },
      ],
    })
    deepEqual(await claimed(store, { limit: 9 }), ['b'])
    await change(store, { agenda: [{ id: 'b', due: null }] })
    await change(store, { agenda: [{ id: 'c', due: 5 }] })
    deepEqual(await claimed(store, { limit: 9 }), ['c'])
  })

  test(
    'claims at once get different entries',
    async ({ store }) => {
      await setDue(store, ...range(10, 49).map(String))
      const receipts = await Promise.all(range(1, 16).map((n) => claim(store, { owner: `w${n}`, limit: 3 })))
      const all = receipts.flatMap(idsOf)
      deepEqual(all, range(10, 49).map(String))
      for (const { claimed: entries = [], leases } of receipts) {
        deepEqual(
          leases,
          entries.map(({ id }) => ({ lease: id, token: 1, until: start + ttlMs })),
        )
      }
    },
    { row: 'C4.8' },
  )

  test('two claims at once for one entry: one gets it, the other nothing', async ({ store }) => {
    await setDue(store, 'only')
    const both = await Promise.all([claim(store, { owner: 'a' }), claim(store, { owner: 'b' })])
    deepEqual(both.map(idsOf), [['only'], []])
    deepEqual(both[1].leases, [])
    equal((await store.lease('only'))?.owner, 'a')
  })

  test('claims at once with different prefixes, times and limits share what is due', async ({ store }) => {
    await setDue(store, 'a/1', 'b/1', 'a/2', 'b/2', 'a/3', 'b/3')
    const receipts = await Promise.all([
      claim(store, { prefix: 'b/', limit: 2 }),
      claim(store, { dueBy: 3, limit: 9 }),
      claim(store, { prefix: 'a/', limit: 9 }),
      claim(store, { limit: 9 }),
    ])
    deepEqual(receipts.map(idsOf), [['b/1', 'b/2'], ['a/1', 'a/2'], ['a/3'], ['b/3']])
  })

  test('an entry whose lease is held is passed over, also by its holder', async ({ store }) => {
    await setDue(store, 'a', 'b', 'c')
    await acquire(store, 'you', 'a')
    await acquire(store, 'me', 'b')
    deepEqual(await claimed(store, { limit: 9 }), ['c'])
    deepEqual([(await store.lease('a'))?.token, (await store.lease('b'))?.token], [1, 1])
  })

  test('what is claimed is held: others are refused', async ({ store }) => {
    await setDue(store, 'x')
    await claim(store)
    await rejectsWith('LEASE_HELD', acquire(store, 'you', 'x'))
  })

  test(
    'past its time a lease is claimed by another, and the former owner is shut out',
    async ({ store, clock }) => {
      await setDue(store, 'x')
      equal((await claim(store)).leases[0]?.token, 1)
      clock.advance(ttlMs - 1)
      deepEqual(await claimed(store, { owner: 'you' }), [])
      clock.advance(1)
      const receipt = await claim(store, { owner: 'you' })
      deepEqual(receipt.leases, [{ lease: 'x', token: 2, until: start + 2 * ttlMs }])
      await rejectsWith('LEASE_LOST', finish(store, 'x', 1))
      deepEqual((await store.agenda({})).length, 1)
      await finish(store, 'x', 2)
      deepEqual(await store.agenda({}), [])
    },
    { row: 'C4.8' },
  )

  test('past its time and renewed, an entry is not free', async ({ store, clock }) => {
    await setDue(store, 'x')
    await claim(store)
    clock.advance(2 * ttlMs)
    await change(store, { leases: [{ lease: 'x', op: 'renew', token: 1, ttlMs }] })
    deepEqual(await claimed(store), [])
  })

  test('a released entry is free again, under a higher token', async ({ store }) => {
    await setDue(store, 'x', 'y')
    await claim(store)
    await change(store, { leases: [{ lease: 'x', op: 'release', token: 1 }] })
    deepEqual((await claim(store)).leases, [{ lease: 'x', token: 2, until: start + ttlMs }])
  })

  test('what is done under the fence is gone for good', async ({ store }) => {
    await setDue(store, 'x', 'y')
    await claim(store)
    await finish(store, 'x', 1)
    deepEqual(await claimed(store, { limit: 9 }), ['y'])
    equal((await store.stream('done'))?.seq, 1)
  })

  test('when nothing is due, nothing is written', async ({ store }) => {
    await put(store, 'a')
    await change(store, {
      agenda: [
        { id: 'later', due: start + 1 },
        { id: 'held', due: 1 },
      ],
    })
    await acquire(store, 'you', 'held')
    await store.flush()
    const before = [store.head(), (await store.stats()).bytes, (await store.stats()).leases]
    const receipt = await claim(store, { limit: 9 })
    deepEqual([receipt.claimed, receipt.leases, receipt.events, receipt.position], [[], [], [], 1])
    deepEqual([store.head(), (await store.stats()).bytes, (await store.stats()).leases], before)
  })

  test('a claim gives out no number and no time', async ({ store }) => {
    await put(store, 'a')
    await setDue(store, 'x')
    const before = store.head()
    equal((await claim(store)).position, 1)
    deepEqual(store.head(), before)
    equal((await put(store, 'a')).position, 2)
  })

  test('a claim sees what the appends before it set, cleared and took', async ({ store }) => {
    await setDue(store, 'a', 'b', 'c', 'd')
    const agenda: readonly AgendaChange[] = [
      { id: 'a', due: null },
      { id: 'e', due: 0, data: '1' },
      { id: 'd', due: start + 1 },
    ]
    const [, , , receipt, late] = await Promise.all([
      store.append(batch([event('s')], { agenda })),
      acquire(store, 'you', 'b'),
      change(store, { agenda: [{ id: 'f', due: 9 }] }),
      claim(store, { limit: 9 }),
      change(store, { agenda: [{ id: 'g', due: 0 }] }),
    ])
    deepEqual(idsOf(receipt), ['e', 'c', 'f'])
    equal(receipt.claimed?.[0]?.data, '1')
    equal(late.claimed, undefined)
    deepEqual(await claimed(store, { limit: 9 }), ['g'])
  })

  test('appends behind a claim are judged by what it took', async ({ store }) => {
    await setDue(store, 'x')
    const taken = claim(store)
    const refused = rejectsWith('LEASE_HELD', acquire(store, 'you', 'x'))
    const late = rejectsWith('LEASE_LOST', finish(store, 'x', 2))
    const done = finish(store, 'x', 1)
    const none = claim(store, { owner: 'you' })
    deepEqual(idsOf(await taken), ['x'])
    await Promise.all([refused, late, done])
    deepEqual(idsOf(await none), [])
    deepEqual(await store.agenda({}), [])
  })

  test('entries set and claimed at once, again and again, are each taken once', async ({ store }) => {
    const ids: string[] = []
    for (const round of range(1, 10)) {
      const [, first, , second] = await Promise.all([
        setDue(store, `${round}a`, `${round}b`),
        claim(store, { limit: 2 }),
        setDue(store, `${round}c`),
        claim(store, { limit: 2 }),
      ])
      ids.push(...idsOf(first), ...idsOf(second))
    }
    deepEqual(
      ids.toSorted(),
      range(1, 10)
        .flatMap((n) => [`${n}a`, `${n}b`, `${n}c`])
        .toSorted(),
    )
  })

  test('a claim goes with nothing else, and is durable', async ({ store }) => {
    await setDue(store, 'x')
    const asked = { owner: 'me', ttlMs, dueBy: start, limit: 1 }
    const beside: readonly Partial<Batch>[] = [
      { events: [event('a')] },
      { command: command('c') },
      { agenda: [{ id: 'y', due: 1 }] },
      { leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs }] },
      { fences: [{ lease: 'l', token: 1 }] },
      { expect: new Map([['a', 0]]) },
      { pins: [{ pin: 'p', from: 1 }] },
      { releases: [{ stream: 'a' }] },
      { durability: 'eventual' },
    ]
    for (const parts of beside) await rejectsWith('INVALID_ARGUMENT', change(store, { claim: asked, ...parts }))
    deepEqual([store.head().position, await store.lease('x'), await store.lease('l')], [0, undefined, undefined])
    deepEqual(await claimed(store), ['x'])
  })

  test('a clock that runs backwards frees nothing', async ({ store, clock }) => {
    await setDue(store, 'x')
    await claim(store)
    clock.set(start - 1_000_000)
    deepEqual(await claimed(store), [])
  })

  test('a claim on a closed store is refused', async ({ store }) => {
    await setDue(store, 'x')
    await store.close()
    await rejectsWith('CLOSED', claim(store))
  })

  test('ten thousand entries, claimed by several at once, are each taken once and in order', async ({ store }) => {
    const count = 10_000
    const name = (n: number): string => `e${String(n).padStart(5, '0')}`
    const entries = range(1, count).map((n) => ({ id: name(n), due: (n * 7_919) % 1_009 }))
    await change(store, { agenda: entries })
    await change(store, { agenda: range(1, 500).map((n) => ({ id: `later${n}`, due: start + n })) })
    const taken: string[] = []
    for (let more = true; more; ) {
      const receipts = await Promise.all(range(1, 4).map((n) => claim(store, { owner: `w${n}`, limit: 600 })))
      for (const receipt of receipts) taken.push(...idsOf(receipt))
      more = receipts.some((receipt) => idsOf(receipt).length > 0)
    }
    const want = entries.toSorted((a, b) => a.due - b.due || byteOrder(a.id, b.id)).map(({ id }) => id)
    ok(taken.length === count, `${taken.length} were taken`)
    deepEqual(taken, want)
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `what was claimed is held, and the rest is there, after ${how}`,
      async (scene) => {
        await setDue(scene.store, 'a', 'b', 'c', 'd')
        await claim(scene.store)
        await claim(scene.store, { owner: 'you' })
        await finish(scene.store, 'b', 1)
        const store = await again(scene)
        equal((await store.lease('a'))?.owner, 'me')
        deepEqual(await claimed(store), ['c'])
        await finish(store, 'a', 1)
        scene.clock.advance(ttlMs)
        const receipt = await claim(store, { limit: 9 })
        deepEqual(idsOf(receipt), ['c', 'd'])
        deepEqual(
          receipt.leases.map(({ token }) => token),
          // Above what any lease had that was released.
          [3, 2],
        )
      },
      { row: 'C4.8', requires },
    )
  }

  test(
    'a reader can claim nothing',
    async (scene) => {
      await setDue(scene.store, 'x')
      const reader = await readerOf(scene)
      await rejectsWith('READ_ONLY', claim(reader))
      deepEqual(await claimed(scene.store), ['x'])
    },
    { requires: readers },
  )
})
