// How the server answers: the plan of every statement that the store sends, on a journal of 1,000,000 events with 100,000
// agenda entries (PLANS_EVENTS and PLANS_AGENDA set other sizes). None reads a whole table, but those that are meant to
// (verify, stats), and those say so here. PLANS=1 prints every statement with its plan.

import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openPostgresStore } from '../../src/open-postgres.ts'
import type { Batch, Store } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { openBackend } from './journals.ts'
import { fill } from './large-journal.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const events = Number(process.env.PLANS_EVENTS ?? 1_000_000)
const agenda = Number(process.env.PLANS_AGENDA ?? 100_000)
const streams = 10_000
const timeout = startTimeoutMs + events / 5

/** What may be read whole: few rows by nature. */
const small: ReadonlySet<string> = new Set(['head', 'writer', 'type', 'pin', 'format', 'arrival', 'claim'])

interface Sent {
  readonly text: string
  readonly values: readonly unknown[]
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly Plans?: readonly PlanNode[]
}

let server: PostgresServer
let client: pg.Client
let store: Store
const sent: Map<string, Sent> = new Map()
const clock = fakeClock(1_800_000_000_000)

beforeAll(async () => {
  server = await PostgresServer.start({ max_wal_size: '4GB', maintenance_work_mem: '256MB' })
  const backend = await openBackend(server.url())
  await backend.close()
  client = new pg.Client({ connectionString: server.url() })
  client.on('error', () => undefined)
  await client.connect()
  const began = performance.now()
  await fill(client, 1, { events, streams, agenda })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  process.stdout.write(`plans: a journal of ${events} events and ${agenda} agenda entries, made in ${seconds} s\n`)
  record()
  store = await openPostgresStore(server.url(), { clock })
}, timeout)

afterAll(async () => {
  await store.close()
  await client.end()
  await server.dispose()
}, timeout)

it('tells what the journal takes on disk', async () => {
  const sizes = await client.query<{ name: string; bytes: string }>(
    `select c.relname as name, pg_relation_size(c.oid)::bigint as bytes
       from pg_class c where c.relnamespace = 'holdfast'::regnamespace and c.relkind in ('r', 'i')
        and (c.relname like 'event%' or c.relname like 'agenda%' or c.relname like 'command%')
      order by c.relname`,
  )
  for (const { name, bytes } of sizes.rows) {
    const per = name.startsWith('event') ? `, ${(Number(bytes) / events).toFixed(1)} a row` : ''
    process.stdout.write(`  ${name.padEnd(22)} ${Math.round(Number(bytes) / 1e6)} MB${per}\n`)
  }
  const [text] = (await client.query<{ mean: number }>('select avg(octet_length(text))::float8 as mean from event'))
    .rows
  process.stdout.write(`  the encoded text of an event: ${text?.mean.toFixed(1)} bytes on average\n`)
  expect(sizes.rows.length).toBeGreaterThan(5)
})

it('answers every statement from an index', { timeout }, async () => {
  sent.clear()
  await everything(store)
  const scans: string[] = []
  for (const one of sent.values()) {
    if (!/^\s*(select|with|insert|update|delete)/i.test(one.text)) continue
    const plan = await planOf(one)
    const nodes = flat(plan)
    if (process.env.PLANS === '1') print(one, plan)
    scans.push(...nodes.filter(isWhole).map((node) => `${node['Relation Name'] ?? node['Index Name']}: ${one.text}`))
  }
  process.stdout.write(`plans: ${sent.size} different statements, ${scans.length} that read a whole table\n`)
  expect(scans).toEqual([])
  expect(sent.size).toBeGreaterThan(40)
})

