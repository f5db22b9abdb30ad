// Which commits SQLite is told to sync: all but those of groups in which every batch is `eventual`. What a commit without one
// costs shows only when power is cut; here is what SQLite was set to at each of them.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, command, event, put, retain } from '../../testing/conformance/batches.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import type { SqlStore } from '../sql/sql-store.ts'
import type { Batch } from '../store.ts'
import type { SqliteDatabase } from './driver.ts'

const [normal, full] = [1, 2]
let file: ScratchFile
let store: SqlStore
/** `PRAGMA synchronous`, at each commit. */
let settings: number[]
let failing: number | undefined

beforeEach(async () => {
  file = await scratchFile()
  const driver = await testDriver()
  settings = []
  failing = undefined
  const DatabaseSync = class {
    readonly #database: SqliteDatabase
    constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
      this.#database = driver.open(path, options)
    }
    exec(sql: string): void {
      if (sql === 'COMMIT') {
        settings.push(setting(this.#database, 'synchronous'))
        expect(setting(this.#database, 'fullfsync')).toBe(1)
        expect(setting(this.#database, 'journal_mode')).toBe('wal')
        if (failing !== undefined) throw Object.assign(new Error('planted'), { errcode: failing })
      }
      this.#database.exec(sql)
    }
    prepare(sql: string): unknown {
      return this.#database.prepare(sql)
    }
    close(): void {
      this.#database.close()
    }
  }
  store = await openSqlite(file.path, { clock: fakeClock(), load: async () => ({ DatabaseSync }) })
})
afterEach(async () => {
  await store.close()
  await file.remove()
})

function setting<T>(database: SqliteDatabase, name: string): T {
  const statement = database.prepare(`PRAGMA ${name}`)
  statement.setReturnArrays?.(false)
  return (statement.get() as Readonly<Record<string, T>>)[name] as T
}

async function commitsOf(work: () => Promise<unknown>): Promise<readonly number[]> {
  settings.length = 0
  await work()
  return [...settings]
}

const eventual = (parts: Partial<Batch> = {}) => batch([event('a')], { ...parts, durability: 'eventual' })

it('the one that makes the journal is', () => {
  expect(settings).toEqual([full])
})

it('those of appends are, but for those that ask for none', async () => {
  expect(await commitsOf(() => put(store, 'a'))).toEqual([full])
  expect(await commitsOf(() => store.append(eventual()))).toEqual([normal])
  expect(await commitsOf(() => put(store, 'a'))).toEqual([full])
  expect(await commitsOf(() => Promise.all([store.append(eventual()), put(store, 'a')]))).toEqual([full])
})

it('the one of a group is in which somebody is told what was there before', async () => {
  await store.append(eventual({ command: command('c') }))
  expect(
    await commitsOf(() => Promise.all([store.append(eventual()), store.append(eventual({ command: command('c') }))])),
  ).toEqual([full])
  await store.append(eventual())
  const refused = () => store.append(eventual({ expect: new Map([['a', 77]]) })).catch(() => undefined)
  expect(await commitsOf(refused)).toEqual([full])
  expect(store.head().position).toBe(store.head().appended)
})

it('those of everything else are, also right behind one that is not', async () => {
  const works: readonly (() => Promise<unknown>)[] = [
    () => store.flush(),
    () => store.stageBlob(Buffer.alloc(50_000, 1)),
    () => retain(store, { streams: [{ stream: 'a', before: 2 }] }),
    () => store.relocate(undefined),
    () => store.probe(),
    () => store.agenda({}),
    () => store.close(),
  ]
  for (const work of works) {
    await store.append(eventual())
    const commits = await commitsOf(work)
    expect(commits.length).toBeGreaterThan(0)
    expect(new Set(commits)).toEqual(new Set([full]))
  }
})

it('the one is before it is told where the journal goes: who noted it may have been killed before that', async () => {
  await store.relocate({ state: 'moving', to: 'elsewhere', copy: 'c', time: 1 })
  expect(await commitsOf(() => store.relocation())).toEqual([full])
})

it('those behind a failure are, though it came with one that was not', async () => {
  failing = 10
  await expect(store.append(eventual())).rejects.toMatchObject({ code: 'INDETERMINATE' })
  failing = undefined
  expect(await commitsOf(() => store.reopen())).toEqual([full])
  expect(await commitsOf(() => put(store, 'a'))).toEqual([full])
})
