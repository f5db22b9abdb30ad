// Pages of rows: asked for many at once, and long texts one by one.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { limits } from '../../limits.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, event, events, everything } from '../../testing/conformance/batches.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import type { SqlStore } from '../sql/sql-store.ts'
import type { SqliteDatabase } from './driver.ts'

let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

/** Bytes of payload of each event: short ones, long ones, one that is larger than a page. */
const sizes = Array.from({ length: 700 }, (_, n) => (n === 300 ? 400_000 : n % 90 === 7 ? 40_000 : n % 50))

async function fill(store: SqlStore): Promise<void> {
  const all = sizes.map((size, n) =>
    event(`s${n % 3}`, { type: n % 4 === 0 ? 'even' : 'odd', data: JSON.stringify('x'.repeat(size)) }),
  )
  for (let at = 0; at < all.length; at += 100) await store.append(batch(all.slice(at, at + 100)))
}

it('gives texts of all sizes, in pages that are bounded, in each direction and by each way', async () => {
  const store = await openSqlite(file.path)
  await fill(store)
  const positions = sizes.map((_, n) => n + 1)
  for (const direction of ['forward', 'backward'] as const) {
    const ordered = (some: number[]) => (direction === 'forward' ? some : some.toReversed())
    const found = async (select: Parameters<typeof events>[1], options: Parameters<typeof events>[2]) =>
      (await events(store, select, { direction, ...options })).map(({ position }) => position)
    expect(await found(everything, {})).toEqual(ordered(positions))
    expect(await found({ kind: 'stream', stream: 's1' }, {})).toEqual(ordered(positions.filter((n) => n % 3 === 2)))
    expect(await found({ kind: 'prefix', prefix: 's1' }, {})).toEqual(ordered(positions.filter((n) => n % 3 === 2)))
    expect(await found(everything, { types: new Set(['even']) })).toEqual(ordered(positions.filter((n) => n % 4 === 1)))
    expect(await found(everything, { limit: 65 })).toEqual(ordered(positions).slice(0, 65))
    for await (const page of store.read({ select: everything, direction, withText: true })) {
      const lengths = page.map((item) => ('text' in item ? (item.text ?? '').length : 0))
      const bytes = lengths.reduce((sum, length) => sum + length, 0)
      expect(bytes - (lengths.at(-1) ?? 0)).toBeLessThan(limits.pageBytes)
    }
  }
  await store.close()
})

it('leaves out a long text that retention removed since its row was found', async () => {
  const driver = await testDriver()
  let removing: (() => void) | undefined
  const DatabaseSync = class {
    readonly #database: SqliteDatabase
    constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
      this.#database = driver.open(path, options)
    }
    exec(sql: string): void {
      this.#database.exec(sql)
    }
    prepare(sql: string): unknown {
      if (sql.startsWith('SELECT text FROM event')) removing?.()
      return this.#database.prepare(sql)
    }
    close(): void {
      this.#database.close()
    }
  }
  const store = await openSqlite(file.path, { load: async () => ({ DatabaseSync }) })
  await fill(store)
  removing = () => {
    const other = driver.open(file.path, { readOnly: false, timeout: 0 })
    other.exec('DELETE FROM event WHERE position = 8; INSERT INTO removed VALUES (8, 8)')
    other.close()
    removing = undefined
  }
  const found = (await events(store)).map(({ position }) => position)
  expect(removing).toBeUndefined()
  expect(found).toEqual(sizes.map((_, n) => n + 1).filter((position) => position !== 8))
  await store.close()
})
