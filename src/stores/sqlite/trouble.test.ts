// What goes wrong around a SQLite file: somebody else holds its lock, the disk is full or fails, rows are not what they were.

import { open as openFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HoldfastError } from '../../errors.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, bytesOf, command, event, events, everything, retain } from '../../testing/conformance/batches.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { prng } from '../../testing/prng.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import { verify } from '../../upkeep.ts'
import type { SqlStore } from '../sql/sql-store.ts'
import type { SqliteDatabase } from './driver.ts'

let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

async function beside(): Promise<SqliteDatabase> {
  return (await testDriver()).open(file.path, { readOnly: false, timeout: 0 })
}

async function alter(sql: string): Promise<void> {
  const database = await beside()
  database.exec(sql)
  database.close()
}

async function codeOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return (error as HoldfastError).code
  }
}

describe('a lock that somebody else holds', () => {
  it('is waited for, and reading goes on meanwhile', async () => {
    const clock = fakeClock()
    const store = await openSqlite(file.path, { clock })
    await store.append(batch([event('a')]))
    const other = await beside()
    other.exec('BEGIN IMMEDIATE')
    const appended = store.append(batch([event('a')]))
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(25)
      expect((await events(store)).length).toBe(1)
    }
    other.exec('COMMIT')
    other.close()
    let isTold = false
    void appended.then(() => {
      isTold = true
    })
    while (!isTold) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(25)
    }
    expect((await appended).position).toBe(2)
    await store.close()
  })

  it('for ever is LOCKED in the end, and nothing is stored', async () => {
    const clock = fakeClock()
    const store = await openSqlite(file.path, { clock })
    const other = await beside()
    other.exec('BEGIN IMMEDIATE')
    let code: string | undefined
    void codeOf(() => store.append(batch([event('a')]))).then((told) => {
      code = told
    })
    while (code === undefined) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(1_000)
    }
    other.exec('ROLLBACK')
    other.close()
    expect(code).toBe('LOCKED')
    expect(store.head().appended).toBe(0)
    expect((await store.append(batch([event('a')]))).position).toBe(1)
    await store.close()
  })
})

describe('a full disk', () => {
  it('refuses with DISK_FULL, keeps what there is, and goes on when there is room', async () => {
    const driver = await testDriver()
    let pagesMax = 1_000_000
    const DatabaseSync = class {
      readonly #database: SqliteDatabase
      constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
        this.#database = driver.open(path, options)
      }
      exec(sql: string): void {
        if (sql.startsWith('BEGIN IMMEDIATE')) this.#database.exec(`PRAGMA max_page_count = ${pagesMax}`)
        this.#database.exec(sql)
      }
      prepare(sql: string): unknown {
        return this.#database.prepare(sql)
      }
      close(): void {
        this.#database.close()
      }
    }
    const store = await openSqlite(file.path, { load: async () => ({ DatabaseSync }) })
    const large = event('a', { data: JSON.stringify('x'.repeat(50_000)) })
    await store.append(batch([event('a')]))
    pagesMax = 60
    let stored = 1
    let code: string | undefined
    while (code === undefined) {
      code = await codeOf(() => store.append(batch([large])))
      if (code === undefined) stored++
    }
    expect(code).toBe('DISK_FULL')
    expect((await events(store)).length).toBe(stored)
    expect(store.head().appended).toBe(stored)
    pagesMax = 1_000_000
    expect((await store.append(batch([large]))).position).toBe(stored + 1)
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
  })
})

