// What one PostgreSQL holds on this machine, for docs/SCALING.md: MEASURE=1 npx vitest run test/postgres/measure.test.ts
// Nothing is asserted about time; without MEASURE it runs for a moment, so that it keeps working.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { openPostgresStore } from '../../src/open-postgres.ts'
import type { Store } from '../../src/stores/store.ts'
import { prng } from '../../src/testing/prng.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const isMeasuring = process.env.MEASURE === '1'
const secondsEach = isMeasuring ? 5 : 0.1
const timeout = startTimeoutMs + secondsEach * 20_000
const data = JSON.stringify({ text: 'x'.repeat(200) })

let server: PostgresServer
let journals = 0

beforeAll(async () => {
  server = await PostgresServer.start({ max_wal_size: '4GB', shared_buffers: '512MB' })
}, startTimeoutMs)

afterAll(() => server.dispose())

interface Figures {
  readonly appends: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

async function run(stores: readonly Store[], callers: number): Promise<Figures> {
  const chance = prng(1)
  const times: number[] = []
  const began = performance.now()
  const end = began + secondsEach * 1_000
  const call = async (store: Store): Promise<void> => {
    do {
      const from = performance.now()
      const event = { stream: `run/${chance.below(1_000)}`, type: 'noted', version: 1, data }
      await store.append({ events: [event], durability: 'sync' })
      times.push(performance.now() - from)
    } while (performance.now() < end)
  }
  await Promise.all(stores.flatMap((store) => Array.from({ length: callers }, () => call(store))))
  const seconds = (performance.now() - began) / 1_000
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? 0
  return { appends: times.length, perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99) }
}

function tell(what: string, { perSecond, p50, p99 }: Figures): void {
  const each = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
  if (isMeasuring)
    process.stdout.write(`${what.padEnd(40)} ${Math.round(perSecond).toString().padStart(7)}/s  ${each}\n`)
}

async function open(writers: number, journal = `measure-${++journals}`): Promise<Store[]> {
  const stores: Store[] = []
  for (let n = 0; n < writers; n++) stores.push(await openPostgresStore(server.url(), { journal }))
  return stores
}

async function closeAll(stores: readonly Store[]): Promise<void> {
  for (const store of stores) await store.close()
}

it.each([1, 64, 256, 1_024])('appends of %i callers in one process', { timeout }, async (callers) => {
  const stores = await open(1)
  const figures = await run(stores, callers)
  tell(`${callers} callers, one writer`, figures)
  expect(stores[0]?.head().position).toBe(figures.appends)
  await closeAll(stores)
})

it.each([2, 4])('appends of %i writers with 64 callers each, to one journal', { timeout }, async (writers) => {
  const stores = await open(writers)
  tell(`64 callers in each of ${writers} writers`, await run(stores, 64))
  await closeAll(stores)
})

it('appends to two journals of one database', { timeout }, async () => {
  const stores = [...(await open(1)), ...(await open(1))]
  tell('64 callers on each of 2 journals', await run(stores, 64))
  await closeAll(stores)
})

it('reading', { timeout }, async () => {
  const stores = await open(1)
  const [store] = stores as [Store]
  for (let n = 0; n < (isMeasuring ? 100 : 1); n++) {
    const events = Array.from({ length: 1_000 }, (_, i) => ({
      stream: `run/${i % 100}`,
      type: 'noted',
      version: 1,
      data,
    }))
    await store.append({ events, durability: 'sync' })
  }
  const began = performance.now()
  let count = 0
  for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) count += page.length
  const perSecond = (count * 1_000) / (performance.now() - began)
  if (isMeasuring) process.stdout.write(`reading all of ${count} events: ${Math.round(perSecond)}/s\n`)
  expect(count).toBe(store.head().position)
  await closeAll(stores)
})
