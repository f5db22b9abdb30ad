// Workers on many machines that share an agenda: each entry that is due is done by one of them, once. A worker claims
// several at once, and clears each under the fence of its claim.

import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openPostgresStore } from '../../src/open-postgres.ts'
import type { AgendaItem, Batch, LeaseGrant, Store } from '../../src/stores/store.ts'
import { PostgresProxy } from './proxy.ts'
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
  await setDue(first, entries)
  const began = performance.now()
  const figures = await Promise.all(stores.map((store, index) => work(store, `worker-${index}`)))
  const seconds = (performance.now() - began) / 1_000
  const done: string[] = []
  for await (const page of first.read({ select: { kind: 'all' }, direction: 'forward' })) {
    for (const item of page) if ('data' in item) done.push(item.data as string)
  }
  const taken = figures.flatMap((one) => one.taken)
  const collisions = taken.length - new Set(taken).size
  process.stdout.write(
    `claims: ${entries} entries by ${workers} workers in ${seconds.toFixed(1)} s, ${collisions} collisions, ` +
      `${figures.map((one) => one.taken.length).join(' + ')} done\n`,
  )
  expect(collisions).toBe(0)
  expect(done.length).toBe(entries)
  expect(new Set(done).size).toBe(entries)
  expect(await first.agenda({})).toEqual([])
  for (const store of stores) await store.close()
})

it('an entry whose row somebody else has locked is passed over, and comes when it is free', async () => {
  const store = await openPostgresStore(server.url(), { journal: 'locked' })
  await setDue(store, 3)
  const somebody = new pg.Client({ connectionString: server.url() })
  await somebody.connect()
  await somebody.query('begin')
  await somebody.query("select from holdfast.agenda_entry where id = 'job/1' for update")
  const { claimed, leases } = await claim(store, 'me', 9)
  expect(claimed.map(({ id }) => id)).toEqual(['job/0', 'job/2'])
  expect(leases.map(({ token }) => token)).toEqual([1, 1])
  expect((await claim(store, 'me', 9)).claimed).toEqual([])
  await somebody.query('rollback')
  expect((await claim(store, 'me', 9)).claimed.map(({ id }) => id)).toEqual(['job/1'])
  await somebody.end()
  await store.close()
})

it('what the agenda says of leases agrees with them, however both came about, and verify() finds where not', async () => {
  const store = await openPostgresStore(server.url(), { journal: 'agreeing' })
  const change = (parts: Partial<Batch>) => store.append({ events: [], durability: 'sync', ...parts })
  const acquire = (lease: string) => ({ lease, op: 'acquire', owner: 'other', ttlMs: 60_000 }) as const
  await change({ leases: [acquire('job/0'), acquire('of no entry')] })
  await setDue(store, 9)
  await claim(store, 'me', 3)
  await change({ leases: [acquire('job/5')], agenda: [{ id: 'job/5', due: 1 }] })
  await change({ leases: [{ lease: 'job/1', op: 'release', token: 1 }] })
  await change({ leases: [{ lease: 'job/2', op: 'renew', token: 1, ttlMs: 90_000 }] })
  await change({ agenda: [{ id: 'job/3', due: 2, data: '1' }] })
  expect((await claim(store, 'me', 9)).claimed.map(({ id }) => id)).toEqual([
    'job/1',
    'job/4',
    'job/6',
    'job/7',
    'job/8',
  ])
  const disagreeing = async (): Promise<number> =>
    (await store.verify({})).findings.filter(({ kind }) => kind === 'agenda-lease').length
  expect(await disagreeing()).toBe(0)
  await server.query("update holdfast.agenda_entry set held_until = 7 where id = 'job/8'")
  await server.query("update holdfast.agenda_entry set held_until = 0 where id = 'job/7'")
  expect(await disagreeing()).toBe(2)
  // The leases have the last word.
  expect((await claim(store, 'me', 9)).claimed).toEqual([])
  await store.close()
})

it('claims of many callers are one group of two round trips, and share it with appends', async () => {
  const proxy = await PostgresProxy.to(server.port)
  const store = await openPostgresStore(proxy.url(server.url()), { journal: 'grouped' })
  await setDue(store, 200)
  await claim(store, 'warm')
  const counted = proxy.count()
  const alone = await Promise.all(callers.map((n) => claim(store, `caller-${n}`)))
  const { roundTrips, statements } = counted.stop()
  process.stdout.write(`a group of 64 claims: ${roundTrips} round trips, ${statements} statements\n`)
  // One of them asks for the floor of the leases that were released.
  expect([roundTrips, statements]).toEqual([2, 10])
  const before = await groups('grouped')
  const [beside] = await Promise.all([
    Promise.all(callers.map((n) => claim(store, `caller-${n}`))),
    Promise.all(callers.map((n) => append(store, `stream-${n}`))),
  ])
  expect((await groups('grouped')) - before).toBe(1)
  const taken = [...alone, ...beside].flatMap(({ claimed }) => claimed.map(({ id }) => id))
  expect(taken).toEqual(Array.from({ length: 128 }, (_, n) => `job/${n + 1}`))
  await store.close()
  await proxy.close()
})

const callers = Array.from({ length: 64 }, (_, n) => n)

async function groups(journal: string): Promise<number> {
  const [row] = await server.query<{ groups: number }>(
    'select sum(w.groups)::integer as groups from holdfast.writer w join holdfast.head h using (journal) where h.name = $1',
    [journal],
  )
  return row?.groups ?? 0
}

async function setDue(store: Store, count: number): Promise<void> {
  const agenda = Array.from({ length: count }, (_, n) => ({ id: `job/${n}`, due: n, data: '{}' }))
  await store.append({ events: [], agenda, durability: 'sync' })
}

interface Taken {
  readonly claimed: readonly AgendaItem[]
  readonly leases: readonly LeaseGrant[]
}

async function claim(store: Store, owner: string, limit = 1): Promise<Taken> {
  const asked = { owner, ttlMs: 60_000, dueBy: Date.now(), limit }
  const { claimed = [], leases } = await store.append({ events: [], claim: asked, durability: 'sync' })
  return { claimed, leases }
}

function append(store: Store, stream: string): Promise<unknown> {
  return store.append({ events: [{ stream, type: 'noted', version: 1, data: '{}' }], durability: 'sync' })
}

async function work(store: Store, owner: string): Promise<{ readonly taken: readonly string[] }> {
  const taken: string[] = []
  for (;;) {
    const { claimed, leases } = await claim(store, owner, claimsAtOnce)
    if (claimed.length === 0) return { taken }
    taken.push(...claimed.map(({ id }) => id))
    await Promise.all(leases.map((lease) => finish(store, lease)))
  }
}

async function finish(store: Store, { lease, token }: LeaseGrant): Promise<void> {
  await store.append({
    events: [{ stream: 'done', type: 'done', version: 1, data: JSON.stringify(lease) }],
    fences: [{ lease, token }],
    leases: [{ lease, op: 'release', token }],
    agenda: [{ id: lease, due: null }],
    durability: 'sync',
  })
}