describe('a disk that fails', () => {
  for (const [where, begins, code] of [
    ['before the commit', 'BEGIN IMMEDIATE', 'IO'],
    ['in the commit', 'COMMIT', 'INDETERMINATE'],
  ] as const) {
    it(`${where} shuts the store until it is reopened`, async () => {
      const driver = await testDriver()
      let isFailing = false
      const DatabaseSync = class {
        readonly #database: SqliteDatabase
        constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
          this.#database = driver.open(path, options)
        }
        exec(sql: string): void {
          if (isFailing && sql === begins) throw Object.assign(new Error('disk I/O error'), { errcode: 1034 })
          this.#database.exec(sql)
        }
        prepare(sql: string): unknown {
          return this.#database.prepare(sql)
        }
        close(): void {
          this.#database.close()
        }
      }
      const store = await openSqlite(file.path, { load: async () => ({ DatabaseSync }) })
      await store.append(batch([event('a')]))
      isFailing = true
      expect(await codeOf(() => store.append(batch([event('a')])))).toBe(code)
      isFailing = false
      expect(await codeOf(() => store.append(batch([event('a')])))).toBe('LATCHED')
      expect(await codeOf(() => store.flush())).toBe('LATCHED')
      expect((await events(store)).length).toBe(1)
      await store.reopen()
      expect((await store.append(batch([event('a')]))).position).toBe(2)
      expect((await store.verify({})).findings).toEqual([])
      await store.close()
    })
  }
})

/** A journal with something of everything. */
async function fill(store: SqlStore): Promise<string> {
  const { digest } = await store.stageBlob(Buffer.alloc(100_000, 5))
  const small = await store.stageBlob(Buffer.from('small'))
  for (let n = 0; n < 20; n++) await store.append(batch([event(`s${n % 3}`, { data: JSON.stringify({ n }) })]))
  await store.append(
    batch([event('a', { blobs: [digest, small.digest] })], {
      command: command('c'),
      agenda: [{ id: 'x', due: 5, data: '{"a":1}' }],
      leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 1_000 }],
      pins: [{ pin: 'p', stream: 's2', from: 3 }],
    }),
  )
  await retain(store, { streams: [{ stream: 's1', before: 3 }] })
  return digest
}

