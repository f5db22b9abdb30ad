// Fences: an append that relies on a lease is refused once somebody else has taken it, however late it comes.

import { deepEqual, equal } from 'node:assert/strict'
import { batch, change, event, places, put } from './batches.ts'
import { rejectsWith } from './check.ts'
import { acquire, fenced, release, tokenOf, ttlMs } from './lease-steps.ts'
import { type CaseDefinition, caseGroup, crashed, crashes, persistent, reopened, sceneStartMs } from './scene.ts'

const start = sceneStartMs

export const fences: readonly CaseDefinition[] = caseGroup('fences', (test) => {
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

  test('is judged before expectations: who was shut out is not told that there is something new', async ({
    store,
    clock,
  }) => {
    await acquire(store, 'me')
    clock.advance(ttlMs)
    await acquire(store, 'you')
    await fenced(store, 2)
    const late = batch([event('a')], { fences: [{ lease: 'l', token: 1 }], expect: new Map([['a', 0]]) })
    await rejectsWith('LEASE_LOST', store.append(late))
  })

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
    await Promise.all([takeover, late])
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
