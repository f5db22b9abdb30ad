// Any call to SQLite fails, once: busy, a full disk, a disk that fails, before a commit takes effect or after. What was
// acknowledged is there, what was refused isn't, and the file is sound. SQLITE_FAULTS sets how many of the calls are tried.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isHoldfastError } from '../../errors.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, command, event } from '../../testing/conformance/batches.ts'
import { History } from '../../testing/history.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import type { SqlStore } from '../sql/sql-store.ts'
import type { Batch } from '../store.ts'
import type { SqliteDatabase, SqliteDriver, SqliteStatement } from './driver.ts'

const attempts = Number(process.env.SQLITE_FAULTS ?? 20)

interface Plan {
  readonly errcode: number
  /** The call that fails, counted from 1. */
  readonly at: number
  /** A call that fails may have been carried out all the same. */
  readonly isDone: boolean
}

class Faults {
  calls = 0
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
  }

  call<T>(work: () => T): T {
    this.calls++
    if (this.calls !== this.#plan.at) return work()
    if (this.#plan.isDone) work()
    throw Object.assign(new Error('planted'), { errcode: this.#plan.errcode })
  }
}

function driverWith(driver: SqliteDriver, faults: Faults): unknown {
  return {
    DatabaseSync: class {
      readonly #database: SqliteDatabase
      constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
        this.#database = driver.open(path, options)
      }
      exec(sql: string): void {
        faults.call(() => this.#database.exec(sql))
      }
      prepare(sql: string): SqliteStatement {
        const statement = this.#database.prepare(sql)
        statement.setReturnArrays?.(true)
        return {
          run: (...values) => faults.call(() => statement.run(...values)),
          get: (...values) => faults.call(() => statement.get(...values)),
          all: (...values) => faults.call(() => statement.all(...values)),
          iterate: (...values) => faults.call(() => statement.iterate(...values)),
          setReturnArrays: () => undefined,
        }
      }
      close(): void {
        this.#database.close()
      }
    },
  }
}

let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

const refusing = ['LOCKED', 'DISK_FULL', 'IO', 'LATCHED', 'BLOB_MISSING'] as const

async function append(store: SqlStore, history: History, one: Batch): Promise<void> {
  const submission = history.submit(one)
  try {
    history.acknowledge(submission, await store.append(one))
  } catch (error) {
    if (!isHoldfastError(error, ...refusing, 'INDETERMINATE')) throw error
    if (!isHoldfastError(error, 'INDETERMINATE')) history.refuse(submission)
  }
}

/** Whatever fails says so in a code of ours; a store that has shut is reopened. */
async function attempt(store: SqlStore, history: History, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isHoldfastError(error, ...refusing)) throw error
  }
  const isShut = await store.flush().then(
    () => false,
    (error: unknown) => isHoldfastError(error, 'LATCHED'),
  )
  if (!isShut) return
  await store.reopen()
  history.nextProcess()
}

async function live(store: SqlStore, history: History): Promise<void> {
  // No two alike: so what is there can be told from what might be.
  let n = 0
  const own = (stream: string, blobs: readonly string[] = []) => event(stream, { data: String(++n), blobs })
  const one = (stream: string, parts: Partial<Batch> = {}) => batch([own(stream), own('both')], parts)
  await attempt(store, history, () => append(store, history, one('a', { command: command('c') })))
  await attempt(store, history, () =>
    Promise.all([one('a'), one('b'), one('c')].map((each) => append(store, history, each))),
  )
  await attempt(store, history, async () => {
    const staged = await store.stageBlob(Buffer.alloc(20_000, 1))
    const named = batch([own('a', [staged.digest])])
    await append(store, history, named)
  })
  await attempt(store, history, () => append(store, history, one('a', { durability: 'eventual' })))
  await attempt(store, history, () =>
    append(store, history, batch([], { agenda: [{ id: 'x', due: 1 }], pins: [{ pin: 'p', from: 1 }] })),
  )
  await attempt(store, history, async () => {
    for await (const page of store.read({ select: { kind: 'prefix', prefix: 'b' }, direction: 'forward' })) {
      expect(page.length).toBeGreaterThan(0)
    }
  })
  await attempt(store, history, () => append(store, history, one('d')))
}

/** How many calls there were. */
async function play(plan: Plan): Promise<number> {
  const driver = await testDriver()
  const faults = new Faults(plan)
  const history = new History()
  const where = JSON.stringify(plan)
  const load = async (): Promise<unknown> => driverWith(driver, faults)
  let store: SqlStore
  try {
    store = await openSqlite(file.path, { load })
  } catch (error) {
    if (!isHoldfastError(error, ...refusing)) throw error
    store = await openSqlite(file.path, { load })
  }
  await live(store, history)
  await store.close().catch((error: unknown) => {
    if (!isHoldfastError(error, ...refusing)) throw error
  })
  const after = await openSqlite(file.path)
  expect(await history.check(after, { settle: true }), where).toBeUndefined()
  const damage = (await after.verify({})).findings.filter(({ severity }) => severity === 'damage')
  expect(damage, where).toEqual([])
  await after.close()
  return faults.calls
}

describe('a call to SQLite that fails', { timeout: 60_000 + attempts * 2_000 }, () => {
  it.each([
    ['busy', 5, false],
    ['a full disk', 13, false],
    ['a failing disk', 10, false],
    ['a failing disk, and yet it was done', 10, true],
  ])('%s', async (_what, errcode, isDone) => {
    const calls = await play({ errcode, at: 0, isDone })
    expect(calls).toBeGreaterThan(100)
    for (let at = 1; at <= calls; at += Math.max(1, Math.floor(calls / attempts))) {
      await file.remove()
      file = await scratchFile()
      await play({ errcode, at, isDone })
    }
  })
})
