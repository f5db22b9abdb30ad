// Failover: a primary with a synchronous standby is killed under load, the standby is promoted, and the journal goes on
// there. Nothing that was acknowledged is lost, and nothing is there twice. FAILOVERS sets how many times.
// And the trap of synchronous replication: a primary that was told not to wait calls a commit done that the standby hasn't.

import { expect, it } from 'vitest'
import { openPostgresStore } from '../../src/open-postgres.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { Ledger, Load, named, told } from './ledger.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const rounds = Number(process.env.FAILOVERS ?? 2)

it(`loses nothing and does nothing twice, ${rounds} times`, { timeout: startTimeoutMs + rounds * 60_000 }, async () => {
  for (let round = 1; round <= rounds; round++) {
    const primary = await PostgresServer.start({ synchronous_standby_names: 'standby', wal_keep_size: '256MB' })
    const standby = await PostgresServer.standby(primary, 'standby')
    try {
      // Both are named in the URL, as clients of such a pair do.
      const url = `postgres://holdfast@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`
      const store = await openPostgresStore(url, { patienceMs: 30_000 })
      const ledger = new Ledger()
      const load = new Load(store, ledger, { callers: 32, name: `round-${round}` })
      await load.more(500)
      await primary.kill()
      await standby.query('select pg_promote()')
      await load.more(500)
      await load.stop()
      const balance = await ledger.balance(store)
      const { findings } = await store.verify({})
      await store.close()
      const errors = [...load.errors].map(([code, count]) => `${count} × ${code}`).join(', ') || 'none'
      process.stdout.write(`failover ${round}: ${told(balance)}; errors that callers saw: ${errors}\n`)
      expect(balance).toMatchObject({ lost: [], duplicated: [] })
      expect(balance.found).toBe(balance.acknowledged)
      expect(findings).toEqual([])
    } finally {
      await Promise.all([primary.dispose(), standby.dispose()])
    }
  }
})

it('does not take for durable what the primary committed and the standby never got', {
  timeout: startTimeoutMs,
}, async () => {
  const primary = await PostgresServer.start({ synchronous_standby_names: 'standby', wal_keep_size: '256MB' })
  const standby = await PostgresServer.standby(primary, 'standby')
  let receiver = 0
  try {
    const url = `postgres://holdfast@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`
    const store = await openPostgresStore(url, { patienceMs: 30_000 })
    await store.append(named('a'))
    receiver = await receiverOf(standby)
    process.kill(receiver, 'SIGSTOP')
    let isAcknowledged = false
    const appended = store.append(named('b')).then((receipt) => {
      isAcknowledged = true
      return receipt
    })
    const first = await waitsForStandby(primary, 0)
    // The server answers COMMIT with success, and a warning that the standby may not have it.
    await primary.query('select pg_cancel_backend($1)', [first])
    const second = await waitsForStandby(primary, first)
    // So it does when what became of the commit is asked.
    await primary.query('select pg_cancel_backend($1)', [second])
    await waitsForStandby(primary, second)
    expect(isAcknowledged).toBe(false)
    await standby.kill()
    end(receiver)
    await primary.kill()
    await standby.run()
    await standby.query('select pg_promote()')
    expect(await appended).toMatchObject({ position: 2, duplicate: false })
    const there = await readEvents(store, { select: { kind: 'all' }, direction: 'forward' })
    expect(there.map(({ data }) => data)).toEqual([{ name: 'a' }, { name: 'b' }])
    await store.close()
  } finally {
    end(receiver)
    await Promise.all([primary.dispose(), standby.dispose()])
  }
})

it('notices a server that has less than it acknowledged', { timeout: startTimeoutMs }, async () => {
  // No standby is waited for.
  const primary = await PostgresServer.start({ wal_keep_size: '256MB' })
  const standby = await PostgresServer.standby(primary, 'late')
  let receiver = 0
  try {
    const url = `postgres://holdfast@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`
    const store = await openPostgresStore(url, { patienceMs: 30_000 })
    await store.append(named('a'))
    await until(async () => {
      const [row] = await standby.query<{ there: boolean }>("select to_regclass('holdfast.head') is not null as there")
      return row?.there === true
    })
    receiver = await receiverOf(standby)
    process.kill(receiver, 'SIGSTOP')
    for (const name of ['b', 'c', 'd']) await store.append(named(name))
    await standby.kill()
    end(receiver)
    await primary.kill()
    await standby.run()
    await standby.query('select pg_promote()')
    await expect(store.append(named('e'))).rejects.toMatchObject({ code: 'DAMAGED', details: { acknowledged: 4 } })
    await store.close()
  } finally {
    end(receiver)
    await Promise.all([primary.dispose(), standby.dispose()])
  }
})

async function receiverOf(standby: PostgresServer): Promise<number> {
  const [row] = await standby.query<{ pid: number }>('select pid from pg_stat_wal_receiver')
  if (row === undefined) throw new Error('the standby receives nothing')
  return row.pid
}

/** A process that was stopped hears nothing but this, also when its server has ended. */
function end(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Another process of the server than `before` waits for the standby: which. */
async function waitsForStandby(server: PostgresServer, before: number): Promise<number> {
  for (;;) {
    const [row] = await server.query<{ pid: number }>(
      "select pid from pg_stat_activity where wait_event = 'SyncRep' and pid <> $1",
      [before],
    )
    if (row !== undefined) return row.pid
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
