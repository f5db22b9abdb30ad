// Whoever is killed: the process that appends, the server, or single connections of it. Nothing that was acknowledged is
// lost, nothing is there twice. PG_KILLS sets the rounds; SEED replays a choice of moments.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/host/clock.ts'
import { openPostgresStore } from '../../src/open-postgres.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { prng } from '../../src/testing/prng.ts'
import { ChildLines } from '../kill/child-lines.ts'
import { Ledger, Load, told } from './ledger.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const rounds = Number(process.env.PG_KILLS ?? 10)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const serverRounds = Math.ceil(rounds / 2)
const root = fileURLToPath(new URL('../..', import.meta.url))
const timeout = startTimeoutMs + rounds * 20_000

class WritingProcess extends ChildLines {
  readonly #ledger: Ledger
  isOpen = false
  acknowledged = 0

  constructor(ledger: Ledger, url: string, number: number) {
    super([fileURLToPath(new URL('writer.mjs', import.meta.url)), url, String(number), '32'])
    this.#ledger = ledger
  }

  protected override line(text: string): void {
    const [kind, name = '', position] = text.split(' ')
    if (kind === 'open') this.isOpen = true
    else {
      this.#ledger.acknowledge(name, Number(position))
      this.acknowledged++
    }
  }
}

let server: PostgresServer

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  server = await PostgresServer.start()
}, startTimeoutMs)

afterAll(() => server.dispose())

it(`processes that append, two at a time, ${rounds} times (SEED=${seed})`, { timeout }, async () => {
  const chance = prng(seed)
  const url = await server.database()
  const ledger = new Ledger()
  const reader = await openPostgresStore(url)
  for (let round = 1; round <= rounds; round++) {
    const writers = [1, 2].map((one) => new WritingProcess(ledger, url, round * 10 + one))
    const [first, second] = writers as [WritingProcess, WritingProcess]
    // Some die while they open, most while they append; the other one goes on meanwhile.
    const acknowledged = chance.chance(0.2) ? 0 : 50 + chance.below(300)
    await first.until(() => first.acknowledged >= acknowledged)
    await first.kill()
    const before = second.acknowledged
    await second.until(() => second.acknowledged > before + 50)
    await second.kill()
    const balance = await ledger.balance(reader)
    expect(balance, `round ${round}, SEED=${seed}`).toMatchObject({ lost: [], duplicated: [] })
  }
  expect((await reader.verify({})).findings).toEqual([])
  process.stdout.write(`kill -9 of ${2 * rounds} clients: ${told(await ledger.balance(reader))}\n`)
  await reader.close()
})

it(`the server, under load, ${serverRounds} times`, { timeout }, async () => {
  const url = await server.database()
  const store = await openPostgresStore(url, { patienceMs: 30_000 })
  const ledger = new Ledger()
  const load = new Load(store, ledger, { callers: 64, name: 'a' })
  for (let round = 1; round <= serverRounds; round++) {
    await load.more(200)
    await server.kill()
    await server.run()
  }
  await load.more(200)
  await load.stop()
  const balance = await ledger.balance(store)
  process.stdout.write(`kill -9 of the server, ${serverRounds} times: ${told(balance)}\n`)
  expect(balance).toMatchObject({ lost: [], duplicated: [] })
  expect((await store.verify({})).findings).toEqual([])
  await store.close()
})

it(`its connections, under load of two journals' worth of callers, ${5 * rounds} times`, { timeout }, async () => {
  const url = await server.database()
  const stores = await Promise.all([1, 2].map(() => openPostgresStore(url, { patienceMs: 30_000 })))
  const ledger = new Ledger()
  const loads = stores.map((store, index) => new Load(store, ledger, { callers: 16, name: `w${index}` }))
  let ended = 0
  for (let round = 1; round <= 5 * rounds; round++) {
    const rows = await server.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast'",
    )
    ended += rows.length
    await Promise.all(loads.map((load) => load.more(10)))
  }
  for (const load of loads) await load.stop()
  const [store] = stores as [(typeof stores)[0]]
  const balance = await ledger.balance(store)
  process.stdout.write(`${ended} connections ended by the server: ${told(balance)}\n`)
  expect(balance).toMatchObject({ lost: [], duplicated: [] })
  expect(ended).toBeGreaterThan(rounds)
  for (const one of stores) await one.close()
})

it('the server, with what was not yet made durable: the journal goes on from what is left', { timeout }, async () => {
  const lazy = await PostgresServer.start({ wal_writer_delay: '10s' })
  try {
    // Nothing makes an `eventual` append durable by itself here.
    const flushMs = 10
    const clock: Clock = {
      now: () => Date.now(),
      after: (ms, run) => (ms === flushMs ? { cancel: () => undefined } : systemClock.after(ms, run)),
    }
    const store = await openPostgresStore(lazy.url(), { clock, patienceMs: 30_000 })
    const event = (type: string, stream: string) => ({
      stream,
      type,
      version: 1,
      data: JSON.stringify({ name: stream }),
    })
    await store.append({ events: [event('old', 'old')], durability: 'sync' })
    for (let n = 0; n < 5; n++) {
      await store.append({ events: [event(`new-${n}`, `new-${n}`)], durability: 'eventual' })
    }
    await lazy.kill()
    await lazy.run()
    // Streams, types and positions that were lost are given out anew, for others and for the same.
    const others = await openPostgresStore(lazy.url())
    const left = others.head().position
    await others.append({ events: [event('other', 'other')], durability: 'sync' })
    const again = await store.append({ events: [event('new-4', 'new-4')], durability: 'sync' })
    expect(again.position).toBe(left + 2)
    expect(store.head().position).toBe(left + 2)
    const found = await readEvents(store, { select: { kind: 'all' }, direction: 'forward' })
    expect(found.slice(left).map(({ stream, type }) => [stream, type])).toEqual([
      ['other', 'other'],
      ['new-4', 'new-4'],
    ])
    expect((await store.verify({})).findings).toEqual([])
    process.stdout.write(`kill -9 of the server with 5 eventual appends: ${6 - left} of them lost, and on it goes\n`)
    await Promise.all([store.close(), others.close()])
  } finally {
    await lazy.dispose()
  }
})
