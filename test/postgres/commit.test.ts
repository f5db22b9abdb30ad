// What becomes of appends whose connection goes at the worst moment, and of writers that meet between a number and its
// commit. The proxy decides the moment, not time.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openPostgresStore } from '../../src/open-postgres.ts'
import type { Store } from '../../src/stores/store.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { named } from './ledger.ts'
import { PostgresProxy } from './proxy.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const commit = /^commit$/
const all = { select: { kind: 'all' }, direction: 'forward' } as const

let server: PostgresServer
let proxy: PostgresProxy
let journal = 0
/** Through the proxy, and beside it. */
let store: Store
let beside: Store

beforeAll(async () => {
  server = await PostgresServer.start()
}, startTimeoutMs)

afterAll(() => server.dispose())

beforeEach(async () => {
  proxy = await PostgresProxy.to(server.port)
  journal++
  store = await openPostgresStore(proxy.url(server.url()), { journal: `commit-${journal}`, patienceMs: 500 })
  beside = await openPostgresStore(server.url(), { journal: `commit-${journal}` })
})

afterEach(async () => {
  await proxy.close()
  await Promise.all([store.close().catch(() => undefined), beside.close()])
})

async function namesIn(reader: Store): Promise<string[]> {
  return (await readEvents(reader, all)).map(({ data }) => (data as { readonly name: string }).name)
}

describe('a connection that is cut', () => {
  it('before COMMIT has left: the group is sent again, and is there once', async () => {
    const cut = proxy.once(commit, 'cut-before')
    const receipt = await store.append(named('a'))
    await cut
    expect(receipt).toMatchObject({ position: 1, duplicate: false, durable: true })
    expect(await namesIn(beside)).toEqual(['a'])
  })

  it('after COMMIT was carried out: that is found out, and the receipt is that of the append', async () => {
    const cut = proxy.once(commit, 'cut-after')
    const receipt = await store.append(named('a'))
    await cut
    expect(receipt).toMatchObject({ position: 1, seq: 1, duplicate: false, durable: true })
    expect(await namesIn(beside)).toEqual(['a'])
    expect((await store.append(named('b'))).position).toBe(2)
  })

  it('without a command id as well: what was committed is not sent again', async () => {
    const { command: _, ...batch } = named('a')
    const cut = proxy.once(commit, 'cut-after')
    expect((await store.append(batch)).position).toBe(1)
    await cut
    expect(await namesIn(beside)).toEqual(['a'])
  })

  it('after COMMIT, with nobody left to ask: INDETERMINATE, and the same command id afterwards gives exactly one event', async () => {
    const cut = proxy.once(commit, 'cut-after')
    const appended = store.append(named('a'))
    await cut
    proxy.retarget(1) // nobody listens there
    await expect(appended).rejects.toMatchObject({ code: 'INDETERMINATE', retryable: true })
    await expect(store.append(named('b'))).rejects.toMatchObject({ code: 'LATCHED' })
    proxy.retarget(server.port)
    await store.reopen()
    expect(await store.append(named('a'))).toMatchObject({ position: 1, duplicate: true })
    expect(await store.append(named('b'))).toMatchObject({ position: 2, duplicate: false })
    expect(await namesIn(beside)).toEqual(['a', 'b'])
  })

  it('before COMMIT, with nobody left to ask: INDETERMINATE too, and nothing is there', async () => {
    const cut = proxy.once(commit, 'cut-before')
    const appended = store.append(named('a'))
    await cut
    proxy.retarget(1)
    await expect(appended).rejects.toMatchObject({ code: 'INDETERMINATE' })
    expect(await namesIn(beside)).toEqual([])
    proxy.retarget(server.port)
    await store.reopen()
    expect(await store.append(named('a'))).toMatchObject({ position: 1, duplicate: false })
  })

  it('before anything was sent: it is simply made anew', async () => {
    await store.append(named('a'))
    proxy.cutAll()
    expect((await store.append(named('b'))).position).toBe(2)
    proxy.cutAll()
    expect(await namesIn(store)).toEqual(['a', 'b'])
  })

  it('and a server that is not there: a typed error that says so, and on it goes once it is', async () => {
    proxy.retarget(1)
    await expect(store.append(named('a'))).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
    await expect(namesIn(store)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    proxy.retarget(server.port)
    expect(await store.append(named('a'))).toMatchObject({ position: 1 })
  })
})

describe('two writers', () => {
  it('that meet between number and commit: positions have no gap, and show in order', async () => {
    const held = proxy.hold(commit)
    const first = store.append(named('first'))
    await held.reached
    // Position 1 is given out and not committed. The other one must wait for it, and nobody may see a 2.
    let isSecondDone = false
    const second = beside.append(named('second')).finally(() => {
      isSecondDone = true
    })
    await until(async () => (await waitingForLocks()) > 0)
    expect(isSecondDone).toBe(false)
    expect(await namesIn(beside)).toEqual([])
    held.release()
    expect((await first).position).toBe(1)
    expect((await second).position).toBe(2)
    expect(await namesIn(beside)).toEqual(['first', 'second'])
  })

  it('of which one goes before its commit: its number is given to the other', async () => {
    const cut = proxy.hold(commit)
    const first = store.append(named('first'))
    await cut.reached
    const second = beside.append(named('second'))
    await until(async () => (await waitingForLocks()) > 0)
    proxy.cutAll()
    expect((await second).position).toBe(1)
    expect((await first).position).toBe(2)
    expect(await namesIn(beside)).toEqual(['second', 'first'])
  })

  it('of which one sits still for ever: the server ends its transaction, and the other goes on', async () => {
    const held = proxy.hold(commit)
    const first = store.append(named('first'))
    await held.reached
    // What idle_in_transaction_session_timeout does after its time, done now.
    await until(async () => {
      const ended = await server.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'",
      )
      return ended.length > 0
    })
    expect((await beside.append(named('second'))).position).toBe(1)
    held.release()
    expect((await first).position).toBe(2)
  })
})

