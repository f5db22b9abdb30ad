// SQLite files of every released schema open for ever (G11): test/golden/sqlite-v1 holds the golden journal of the file
// store, moved into a file of schema version 1 (scripts/make-sqlite-golden.mjs). So what reading it must give is what the
// directory gives, record by record; and a journal moved now must give the same again.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDirectory } from '../../src/open-directory.ts'
import { openSqlite } from '../../src/open-sqlite.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { ImportRecord, Store } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'

const golden = fileURLToPath(new URL('../golden', import.meta.url))
const clock = fakeClock(1_790_000_100_000)

let directory: string
let original: Store

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-golden-'))
  await cp(join(golden, 'v1', 'journal'), join(directory, 'journal'), { recursive: true })
  original = await openDirectory(join(directory, 'journal'), { clock })
})

afterEach(async () => {
  await original.close()
  await rm(directory, { recursive: true, force: true })
})

async function dumpOf(store: Store): Promise<readonly ImportRecord[]> {
  const records: ImportRecord[] = []
  for await (const page of store.dump()) records.push(...page)
  return records
}

it('schema version 1 opens, verifies, and has every record', async () => {
  const file = join(directory, 'agent.db')
  await writeFile(file, gunzipSync(await readFile(join(golden, 'sqlite-v1', 'agent.db.gz'))))
  const store = await openSqlite(file, { clock, create: 'never' })
  expect((await store.verify({})).findings).toEqual([])
  expect(await dumpOf(store)).toEqual(await dumpOf(original))
  expect(store.head()).toEqual(original.head())
  const { position } = store.head()
  const event = { stream: 'later', type: 'noted', version: 1, data: '1' }
  expect((await store.append({ events: [event], durability: 'sync' })).position).toBe(position + 1)
  await store.close()
})

it('a journal moved from a directory to SQLite, and on to memory, gives the same records everywhere', async () => {
  const records = await dumpOf(original)
  const sqlite = await openSqlite(join(directory, 'moved.db'), { clock })
  await sqlite.load(original.dump())
  const memory = memoryStore({ clock, random: seededRandom(1) })
  await memory.load(sqlite.dump())
  expect(await dumpOf(sqlite)).toEqual(records)
  expect(await dumpOf(memory)).toEqual(records)
  const query = { select: { kind: 'all' }, direction: 'forward', tellRemoved: true } as const
  const read = async (store: Store): Promise<readonly unknown[]> => {
    const items: unknown[] = []
    for await (const page of store.read(query)) items.push(...page)
    return items
  }
  expect(await read(sqlite)).toEqual(await read(original))
  expect((await sqlite.verify({})).findings).toEqual([])
  await expect(sqlite.load(original.dump())).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
  await sqlite.close()
  await memory.close()
})

it('what can not be taken leaves the file as it was', async () => {
  const records = await dumpOf(original)
  const sqlite = await openSqlite(join(directory, 'moved.db'), { clock })
  const broken = async function* (): AsyncGenerator<readonly ImportRecord[]> {
    yield records.slice(0, -3)
    yield [{ control: '{"control":"lease"}' }]
  }
  await expect(sqlite.load(broken())).rejects.toMatchObject({ code: 'IMPORT_INVALID' })
  expect(await dumpOf(sqlite)).toEqual([])
  await sqlite.load(original.dump())
  expect(await dumpOf(sqlite)).toEqual(records)
  await sqlite.close()
})
