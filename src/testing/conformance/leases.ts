// Leases: the right to own something until a time, granted to one owner at a time under a token that rises for ever.

import { deepEqual, equal } from 'node:assert/strict'
import type { LeaseChange } from '../../stores/store.ts'
import { batch, change, event, places, range } from './batches.ts'
import { rejectsWith } from './check.ts'
import { acquire, release, renew, tokenOf, ttlMs } from './lease-steps.ts'
import { type CaseDefinition, caseGroup, sceneStartMs } from './scene.ts'

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
    equal((await store.lease('l'))?.held, false)
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
    equal((await store.lease('x'))?.held, false)
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