describe('damage', () => {
  const damages: readonly (readonly [
    what: string,
    sql: string,
    read: (store: SqlStore, digest: string) => Promise<unknown>,
  ])[] = [
    [
      'a byte of a text',
      'UPDATE event SET text = replace(text, \'"n":7\', \'"n":8\') WHERE position = 8',
      (store) => events(store),
    ],
    ['a checksum', 'UPDATE event SET sum = sum + 1 WHERE position = 9', (store) => events(store)],
    [
      'events that changed places',
      'UPDATE event SET position = -position WHERE position IN (7, 8); UPDATE event SET position = CASE position WHEN -7 THEN 8 ELSE 7 END WHERE position < 0',
      (store) => events(store),
    ],
    [
      'an event of another stream',
      "UPDATE event SET stream = (SELECT id FROM stream WHERE name = 'a') WHERE position = 7",
      (store) => events(store),
    ],
    ['an event that is gone', 'DELETE FROM event WHERE position = 10', (store) => events(store)],
    [
      'an event that is gone, right before what was removed',
      'DELETE FROM event WHERE position = 4',
      (store) => events(store),
    ],
    [
      'an event that is gone, right behind what was removed',
      'DELETE FROM event WHERE position = 6',
      (store) => events(store),
    ],
    [
      'an event that is gone, in its stream',
      'DELETE FROM event WHERE position = 10',
      (store) => events(store, { kind: 'stream', stream: 's0' }),
    ],
    [
      'an event that is gone, backward',
      'DELETE FROM event WHERE position = 10',
      (store) => events(store, everything, { direction: 'backward' }),
    ],
    ['the time of an event', 'UPDATE event SET time = time + 1 WHERE position = 10', (store) => events(store)],
    ['the type of an event', 'UPDATE event SET type = 77 WHERE position = 10', (store) => events(store)],
    ['the head of a stream', "UPDATE stream SET seq = seq + 1 WHERE name = 'a'", (store) => store.stream('a')],
    ['a receipt', 'UPDATE command SET text = replace(text, \'"c"\', \'"d"\')', (store) => store.command('c')],
    ['the agenda', 'UPDATE agenda_entry SET due = due + 1', (store) => store.agenda({})],
    ['a lease', 'UPDATE lease SET token = token + 1', (store) => store.lease('l')],
    ['a pin', 'UPDATE pin SET from_number = 1', (store) => store.pins()],
    ['the head', 'UPDATE head SET position = position + 1', (store) => store.refresh()],
    ['a chunk', 'UPDATE chunk SET data = zeroblob(length(data))', (store, digest) => bytesOf(store, digest)],
    ['a chunk that is gone', 'DELETE FROM blob_chunk WHERE ordinal = 0', (store, digest) => bytesOf(store, digest)],
  ]
  for (const [what, sql, read] of damages) {
    it(`of ${what} is told, and found by verify()`, async () => {
      const store = await openSqlite(file.path)
      const digest = await fill(store)
      await alter(sql)
      expect(await codeOf(() => read(store, digest))).toBe('DAMAGED')
      await store.close().catch(() => undefined)
      const report = await verify(file.path)
      expect(report.ok).toBe(false)
      expect(report.findings.length).toBeGreaterThan(0)
    })
  }

  const alterations: readonly (readonly [what: string, sql: string])[] = [
    ['a removed range that covers an event', 'UPDATE removed SET to_position = to_position + 1'],
    ['a removed range that is gone', 'DELETE FROM removed'],
    ['a small blob', "UPDATE blob SET data = CAST('SMALL' AS BLOB) WHERE data IS NOT NULL"],
    ['who names a blob', 'DELETE FROM event_blob'],
    ['a blob that is gone', 'DELETE FROM blob'],
    ['a chunk that nobody has', "INSERT INTO chunk (digest, data) VALUES ('00', zeroblob(3))"],
  ]
  for (const [what, sql] of alterations) {
    it(`of ${what} is found by verify()`, async () => {
      const store = await openSqlite(file.path)
      await fill(store)
      await alter(sql)
      expect((await store.verify({})).findings.length).toBeGreaterThan(0)
      await store.close()
    })
  }

  it('of the mark that content is named does not make a retention collect it', async () => {
    const store = await openSqlite(file.path)
    const digest = await fill(store)
    await alter('UPDATE blob SET named = 0')
    await retain(store, { before: 0 })
    await alter('UPDATE blob SET named = 1')
    expect((await bytesOf(store, digest)).length).toBe(100_000)
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
  })

  const flips = Number(process.env.SQLITE_FLIPS ?? 300)
  const seed = Number(process.env.SEED ?? 1)
  it(`of any bit of the file is told, or changes nothing that is read (${flips} flips, SEED=${seed})`, async () => {
    const store = await openSqlite(file.path)
    await fill(store)
    const [shown, state] = [await events(store), await stateOf(store)]
    await store.close()
    const handle = await openFile(file.path, 'r+')
    const { size } = await handle.stat()
    const chance = prng(seed)
    let told = 0
    for (let flip = 0; flip < flips; flip++) {
      const at = chance.below(size)
      const byte = Buffer.alloc(1)
      await handle.read(byte, 0, 1, at)
      const flipped = Buffer.from([(byte[0] ?? 0) ^ (1 << chance.below(8))])
      await handle.write(flipped, 0, 1, at)
      const where = `byte ${at}, SEED=${seed}`
      const code = await codeOf(async () => {
        const damaged = await openSqlite(file.path, { readOnly: true })
        try {
          expect(await events(damaged), where).toEqual(shown)
          expect(await stateOf(damaged), where).toEqual(state)
        } finally {
          await damaged.close()
        }
      })
      if (code !== undefined) {
        expect(
          ['DAMAGED', 'NOT_A_JOURNAL', 'FOREIGN_FILE', 'NEWER_FORMAT', 'UNSUPPORTED', 'JOURNAL_MISSING'],
          where,
        ).toContain(code)
        told++
      }
      await handle.write(byte, 0, 1, at)
    }
    await handle.close()
    expect(told).toBeGreaterThan(0)
    expect((await verify(file.path)).findings).toEqual([])
  }, 120_000)
})

async function stateOf(store: SqlStore): Promise<unknown> {
  return [await store.command('c'), await store.agenda({}), await store.lease('l'), await store.pins(), store.head()]
}
