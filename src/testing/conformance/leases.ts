// Leases: the right to own something until a time, and the rising token (fence) that shuts out a former owner.

import { deepEqual, equal } from 'node:assert/strict'
import type { LeaseChange, Receipt, Store } from '../../stores/store.ts'
import { batch, change, event, places, put, range } from './batches.ts'
import { rejectsWith } from './check.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened, sceneStartMs } from './scene.ts'

const start = sceneStartMs
const ttlMs = 1_000

function acquire(store: Store, owner: string, lease = 'l'): Promise<Receipt> {
  return change(store, { leases: [{ lease, op: 'acquire', owner, ttlMs }] })
}

async function tokenOf(granted: Promise<Receipt>): Promise<number | undefined> {
  return (await granted).leases[0]?.token
}

function renew(store: Store, token: number, ms = ttlMs): Promise<Receipt> {
  return change(store, { leases: [{ lease: 'l', op: 'renew', token, ttlMs: ms }] })
}

function release(store: Store, token: number): Promise<Receipt> {
  return change(store, { leases: [{ lease: 'l', op: 'release', token }] })
}

function fenced(store: Store, token: number, lease = 'l'): Promise<Receipt> {
  return store.append(batch([event('a')], { fences: [{ lease, token }] }))
}

const owning: readonly CaseDefinition[] = caseGroup('leases', (test) => {
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

const fencing: readonly CaseDefinition[] = caseGroup('fences', (test) => {
  test('the newest token passes', async ({ store }) => {
    await acquire(store, 'me')
    equal((await fenced(store, 1)).seq, 1)
  })

  test('an older token is refused', async ({ store }) => {
    await acquire(store, 'me')
    await acquire(store, 'me')
    await rejectsWith('LEASE_LOST', fenced(store, 1))
    deepEqual(await places(store), [])
  })

  test('a token that was never given is refused', async ({ store }) => {
    await rejectsWith('LEASE_LOST', fenced(store, 1))
    await acquire(store, 'me')
    await rejectsWith('LEASE_LOST', fenced(store, 2))
    await rejectsWith('LEASE_LOST', fenced(store, 0))
  })

  test('a released token is refused', async ({ store }) => {
    await acquire(store, 'me')
    await release(store, 1)
    await rejectsWith('LEASE_LOST', fenced(store, 1))
  })

  test('past its time alone, a token passes', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.advance(ttlMs * 100)
    equal((await fenced(store, 1)).seq, 1)
  })

  test(
    'a late result of a former owner is refused',
    async ({ store, clock }) => {
      await acquire(store, 'me')
      clock.advance(ttlMs)
      await acquire(store, 'you')
      await rejectsWith('LEASE_LOST', fenced(store, 1))
      await fenced(store, 2)
      deepEqual(await places(store), ['a#1'])
    },
    { row: 'C4.8' },
  )

  test('all of several fences must pass', async ({ store }) => {
    await acquire(store, 'me', 'l')
    await acquire(store, 'me', 'm')
    const both = (token: number) => ({
      fences: [
        { lease: 'l', token: 1 },
        { lease: 'm', token },
      ],
    })
    await rejectsWith('LEASE_LOST', store.append(batch([event('a')], both(2))))
    equal((await store.append(batch([event('a')], both(1)))).seq, 1)
  })

  test('a fence is judged against the state before its own batch', async ({ store }) => {
    await acquire(store, 'me')
    const done = batch([event('a')], {
      fences: [{ lease: 'l', token: 1 }],
      leases: [{ lease: 'l', op: 'release', token: 1 }],
    })
    equal((await store.append(done)).seq, 1)
    await rejectsWith('LEASE_LOST', store.append(done))
  })

  test('a takeover in flight shuts out the append behind it', async ({ store, clock }) => {
    await acquire(store, 'me')
    clock.advance(ttlMs)
    const takeover = acquire(store, 'you')
    const late = rejectsWith('LEASE_LOST', fenced(store, 1))
    await takeover
    await late
  })

  test('another lease of the same token is another lease', async ({ store }) => {
    await acquire(store, 'me', 'l')
    await rejectsWith('LEASE_LOST', fenced(store, 1, 'm'))
    await put(store, 'a')
  })

  for (const [how, again, requires] of [
    ['a reopening', reopened, persistent],
    ['a crash', crashed, crashes],
  ] as const) {
    test(
      `tokens go on after ${how}, and a former owner stays shut out`,
      async (scene) => {
        await acquire(scene.store, 'me')
        await acquire(scene.store, 'me')
        await acquire(scene.store, 'me', 'gone')
        await change(scene.store, { leases: [{ lease: 'gone', op: 'release', token: 1 }] })
        const store = await again(scene)
        deepEqual(await store.lease('l'), { lease: 'l', owner: 'me', token: 2, until: start + ttlMs, held: true })
        await rejectsWith('LEASE_HELD', acquire(store, 'you'))
        await rejectsWith('LEASE_LOST', fenced(store, 1))
        await fenced(store, 2)
        equal(await tokenOf(acquire(store, 'you', 'gone')), 2)
      },
      { row: 'C4.8', requires },
    )
  }
})

export const leases: readonly CaseDefinition[] = [...owning, ...fencing]
