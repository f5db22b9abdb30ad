// Leases: the right to own something until a time, granted to one owner at a time under a token that rises for ever.

import { deepEqual, equal } from 'node:assert/strict'
import type { LeaseChange } from '../../stores/store.ts'
import { batch, change, event, places, range } from './batches.ts'
import { byteOrder, rejectsWith } from './check.ts'
import { acquire, fenced, handOver, release, renew, tokenOf, ttlMs } from './lease-steps.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened, sceneStartMs } from './scene.ts'

const start = sceneStartMs

export const leases: readonly CaseDefinition[] = caseGroup('leases', (test) => {
  test('a lease that nobody ever took is unknown', async ({ store }) => {
    equal(await store.lease('l'), undefined)
    equal(await store.lease('constructor'), undefined)
  })

  test(
    'a free lease is granted, with token 1 and an end',
    async ({ store }) => {
      const receipt = await acquire(store, 'me')
      deepEqual(receipt.leases, [{ lease: 'l', token: 1, until: start + ttlMs }])
      deepEqual(await store.lease('l'), { lease: 'l', owner: 'me', token: 1, until: start + ttlMs, held: true })
    },
    { row: 'C4.8' },
  )

  test('a held lease is refused to others', async ({ store }) => {
    await acquire(store, 'me')
    await rejectsWith('LEASE_HELD', acquire(store, 'you'))
    equal((await store.lease('l'))?.owner, 'me')
    equal((await store.lease('l'))?.token, 1)
  })

  test('the same owner gets it again, under a higher token', async ({ store }) => {
    await acquire(store, 'me')
    equal(await tokenOf(acquire(store, 'me')), 2)
    await rejectsWith('LEASE_LOST', renew(store, 1))
    await renew(store, 2)
  })

  test('a renewal prolongs from now, under the same token', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.advance(400)
    const receipt = await renew(store, 1, 5_000)
    deepEqual(receipt.leases, [{ lease: 'l', token: 1, until: start + 5_400 }])
    equal((await store.lease('l'))?.until, start + 5_400)
  })

  test('a renewal may shorten', async ({ store }) => {
    await acquire(store, 'me')
    await renew(store, 1, 10)
    equal((await store.lease('l'))?.until, start + 10)
  })

  test('a released lease is free for others, under a higher token', async ({ store }) => {
    await acquire(store, 'me')
    const receipt = await release(store, 1)
    deepEqual(receipt.leases, [])
    equal(await store.lease('l'), undefined)
    equal(await tokenOf(acquire(store, 'you')), 2)
  })

  test('tokens rise over releases, expiries and owners, and never repeat', async ({ store, clock }) => {
    const tokens: (number | undefined)[] = []
    for (const round of range(1, 6)) {
      const token = await tokenOf(acquire(store, `owner ${round}`))
      tokens.push(token)
      if (round % 2 === 0) await release(store, token ?? 0)
      else clock.advance(ttlMs)
    }
    deepEqual(tokens, range(1, 6))
  })

  test('one millisecond before its end a lease is held', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.advance(ttlMs - 1)
    await rejectsWith('LEASE_HELD', acquire(store, 'you'))
  })

  test(
    'at its end a lease is free',
    async ({ store, clock }) => {
      await acquire(store, 'me')
      clock.advance(ttlMs)
      equal(await tokenOf(acquire(store, 'you')), 2)
      equal((await store.lease('l'))?.owner, 'you')
    },
    { row: 'C4.8' },
  )

  test('past its end a lease still says who held it', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.advance(ttlMs * 10)
    deepEqual(await store.lease('l'), { lease: 'l', owner: 'me', token: 1, until: start + ttlMs, held: true })
  })

  test('past its end, and not taken, its owner can still renew', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.advance(ttlMs * 2)
    equal((await renew(store, 1)).leases[0]?.until, start + ttlMs * 3)
    await rejectsWith('LEASE_HELD', acquire(store, 'you'))
  })

  test('a clock that runs backwards frees nothing', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.set(start - 1_000_000)
    await rejectsWith('LEASE_HELD', acquire(store, 'you'))
  })

  test('after a takeover the former owner can neither renew nor release', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.advance(ttlMs)
    await acquire(store, 'you')
    await rejectsWith('LEASE_LOST', renew(store, 1))
    await rejectsWith('LEASE_LOST', release(store, 1))
    deepEqual([(await store.lease('l'))?.owner, (await store.lease('l'))?.held], ['you', true])
  })

  test('a released lease can neither be renewed nor released', async ({ store }) => {
    await acquire(store, 'me')
    await release(store, 1)
    await rejectsWith('LEASE_LOST', renew(store, 1))
    await rejectsWith('LEASE_LOST', release(store, 1))
  })

  for (const token of [0, 2, 99]) {
    test(`token ${token}, which is not the newest, is refused`, async ({ store }) => {
      await acquire(store, 'me')
      await rejectsWith('LEASE_LOST', renew(store, token))
      await rejectsWith('LEASE_LOST', release(store, token))
      equal((await store.lease('l'))?.held, true)
    })
  }

  test('a lease that nobody ever took can neither be renewed nor released', async ({ store }) => {
    await rejectsWith('LEASE_LOST', renew(store, 1))
    await rejectsWith('LEASE_LOST', release(store, 0))
    equal(await store.lease('l'), undefined)
  })

  test('leases are independent of each other', async ({ store }) => {
    await acquire(store, 'me', 'l')
    await acquire(store, 'you', 'l/1')
    await acquire(store, 'you', 'L')
    deepEqual([(await store.lease('l'))?.owner, (await store.lease('l/1'))?.owner], ['me', 'you'])
    equal((await store.stats()).leases, 3)
  })

  test('several changes in one batch apply together', async ({ store }) => {
    await acquire(store, 'me', 'x')
    const leases: LeaseChange[] = [
      { lease: 'l', op: 'acquire', owner: 'me', ttlMs },
      { lease: 'm', op: 'acquire', owner: 'me', ttlMs: 5 },
      { lease: 'x', op: 'release', token: 1 },
    ]
    deepEqual((await change(store, { leases })).leases, [
      { lease: 'l', token: 1, until: start + ttlMs },
      { lease: 'm', token: 1, until: start + 5 },
    ])
    equal(await store.lease('x'), undefined)
  })

  test('one refused change refuses them all', async ({ store }) => {
    await acquire(store, 'you', 'm')
    const leases: LeaseChange[] = [
      { lease: 'l', op: 'acquire', owner: 'me', ttlMs },
      { lease: 'm', op: 'acquire', owner: 'me', ttlMs },
    ]
    await rejectsWith('LEASE_HELD', store.append(batch([event('a')], { leases })))
    equal(await store.lease('l'), undefined)
    deepEqual(await places(store), [])
  })

  test('a lease is handed over in one batch', async ({ store }) => {
    await acquire(store, 'me')
    const leases: LeaseChange[] = [
      { lease: 'l', op: 'release', token: 1 },
      { lease: 'l', op: 'acquire', owner: 'you', ttlMs },
    ]
    deepEqual((await change(store, { leases })).leases, [{ lease: 'l', token: 2, until: start + ttlMs }])
  })

  test('a lease is taken from its owner before its time by who names its token, and from then on shuts it out', async ({
    store,
  }) => {
    await acquire(store, 'dead')
    deepEqual((await handOver(store, 1)).leases, [{ lease: 'l', token: 2, until: start + ttlMs }])
    deepEqual(await store.lease('l'), { lease: 'l', owner: 'you', token: 2, until: start + ttlMs, held: true })
    await rejectsWith('LEASE_LOST', renew(store, 1))
    await rejectsWith('LEASE_LOST', release(store, 1))
    await rejectsWith('LEASE_LOST', fenced(store, 1))
    await fenced(store, 2)
  })

  for (const token of [0, 1, 3]) {
    test(`a lease is not taken from its owner with token ${token}, which is not the newest`, async ({ store }) => {
      await acquire(store, 'me')
      await acquire(store, 'me')
      await rejectsWith('LEASE_LOST', handOver(store, token))
      deepEqual(await store.lease('l'), { lease: 'l', owner: 'me', token: 2, until: start + ttlMs, held: true })
    })
  }

  test('a lease that was given back, or has another owner by now, is not taken from the former one', async ({
    store,
  }) => {
    await acquire(store, 'me')
    await release(store, 1)
    await rejectsWith('LEASE_LOST', handOver(store, 1))
    await acquire(store, 'other')
    await rejectsWith('LEASE_LOST', handOver(store, 1))
    equal((await store.lease('l'))?.owner, 'other')
  })

  test('of ten that take a lease from its owner at once, exactly one gets it', async ({ store }) => {
    await acquire(store, 'dead')
    const results = await Promise.allSettled(range(1, 10).map((n) => handOver(store, 1, `owner ${n}`)))
    deepEqual(
      results.map(({ status }) => status === 'fulfilled'),
      range(1, 10).map((n) => n === 1),
    )
    deepEqual([(await store.lease('l'))?.owner, (await store.lease('l'))?.token], ['owner 1', 2])
  })

  test('what an owner holds is listed by name, past its time or not, and nothing else', async ({ store, clock }) => {
    const names = ['é', 'b', '\u{10000}', 'a/1', '\uffff', 'a', 'B']
    for (const name of names) await acquire(store, 'me', name)
    await acquire(store, 'you', 'c')
    await acquire(store, 'me/2', 'd')
    await acquire(store, 'me', 'gone')
    await change(store, { leases: [{ lease: 'gone', op: 'release', token: 1 }] })
    await acquire(store, 'me', 'taken')
    clock.advance(ttlMs)
    await acquire(store, 'you', 'taken')
    const listed = await store.leases({ owner: 'me' })
    deepEqual(
      listed.map(({ lease }) => lease),
      names.toSorted(byteOrder),
    )
    deepEqual(listed[0], await store.lease('B'))
    deepEqual(await store.leases({ owner: 'me', limit: 2 }), listed.slice(0, 2))
    deepEqual(await store.leases({ owner: 'me', limit: 0 }), [])
    deepEqual(await store.leases({ owner: 'nobody' }), [])
    deepEqual(
      (await store.leases({ owner: 'you' })).map(({ lease }) => lease),
      ['c', 'taken'],
    )
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `after ${how} it is listed what an owner holds`,
      async (scene) => {
        for (const lease of ['b', 'a', 'gone']) await acquire(scene.store, 'me', lease)
        await change(scene.store, { leases: [{ lease: 'gone', op: 'release', token: 1 }] })
        const store = await again(scene)
        await acquire(store, 'me', 'c')
        deepEqual(
          (await store.leases({ owner: 'me' })).map(({ lease }) => lease),
          ['a', 'b', 'c'],
        )
        equal(await store.lease('gone'), undefined)
        equal((await store.stats()).leases, 3)
        equal(await tokenOf(acquire(store, 'me', 'gone')), 2)
      },
      { requires },
    )
  }

  test('a lease that was released leaves nothing, and gets a higher token when it comes back', async ({ store }) => {
    for (const round of range(1, 5)) {
      equal(await tokenOf(acquire(store, 'me', 'l')), round)
      await release(store, round)
      equal(await store.lease('l'), undefined)
      equal((await store.stats()).leases, 0)
    }
    for (const token of range(0, 6)) {
      await rejectsWith('LEASE_LOST', renew(store, token))
      await rejectsWith('LEASE_LOST', release(store, token))
      await rejectsWith('LEASE_LOST', fenced(store, token))
    }
    deepEqual(await places(store), [])
  })

  test('no release of another lease lowers what a lease gets when it comes back', async ({ store }) => {
    for (const _ of range(1, 5)) await acquire(store, 'me', 'l')
    await release(store, 5)
    await acquire(store, 'me', 'other')
    await change(store, { leases: [{ lease: 'other', op: 'release', token: 6 }] })
    await acquire(store, 'me', 'held')
    equal(await tokenOf(acquire(store, 'you', 'l')), 7)
    await rejectsWith('LEASE_LOST', fenced(store, 5))
    await fenced(store, 7)
  })

  test('releases of several leases in one batch leave the highest of their tokens', async ({ store }) => {
    for (const _ of range(1, 4)) await acquire(store, 'me', 'b')
    for (const lease of ['a', 'c']) await acquire(store, 'me', lease)
    const leases = [
      ['a', 1],
      ['b', 4],
      ['c', 1],
    ].map(([lease, token]): LeaseChange => ({ lease: String(lease), op: 'release', token: Number(token) }))
    await change(store, { leases })
    equal((await store.stats()).leases, 0)
    deepEqual([await tokenOf(acquire(store, 'me', 'a')), await tokenOf(acquire(store, 'me', 'b'))], [5, 5])
  })

  test('ten thousand leases that were taken and released leave nothing that grows', async ({ store }) => {
    for (const round of range(0, 9)) {
      const names = range(1, 1_000).map((n) => `run/${round}/${n}`)
      const { leases } = await change(store, {
        leases: names.map((lease): LeaseChange => ({ lease, op: 'acquire', owner: 'me', ttlMs })),
      })
      equal((await store.stats()).leases, 1_000)
      await change(store, { leases: leases.map(({ lease, token }): LeaseChange => ({ lease, op: 'release', token })) })
      equal((await store.stats()).leases, 0)
      const lasting: string[] = []
      for await (const page of store.dump()) {
        for (const { control } of page) if (control?.startsWith('{"control":"lease"') === true) lasting.push(control)
      }
      equal(lasting.length, 1)
    }
    equal(await tokenOf(acquire(store, 'me', 'run/0/1')), 11)
  })

  test('of ten in flight, exactly one gets the lease', async ({ store }) => {
    const calls = range(1, 10).map((n) => acquire(store, `owner ${n}`))
    const results = await Promise.allSettled(calls)
    deepEqual(
      results.map(({ status }) => status === 'fulfilled'),
      range(1, 10).map((n) => n === 1),
    )
    equal((await store.lease('l'))?.owner, 'owner 1')
  })
})
