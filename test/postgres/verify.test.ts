// What verify() tells of each kind of damage to the tables, finding by finding: no check stands in for another that is
// missing.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { openPostgresStore } from '../../src/open-postgres.ts'
import { headColumns, headOf, streamColumns, streamOf, sumOf } from '../../src/stores/postgres/rows-read.ts'
import type { HeadRow, StreamRow } from '../../src/stores/sql/rows.ts'
import { headValues, streamValues } from '../../src/stores/sql/state-values.ts'
import { batch, command, dropAll, event } from '../../src/testing/conformance/batches.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start()
}, startTimeoutMs)
afterAll(() => server.dispose())

type Query = (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>

/**
 * position  1  2  3  4  5  6  7
 * stream    -  -  s  t  s  t  b     the first two are removed
 */
async function fill(url: string): Promise<void> {
  const store = await openPostgresStore(url)
  await store.append(batch([event('gone'), event('gone')]))
  for (const stream of ['s', 't', 's', 't']) await store.append(batch([event(stream, { type: `of ${stream}` })]))
  const large = await store.stageBlob(Buffer.alloc(100_000, 5))
  await store.append(
    batch([event('b', { blobs: [large.digest] })], {
      command: command('c'),
      agenda: [{ id: 'x', due: 5 }],
      leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 1_000 }],
      pins: [{ pin: 'p', stream: 't', from: 2 }],
    }),
  )
  await dropAll(store, 'gone')
  await store.close()
}

async function damaged(damage: (query: Query) => Promise<unknown>): Promise<readonly string[]> {
  const url = await server.database()
  const database = new URL(url).pathname.slice(1)
  await fill(url)
  await damage((text, values) => server.query(text, values, database))
  const store = await openPostgresStore(url, { readOnly: true })
  const { findings, ok } = await store.verify({})
  await store.close()
  expect(ok).toBe(findings.every(({ severity }) => severity !== 'damage'))
  return findings.map(({ kind, severity }) => (severity === 'damage' ? kind : `${severity}: ${kind}`)).sort()
}

const sql = (text: string) => (query: Query) => query(text)

/** With a checksum that fits. */
function setHead(change: Partial<HeadRow>): (query: Query) => Promise<void> {
  return async (query) => {
    const [row = {}] = await query(`select ${headColumns} from holdfast.head h`)
    const numbers = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, numeric(value)]))
    const head = { ...headOf(numbers, 'head'), ...change }
    await query('update holdfast.head set events = $1, bytes = $2, durable = $3, sum = $4', [
      head.events,
      head.bytes,
      head.durable,
      sumOf(headValues(head)),
    ])
  }
}

function setStream(name: string, change: Partial<StreamRow>): (query: Query) => Promise<void> {
  return async (query) => {
    const [row = {}] = await query(`select ${streamColumns} from holdfast.stream s where s.name = $1`, [name])
    const numbers = Object.fromEntries(Object.entries(row).map(([column, value]) => [column, numeric(value)]))
    const stream = { ...streamOf(numbers, 'stream'), ...change }
    const sum = sumOf(streamValues(stream))
    const text = 'update holdfast.stream set seq = $2, position = $3, earliest = $4, sum = $5 where name = $1'
    await query(text, [name, stream.seq, stream.position, stream.earliest, sum])
  }
}

/** The driver gives a bigint as text. */
function numeric(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
}

it.each<readonly [what: string, damage: (query: Query) => Promise<unknown>, kinds: readonly string[]]>([
  ['nothing', async () => undefined, []],
  [
    'a stream that has no row',
    sql("delete from holdfast.stream where name = 't'"),
    ['event-checksum', 'event-checksum', 'stream-head', 'stream-missing', 'stream-missing'],
  ],
  [
    'a type that has no row',
    sql("delete from holdfast.type where name = 'of t'"),
    ['event-checksum', 'event-checksum', 'type-missing', 'type-missing'],
  ],
  ['the first seq of a stream', setStream('t', { earliest: 2 }), ['stream-head', 'stream-head', 'stream-head']],
  ['the position of a stream', setStream('t', { position: 4 }), ['stream-head']],
  ['the count of events', setHead({ events: 4 }), ['head', 'head']],
  ['a durable position that was never given out', setHead({ durable: 8 }), ['head']],
  [
    'an event that is gone',
    sql('delete from holdfast.event where position = 5'),
    ['event-missing', 'head', 'head', 'stream-head', 'stream-head', 'stream-head'],
  ],
  ['a blob that is gone', sql('delete from holdfast.blob'), ['blob-missing']],
  ['a blob that is not marked as named', sql('update holdfast.blob set named = false'), ['blob-missing']],
  ['a piece of a blob', sql('delete from holdfast.blob_chunk where ordinal = 0'), ['blob-digest', 'chunk-missing']],
  ['a chunk', sql('delete from holdfast.chunk'), ['blob-digest', 'chunk-missing']],
  [
    'an index',
    sql("update pg_index set indisvalid = false where indexrelid = 'holdfast.event_by_type'::regclass"),
    ['index-invalid'],
  ],
  [
    'a server that need not wait for its standby',
    sql("do $$ begin execute format('alter database %I set synchronous_commit = local', current_database()); end $$"),
    ['note: commits-weak'],
  ],
])('%s', async (_what, damage, kinds) => {
  expect(await damaged(damage)).toEqual(kinds)
})
