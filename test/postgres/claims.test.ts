// Workers on many machines that share an agenda: each entry that is due is done by one of them, once. A claim is an append
// that acquires a lease of the entry's name; who does the work clears the entry under that lease's fence.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { isHoldfastError } from '../../src/errors.ts'
import { openPostgresStore } from '../../src/open-postgres.ts'
import type { Store } from '../../src/stores/store.ts'
import { prng } from '../../src/testing/prng.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const entries = Number(process.env.CLAIMS ?? 1_000)
const workers = 4
const claimsAtOnce = 16

let server: PostgresServer

beforeAll(async () => {
  server = await PostgresServer.start()
}, startTimeoutMs)

afterAll(() => server.dispose())

it(`${entries} entries, ${workers} workers: each is done once`, {
  timeout: startTimeoutMs + entries * 50,
}, async () => {
  const stores = await Promise.all(Array.from({ length: workers }, () => openPostgresStore(server.url())))
  const first = stores[0] as Store // there are four
  const due = Array.from({ length: entries }, (_, n) => ({ id: `job/${n}`, due: n, data: '{}' }))
  await first.append({ events: [], agenda: due, durability: 'sync' })
  const began = performance.now()
  const figures = await Promise.all(stores.map((store, index) => work(store, `worker-${index}`)))
  const seconds = (performance.now() - began) / 1_000
  const done: string[] = []
  for await (const page of first.read({ select: { kind: 'all' }, direction: 'forward' })) {
    for (const item of page) if ('data' in item) done.push(item.data as string)
  }
  const collisions = figures.reduce((sum, one) => sum + one.collisions, 0)
  process.stdout.write(
    `claims: ${entries} entries by ${workers} workers in ${seconds.toFixed(1)} s, ${collisions} collisions, ` +
      `${figures.map((one) => one.done).join(' + ')} done\n`,
  )
  expect(done.length).toBe(entries)
  expect(new Set(done).size).toBe(entries)
  expect(await first.agenda({})).toEqual([])
  for (const store of stores) await store.close()
})

async function work(store: Store, owner: string): Promise<{ readonly done: number; readonly collisions: number }> {
  const chance = prng(Number(owner.at(-1)))
  let done = 0
  let collisions = 0
  for (;;) {
    // More than it takes on, and some of those by chance: workers that look at once must not all go for the first.
    const due = await store.agenda({ dueBy: Date.now(), limit: workers * claimsAtOnce })
    if (due.length === 0) return { done, collisions }
    const chosen = due.filter(() => chance.below(due.length) < claimsAtOnce)
    const outcomes = await Promise.all(chosen.map(({ id }) => claimAndDo(store, owner, id)))
    done += outcomes.filter((outcome) => outcome).length
    collisions += outcomes.filter((outcome) => !outcome).length
  }
}

async function claimAndDo(store: Store, owner: string, id: string): Promise<boolean> {
  try {
    const claim = { lease: id, op: 'acquire', owner: `${owner}/${id}`, ttlMs: 60_000 } as const
    const { leases } = await store.append({ events: [], leases: [claim], durability: 'sync' })
    const token = leases[0]?.token ?? 0
    // Another may have done it, and let go, since the agenda was read.
    if ((await store.agenda({ prefix: id, limit: 1 }))[0]?.id !== id) {
      await store.append({ events: [], leases: [{ lease: id, op: 'release', token }], durability: 'sync' })
      return false
    }
    await store.append({
      events: [{ stream: 'done', type: 'done', version: 1, data: JSON.stringify(id) }],
      fences: [{ lease: id, token }],
      leases: [{ lease: id, op: 'release', token }],
      agenda: [{ id, due: null }],
      durability: 'sync',
    })
    return true
  } catch (error) {
    if (isHoldfastError(error, 'LEASE_HELD')) return false
    throw error
  }
}
