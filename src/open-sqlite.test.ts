// Opening a journal in a SQLite file: what may stand there, what is refused and how, and what goes with it.

import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { importJournal } from './import.ts'
import { open, parseTarget } from './open.ts'
import { openSqlite } from './open-sqlite.ts'
import { submit } from './submit.ts'
import { batch, event, events } from './testing/conformance/batches.ts'
import { type ScratchFile, scratchFile, testDriver } from './testing/scratch-file.ts'
import { repair, verify } from './upkeep.ts'

let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

async function withDatabase(path: string, sql: string): Promise<void> {
  const database = (await testDriver()).open(path, { readOnly: false, timeout: 0 })
  database.exec(sql)
  database.close()
}

async function filled(path = file.path): Promise<void> {
  await using journal = await open(path)
  await journal.append(
    'a',
    [
      { type: 'noted', data: { n: 1 } },
      { type: 'noted', data: { n: 2 } },
    ],
    { commandId: 'c' },
  )
}

describe('a target', () => {
  it.each([
    ['agent.db', 'agent.db'],
    ['./x/agent.sqlite', './x/agent.sqlite'],
    ['agent.SQLITE3', 'agent.SQLITE3'],
    ['sqlite:agent', 'agent'],
    ['sqlite:/var/agent.db', '/var/agent.db'],
    ['sqlite:///var/my%20agent.db', '/var/my agent.db'],
  ])('%s is the file %s', (target, path) => {
    expect(parseTarget(target)).toEqual({ kind: 'sqlite', path })
  })

  it('is a directory by another name, and no database in memory', () => {
    expect(parseTarget('agent.dbx')).toEqual({ kind: 'file', path: 'agent.dbx' })
    expect(() => parseTarget('sqlite::memory:')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

describe('opening', () => {
  it('makes a journal with its directories, and opens it again', async () => {
    const path = join(file.directory, 'some', 'where', 'agent.db')
    await filled(path)
    await using journal = await open(path, { create: 'never' })
    expect((await journal.head()).position).toBe(2)
  })

  it('leaves one file when all have closed it', async () => {
    await filled()
    expect(await readdir(file.directory)).toEqual(['agent.db'])
  })

  it('makes nothing where it may not', async () => {
    for (const options of [{ create: 'never' }, { readOnly: true }] as const) {
      await expect(open(file.path, options)).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    }
    expect(await readdir(file.directory)).toEqual([])
  })

  it('refuses what is there already, when told so', async () => {
    await filled()
    await expect(open(file.path, { create: 'exclusive' })).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    await (await open(join(file.directory, 'new.db'), { create: 'exclusive' })).close()
  })

  it('takes an empty file for an empty journal, unless it may make none', async () => {
    await writeFile(file.path, '')
    await expect(open(file.path, { create: 'never' })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    await expect(open(file.path, { readOnly: true })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    await filled()
  })

  it.each([
    ['a directory', async (path: string) => void (await mkdir(path)), 'NOT_A_JOURNAL'],
    ['a text', (path: string) => writeFile(path, 'notes of somebody\n'.repeat(100)), 'NOT_A_JOURNAL'],
    ['a database of something else', (path: string) => withDatabase(path, 'CREATE TABLE note (text)'), 'FOREIGN_FILE'],
    [
      'a database of a program with an id',
      (path: string) => withDatabase(path, 'PRAGMA application_id = 77'),
      'FOREIGN_FILE',
    ],
  ])('refuses %s, and leaves it as it is', async (_what, make, code) => {
    await make(file.path)
    const before = (await stat(file.path)).isFile() ? await readFile(file.path) : undefined
    await expect(open(file.path)).rejects.toMatchObject({ code })
    await expect(open(file.path, { readOnly: true })).rejects.toMatchObject({ code })
    await expect(verify(file.path)).rejects.toMatchObject({ code })
    if (before !== undefined) expect(Buffer.compare(await readFile(file.path), before)).toBe(0)
    expect(await readdir(file.directory)).toEqual(['agent.db'])
  })

  it('refuses a path below a file', async () => {
    await writeFile(file.path, 'text')
    await expect(open(join(file.path, 'agent.db'))).rejects.toMatchObject({ code: 'TARGET_IS_FILE' })
  })

  it('refuses a schema that a newer release wrote', async () => {
    await filled()
    await withDatabase(file.path, 'PRAGMA user_version = 1000')
    await expect(open(file.path)).rejects.toMatchObject({ code: 'NEWER_FORMAT', details: { version: 1000 } })
    await expect(open(file.path, { readOnly: true })).rejects.toMatchObject({ code: 'NEWER_FORMAT' })
  })

  it('says what to install when there is no driver, and makes no file', async () => {
    const tried: string[] = []
    const load = async (name: string): Promise<unknown> => {
      tried.push(name)
      throw Object.assign(new Error(`no ${name}`), { code: 'ERR_MODULE_NOT_FOUND' })
    }
    const failure = await openSqlite(file.path, { load }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'UNSUPPORTED', hint: expect.stringContaining('@photostructure/sqlite') })
    expect(tried).toEqual(['node:sqlite', '@photostructure/sqlite'])
    expect(await readdir(file.directory)).toEqual([])
  })

  it('takes a driver that gives rows as objects only', async () => {
    const real = (await import('@photostructure/sqlite')) as { DatabaseSync: new (...args: never[]) => object }
    class Old extends real.DatabaseSync {
      prepare(sql: string): object {
        const statement = (super['prepare' as never] as (sql: string) => object)(sql)
        return new Proxy(statement, {
          get(target, name) {
            if (name === 'setReturnArrays') return undefined
            const value: unknown = Reflect.get(target, name, target)
            return typeof value === 'function' ? (value.bind(target) as unknown) : value
          },
        })
      }
    }
    const store = await openSqlite(file.path, { load: async () => ({ DatabaseSync: Old }) })
    await store.append(batch([event('a'), event('b')]))
    expect((await events(store)).map(({ stream }) => stream)).toEqual(['a', 'b'])
    await store.close()
  })

  it.each([
    ['is synced', 'PRAGMA synchronous', 'PRAGMA cache_spill'],
    ['writes ahead', 'PRAGMA journal_mode = WAL', 'PRAGMA journal_mode = PERSIST'],
  ])('refuses a driver that does not take it that it %s', async (_what, setting, other) => {
    const real = await testDriver()
    const DatabaseSync = class {
      constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
        const database = real.open(path, options)
        const prepare = (sql: string) => database.prepare(sql.replace(setting, other))
        Object.assign(this, { exec: (sql: string) => database.exec(sql), prepare, close: () => database.close() })
      }
    }
    await expect(openSqlite(file.path, { load: async () => ({ DatabaseSync }) })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    })
  })
})

describe('a journal that is open for reading', () => {
  it('writes nothing, neither to the file nor beside it', async () => {
    await filled()
    const before = await readFile(file.path)
    const store = await openSqlite(file.path, { readOnly: true })
    expect((await events(store)).length).toBe(2)
    await expect(store.append(batch([event('a')]))).rejects.toMatchObject({ code: 'READ_ONLY' })
    await expect(store.stageBlob(Buffer.from('x'))).rejects.toMatchObject({ code: 'READ_ONLY' })
    await expect(store.probe()).rejects.toMatchObject({ code: 'READ_ONLY' })
    await expect(store.retain({ before: Number.MAX_SAFE_INTEGER }, { dryRun: true })).resolves.toMatchObject({
      events: 2,
    })
    expect((await store.verify({})).ok).toBe(true)
    await store.flush()
    await store.close()
    expect(Buffer.compare(await readFile(file.path), before)).toBe(0)
  })

  it.skipIf(process.getuid?.() === 0)('needs no right to write, and has none', async () => {
    await filled()
    await chmod(file.path, 0o444)
    await expect(open(file.path)).rejects.toMatchObject({ code: 'NO_PERMISSION' })
    await (await open(file.path, { readOnly: true })).close()
  })
})

describe('what goes with a journal in a file', () => {
  it('is verified as it lies there, and not repaired', async () => {
    await filled()
    expect(await verify(file.path)).toMatchObject({ ok: true, events: 2, findings: [] })
    await expect(repair(file.path, { actions: [] })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('is submitted to, whoever has it open', async () => {
    await using journal = await open(file.path)
    await journal.append('a', { type: 'noted', data: 1 })
    const first = await submit(file.path, 'a', { type: 'noted', data: 2 }, { commandId: 'c' })
    const again = await submit(file.path, 'a', { type: 'noted', data: 2 }, { commandId: 'c' })
    expect([first.position, first.duplicate, again.position, again.duplicate]).toEqual([2, false, 2, true])
    expect((await journal.append('a', { type: 'noted', data: 3 })).position).toBe(3)
    const elsewhere = join(file.directory, 'other.db')
    await expect(submit(elsewhere, 'a', { type: 'noted', data: 1 }, { commandId: 'c' })).rejects.toMatchObject({
      code: 'JOURNAL_MISSING',
    })
  })

  it('is exported, and imported into a new file, the same in every byte', async () => {
    const exported = join(file.directory, 'export.jsonl')
    {
      await using journal = await open(file.path)
      const blob = await journal.blobs.put(Buffer.alloc(300_000, 7))
      for (let n = 0; n < 30; n++) await journal.append(`s${n % 3}`, { type: 'noted', data: { n, blob } })
      await journal.append('a', { type: 'noted', data: 1 }, { commandId: 'c', agenda: [{ id: 'x', due: 5 }] })
      await journal.retain({ streams: [{ stream: 's1', before: 5 }] })
      await journal.export(exported)
    }
    const copy = join(file.directory, 'copy.db')
    const report = await importJournal(exported, copy)
    const second = join(file.directory, 'second.jsonl')
    {
      await using journal = await open(copy)
      expect(journal.epoch).toBe(report.epoch)
      expect((await journal.verify()).ok).toBe(true)
      await journal.export(second)
      const again = { commandId: 'c', agenda: [{ id: 'x', due: 5 }] }
      expect((await journal.append('a', { type: 'noted', data: 1 }, again)).duplicate).toBe(true)
    }
    // Beside the header, which names the history.
    const lines = async (path: string) => (await readFile(path, 'utf8')).split('\n').slice(1, -2)
    const texts = (all: readonly string[]) => all.map((line) => line.replace(/,"sum":.*$/, ''))
    expect(texts(await lines(second))).toEqual(texts(await lines(exported)))
    await expect(importJournal(exported, copy)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
  })

  it('is not there when its import fails', async () => {
    const bytes = (async function* () {
      yield Buffer.from('no export\n')
    })()
    await expect(importJournal(bytes, file.path)).rejects.toMatchObject({ code: 'IMPORT_INVALID' })
    expect(await readdir(file.directory)).toEqual([])
  })
})