/** Calls of every kind that a journal's owner makes; not verify() and stats(), which count and read everything. */
async function everything(store: Store): Promise<void> {
  const stream = 'run/00000007'
  const event = { stream, type: 'type-3', version: 1, data: '{}' }
  const big = await store.stageBlob(Buffer.alloc(300_000, 'x'))
  const little = await store.stageBlob(Buffer.from('small'))
  const batch: Batch = {
    events: [event, { ...event, stream: 'new/1', type: 'new', blobs: [big.digest, little.digest] }],
    expect: new Map([[stream, (await store.stream(stream))?.seq ?? 0]]),
    command: { id: 'c', digest: 'd' },
    agenda: [
      { id: 'a', due: 1, data: '{}' },
      { id: 'run/00000001', due: null },
    ],
    leases: [{ lease: 'l', op: 'acquire', owner: 'o', ttlMs: 1 }],
    pins: [
      { pin: 'p', from: 1, ttlMs: 1 },
      { pin: 'q', from: null },
    ],
    releases: [{ stream: 'run/00000009', through: 3 }],
    durability: 'sync',
  }
  await store.append(batch)
  await store.append({ events: [event], fences: [{ lease: 'l', token: 1 }], durability: 'eventual' })
  await store.flush()
  await store.command('c')
  await store.lease('l')
  await store.leases({ owner: 'o', limit: 100 })
  await store.pins()
  await store.refresh()
  await store.agenda({ dueBy: 1_700_000_050_000, limit: 100 })
  await store.agenda({ prefix: 'run/0000', limit: 100 })
  await store.agenda({ dueBy: 1_700_000_050_000, prefix: 'run/0000', limit: 100 })
  // Twice: what the first has taken is in the way of the second.
  for (const limit of [100, 10]) {
    const claim = { owner: 'o', ttlMs: 60_000, dueBy: 1_700_000_050_000, limit }
    await store.append({ events: [], claim, durability: 'sync' })
    await store.append({ events: [], claim: { ...claim, prefix: 'run/0000' }, durability: 'sync' })
  }
  for (const direction of ['forward', 'backward'] as const) {
    const query = { direction, limit: 2_000, tellRemoved: direction === 'forward' }
    const types = new Set(['type-5'])
    const middle = Math.floor(events / 2)
    for (const select of [
      { kind: 'all' },
      { kind: 'stream', stream },
      { kind: 'prefix', prefix: 'run/0000001' },
      { kind: 'prefix', prefix: 'run/' },
      { kind: 'prefix', prefix: 'new/' },
    ] as const) {
      await readEvents(store, { ...query, select })
      await readEvents(store, { ...query, select, types })
      const from = select.kind === 'stream' ? 50 : middle
      await readEvents(store, { ...query, select, ...(direction === 'forward' ? { from } : { to: from }) })
      await readEvents(store, { ...query, select, types, ...(direction === 'forward' ? { from } : { to: from }) })
    }
  }
  for await (const _ of store.streams({ prefix: 'run/00000', after: 'run/00000500' })) break
  await store.blob(big.digest)
  for await (const _ of store.readBlob(big.digest)) break
  clock.advance(10)
  const rules = [
    { before: 1_700_000_001_000 },
    { streams: [{ stream, before: 10 }] },
    { released: true },
    { commandsBefore: 1_700_000_000_100 },
  ]
  for (const rule of rules) {
    await store.retain(rule, { dryRun: true })
    await store.retain(rule, { dryRun: false })
  }
  await readEvents(store, { select: { kind: 'all' }, direction: 'forward', limit: 10, tellRemoved: true })
  await readEvents(store, {
    select: { kind: 'prefix', prefix: 'run/0000000' },
    direction: 'forward',
    limit: 10,
    tellRemoved: true,
  })
  await store.probe()
  for await (const _ of store.dump()) break
}

/** All that goes to the server from here on, each text once with its last values. */
function record(): void {
  const { query } = pg.Client.prototype
  pg.Client.prototype.query = function (this: pg.Client, ...parameters: unknown[]): never {
    const [first] = parameters as [Partial<Sent> | string]
    if (this !== client && typeof first === 'object' && first.text !== undefined) {
      sent.set(first.text, { text: first.text, values: first.values ?? [] })
    }
    return Reflect.apply(query, this, parameters) as never
  } as typeof query
}

async function planOf({ text, values }: Sent): Promise<PlanNode> {
  const { rows } = await client.query(`explain (format json) ${text}`, [...values])
  return rows[0]['QUERY PLAN'][0].Plan as PlanNode
}

function flat(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)]
}

/** Every row of a table, or every entry of an index, of those that grow. */
function isWhole(node: PlanNode): boolean {
  const table = node['Relation Name']
  if (table !== undefined && small.has(table)) return false
  if (node['Node Type'] === 'Seq Scan') return true
  return (
    node['Node Type'].includes('Index') && node['Index Cond'] === undefined && node['Node Type'] !== 'Bitmap Index Scan'
  )
}

function print({ text }: Sent, plan: PlanNode): void {
  const line = (node: PlanNode, depth: number): string => {
    const on = [node['Relation Name'], node['Index Name'], node['Index Cond']].filter((part) => part !== undefined)
    const children = (node.Plans ?? []).map((child) => line(child, depth + 1)).join('')
    return `${'  '.repeat(depth + 1)}${node['Node Type']} ${on.join(' · ')}\n${children}`
  }
  process.stdout.write(`\n${text.replaceAll(/\s+/g, ' ').trim()}\n${line(plan, 0)}`)
}
