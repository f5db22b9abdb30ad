// What another process does between two steps of a store on a SQLite file, and what a step that is cut off leaves behind.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, event, events, retain } from '../../testing/conformance/batches.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import { Judging } from '../sql/judging.ts'
import type { SqlStore } from '../sql/sql-store.ts'
import { wantedBy } from '../sql/wanted.ts'
import type { SqliteDatabase, SqliteDriver } from './driver.ts'
import { connectWriter } from './place.ts'
import { SqliteWriter } from './writer.ts'

let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

async function codeOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return (error as HoldfastError).code
  }
}

describe('another process that comes between', () => {
  const eventual = (seq: number) => batch([event('a')], { durability: 'eventual', expect: new Map([['a', seq]]) })

  /** As another process: one transaction, without a turn of the event loop. */
  async function appends(driver: SqliteDriver): Promise<() => void> {
    const place = { driver, path: file.path, label: 'agent.db' }
    return () => {
      const connection = connectWriter(place)
      const one = batch([event('a')])
      const group = new SqliteWriter(connection).group(wantedBy([one], 1))
      const judging = new Judging(group.found, { staged: () => undefined })
      judging.judge(one, 1)
      const write = judging.write({ sync: true, claimsEnded: { owner: '', digests: [] } })
      if (write !== undefined) void group.commit(write)
      connection.close()
    }
  }

  /** Its SQLite does this once, when the next transaction is over. */
  async function openWith(
    driver: SqliteDriver,
    clock: Clock,
  ): Promise<{ store: SqlStore; once(work: () => void): void }> {
    let due: (() => void) | undefined
    const DatabaseSync = class {
      readonly #database: SqliteDatabase
      constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
        this.#database = driver.open(path, options)
      }
      exec(sql: string): void {
        this.#database.exec(sql)
        if (sql !== 'COMMIT' && sql !== 'ROLLBACK') return
        const work = due
        due = undefined
        work?.()
      }
      prepare(sql: string): unknown {
        return this.#database.prepare(sql)
      }
      close(): void {
        this.#database.close()
      }
    }
    const store = await openSqlite(file.path, { clock, load: async () => ({ DatabaseSync }) })
    return {
      store,
      once(work) {
        due = work
      },
    }
  }

  /** A refusal is told when what it was judged against is durable: so the group of both is synced, though neither asked. */
  function both(store: SqlStore): Promise<readonly unknown[]> {
    return Promise.all([eventual(0), eventual(7)].map((one) => codeOf(() => store.append(one))))
  }

  it('a group that need not be synced and its sync is waited for', async () => {
    const [clock, driver] = [fakeClock(), await testDriver()]
    const { store, once } = await openWith(driver, clock)
    let other: SqliteDatabase | undefined
    once(() => {
      other = driver.open(file.path, { readOnly: false, timeout: 0 })
      other.exec('BEGIN IMMEDIATE')
    })
    let told: readonly unknown[] | undefined
    void both(store).then((outcomes) => {
      told = outcomes
    })
    while (other === undefined) await new Promise((resolve) => setImmediate(resolve))
    other.exec('ROLLBACK')
    other.close()
    while (told === undefined) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(25)
    }
    expect(told).toEqual([undefined, 'SEQ_CONFLICT'])
    expect(store.head().position).toBe(1)
    expect((await store.append(batch([event('a')]))).position).toBe(2)
    await store.close()
  })

  it('and changed what the group was judged by has it judged anew', async () => {
    const [clock, driver] = [fakeClock(), await testDriver()]
    const { store, once } = await openWith(driver, clock)
    once(await appends(driver))
    let told: readonly unknown[] | undefined
    void both(store).then((outcomes) => {
      told = outcomes
    })
    while (told === undefined) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(25)
    }
    expect(told).toEqual(['SEQ_CONFLICT', 'SEQ_CONFLICT'])
    expect((await events(store)).length).toBe(1)
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
  })

  it('leaves nothing of content whose source fails, for a retention to wait for', async () => {
    const store = await openSqlite(file.path)
    async function* failing(): AsyncGenerator<Uint8Array> {
      for (const byte of [1, 2, 3]) yield Buffer.alloc(1_500_000, byte)
      throw new Error('planted')
    }
    await expect(store.stageBlob(failing())).rejects.toThrow('planted')
    await retain(store, { before: 0 })
    expect(await tableSizes()).toEqual([0, 0, 0, 0])
    await store.close()
  })

  it('leaves no claim of content that was there already', async () => {
    const store = await openSqlite(file.path)
    const content = Buffer.alloc(100_000, 1)
    for (const stream of ['a', 'b']) {
      const { digest } = await store.stageBlob(content)
      await store.append(batch([event(stream, { blobs: [digest] })]))
    }
    const [blobs, , , claims] = await tableSizes()
    expect([blobs, claims]).toEqual([1, 0])
    await retain(store, { before: Number.MAX_SAFE_INTEGER })
    expect(await tableSizes()).toEqual([0, 0, 0, 0])
    await store.close()
  })

  it('does not make a probe that was written go astray', async () => {
    const [clock, driver] = [fakeClock(), await testDriver()]
    const { store, once } = await openWith(driver, clock)
    // What a retention does with content that nothing names and nobody claims, then.
    once(() => {
      const connection = connectWriter({ driver, path: file.path, label: 'agent.db' })
      const writer = new SqliteWriter(connection)
      writer.atOnce(() => writer.blobRows.collect(clock.now(), 100))
      connection.close()
    })
    await store.probe()
    expect(await tableSizes()).toEqual([0, 0, 0, 0])
    await store.close()
  })

  async function tableSizes(): Promise<readonly unknown[]> {
    const database = (await testDriver()).open(file.path, { readOnly: true, timeout: 0 })
    const sizes = ['blob', 'chunk', 'blob_chunk', 'claim'].map((table) => {
      const [size] = Object.values(database.prepare(`SELECT count(*) FROM ${table}`).get() as object)
      return size as unknown
    })
    database.close()
    return sizes
  }
})