describe('a process that did nothing for days', () => {
  it('keeps its count when those of other journals clean up: their lock does not keep it from committing', async () => {
    await store.append(named('a'))
    await server.query("update holdfast.writer set seen = now() - interval '2 days'")
    const before = await figures()
    await (await openPostgresStore(server.url(), { journal: 'another' })).close()
    expect(await figures()).toEqual(before)
    // Those of its own journal do clean up, one after another with its commits.
    await (await openPostgresStore(server.url(), { journal: `commit-${journal}` })).close()
    expect((await figures()).groups).toBeLessThan(before.groups)
  })

  it('and whose count is gone goes on, whatever it does first', async () => {
    await server.query('delete from holdfast.writer')
    await store.probe()
    await server.query('delete from holdfast.writer')
    const cut = proxy.once(commit, 'cut-after')
    const receipt = await store.append(named('a'))
    await cut
    expect(receipt).toMatchObject({ position: 1, duplicate: false })
    expect(await namesIn(beside)).toEqual(['a'])
  })
})

it('behind a pooler the numbers of types are read for each transaction: the server may have crashed unnoticed', async () => {
  const pooled = await openPostgresStore(`${server.url()}?pooler=transaction`, { journal: `commit-${journal}` })
  const typed = (type: string, name = type) => {
    const one = named(name)
    return { ...one, events: one.events.map((event) => ({ ...event, type })) }
  }
  await pooled.append(typed('x'))
  await pooled.append(typed('y'))
  // As when both were lost before they were durable, and then came in the other order.
  const mine = `journal = (select journal from holdfast.head where name = 'commit-${journal}')`
  for (const table of ['event', 'type']) {
    const column = table === 'event' ? 'type' : 'id'
    await server.query(`update holdfast.${table} set ${column} = -${column} where ${mine}`)
    await server.query(`update holdfast.${table} set ${column} = 3 + ${column} where ${mine}`)
  }
  await pooled.append(typed('x', 'again'))
  expect((await readEvents(beside, all)).map(({ type }) => type)).toEqual(['x', 'y', 'x'])
  await pooled.close()
})

describe('a group', () => {
  it('tells each caller its own outcome: a conflict, a lost lease and a repeat fail nobody else', async () => {
    await store.append(named('a', 's'))
    const outcomes = await Promise.allSettled([
      store.append(named('b', 's')),
      store.append({ ...named('c', 's'), expect: new Map([['s', 7]]) }),
      store.append(named('a', 's')),
      store.append({ ...named('d', 's'), fences: [{ lease: 'l', token: 1 }] }),
      store.append({ ...named('a', 'other'), command: { id: 'a', digest: '1' } }),
      store.append(named('e', 's')),
    ])
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value.position : one.reason.code))).toEqual([
      2,
      'SEQ_CONFLICT',
      1,
      'LEASE_LOST',
      'COMMAND_CONFLICT',
      3,
    ])
    expect(await namesIn(beside)).toEqual(['a', 'b', 'e'])
  })

  it('of 256 callers costs one transaction, of two round trips', async () => {
    await store.append(named('warm'))
    const before = await figures()
    const counted = proxy.count()
    await Promise.all(Array.from({ length: 256 }, (_, n) => store.append(named(`caller-${n}`, `stream-${n}`))))
    const { roundTrips, statements } = counted.stop()
    const after = await figures()
    process.stdout.write(`a group of 256 appends to 256 streams: ${roundTrips} round trips, ${statements} statements\n`)
    expect(after.groups - before.groups).toBe(1)
    expect(roundTrips).toBe(2)
    expect(statements).toBeLessThan(15)
  })
})

async function waitingForLocks(): Promise<number> {
  const rows = await server.query<{ n: number }>(
    "select count(*)::integer as n from pg_stat_activity where wait_event_type = 'Lock'",
  )
  return rows[0]?.n ?? 0
}

async function figures(): Promise<{ readonly groups: number }> {
  const [row] = await server.query<{ groups: number }>(
    `select sum(w.groups)::integer as groups from holdfast.writer w join holdfast.head h using (journal)
      where h.name = $1`,
    [`commit-${journal}`],
  )
  return row ?? { groups: 0 }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}
