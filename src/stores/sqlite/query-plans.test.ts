// No statement of the store looks at every row of a table, however long the history: asked of SQLite itself, for every
// statement that a journal with something of everything was seen to run. What may scan stands here with its reason.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, bytesOf, command, event, events, heads, items } from '../../testing/conformance/batches.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import type { Selector } from '../store.ts'
import type { SqliteDatabase } from './driver.ts'

const eventCount = Number(process.env.PLAN_EVENTS ?? 20_000)

/** What looks at every row, and why that is right. */
const scans: readonly (readonly [statement: RegExp, why: string])[] = [
  [/^SELECT count\(\*\)(, coalesce\(sum\(bytes\), 0\))? FROM /, 'stats() counts, now and then, for people'],
  [/^DELETE FROM claim WHERE owner = \?$/, 'claims are few: content that is staged and not named yet'],
  [
    / INDEXED BY blob_unnamed /,
    'a partial index of what no event names: what is staged, and what retention just freed',
  ],
]

let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

it(`finds everything through an index, among ${eventCount} events`, async () => {
  const driver = await testDriver()
  const statements = new Set<string>()
  const DatabaseSync = class {
    readonly #database: SqliteDatabase
    constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
      this.#database = driver.open(path, options)
    }
    exec(sql: string): void {
      this.#database.exec(sql)
    }
    prepare(sql: string): unknown {
      statements.add(sql)
      return this.#database.prepare(sql)
    }
    close(): void {
      this.#database.close()
    }
  }
  const store = await openSqlite(file.path, { load: async () => ({ DatabaseSync }) })
  const streams = 200
  for (let at = 0; at < eventCount; at += 1_000) {
    const some = Array.from({ length: 1_000 }, (_, index) =>
      event(`run/${(at + index) % streams}`, { type: index % 100 === 0 ? 'rare' : `common${index % 7}` }),
    )
    await store.append(batch(some, { command: command(`c${at}`), agenda: [{ id: `x${at}`, due: at }] }))
  }
  const { digest } = await store.stageBlob(Buffer.alloc(100_000, 1))
  await store.append(
    batch([event('a', { blobs: [digest] })], {
      leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 5 }],
      pins: [{ pin: 'p', stream: 'run/1', from: 50 }],
      releases: [{ stream: 'run/2', through: 10 }],
      expect: new Map([['b', 0]]),
    }),
  )
  await store.append(batch([], { agenda: [{ id: 'x0', due: null }], pins: [{ pin: 'p', from: null }] }))
  await store.append(batch([event('a')], { durability: 'eventual' }))
  await store.flush()

  const selectors: readonly Selector[] = [
    { kind: 'all' },
    { kind: 'stream', stream: 'run/7' },
    { kind: 'prefix', prefix: 'run/' },
    { kind: 'prefix', prefix: 'run/77' },
  ]
  for (const select of selectors) {
    for (const direction of ['forward', 'backward'] as const) {
      await items(store, select, { direction, limit: 3_000 })
      await items(store, select, { direction, types: new Set(['rare', 'common1']), limit: 50 })
      await items(store, select, { direction, types: new Set(['rare']), limit: 50 })
    }
  }
  await store.retain({ before: 5, released: true, streams: [{ stream: 'run/9', before: 20 }] }, { dryRun: true })
  await store.retain(
    { before: 5, released: true, streams: [{ stream: 'run/9', before: 20 }], commandsBefore: 5, bytesMax: 1_000_000 },
    { dryRun: false },
  )
  for (const select of selectors) await items(store, select, { tellRemoved: true })
  await heads(store, { prefix: 'run/1', after: 'run/15' })
  await store.stream('a')
  await store.command('c0')
  await store.agenda({ dueBy: 10_000, limit: 5 })
  await store.append(batch([], { claim: { owner: 'me', ttlMs: 5, dueBy: 10_000, limit: 3 } }))
  await store.agenda({ prefix: 'x1', dueBy: 20_000 })
  await store.lease('l')
  await store.leases({ owner: 'me' })
  await store.pins()
  await bytesOf(store, digest)
  await store.stats()
  for await (const page of store.dump()) expect(page.length).toBeGreaterThan(0)
  const again = await store.stageBlob(Buffer.alloc(200_000, 2))
  again.release()
  await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
  await store.probe()
  expect((await events(store, { kind: 'stream', stream: 'run/9' })).length).toBeGreaterThan(0)
  await store.stageBlob(Buffer.alloc(200_000, 3))
  await store.close()

  const database = driver.open(file.path, { readOnly: true, timeout: 0 })
  const plans = [...statements]
    .filter((sql) => /^\s*(SELECT|UPDATE|DELETE|INSERT)/.test(sql))
    .map(
      (sql) =>
        [
          sql,
          database
            .prepare(`EXPLAIN QUERY PLAN ${sql}`)
            .all()
            .map((row) => String((row as { detail: unknown }).detail)),
        ] as const,
    )
  const scanning = plans.filter(([sql, plan]) => {
    const isGranted = scans.some(([statement]) => statement.test(sql.trim()))
    return !isGranted && plan.some((step) => /^SCAN (?!CONSTANT ROW)/.test(step))
  })
  database.close()
  expect(plans.length).toBeGreaterThan(60)
  expect(scanning).toEqual([])
  // Granted, and really needed.
  const unused = scans.filter(([statement]) => !plans.some(([sql]) => statement.test(sql.trim())))
  expect(unused).toEqual([])
})
