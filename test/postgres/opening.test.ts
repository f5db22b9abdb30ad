// Opening: what is made, what is refused, who may, and that several can at once.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importJournal } from '../../src/import.ts'
import { open } from '../../src/open.ts'
import { openPostgresStore } from '../../src/open-postgres.ts'
import { submit } from '../../src/submit.ts'
import { verify } from '../../src/upkeep.ts'
import { openBackend, tables } from './journals.ts'
import { named } from './ledger.ts'
import { PostgresServer, startTimeoutMs } from './server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const opener = fileURLToPath(new URL('opener.mjs', import.meta.url))

let server: PostgresServer

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
  server = await PostgresServer.start()
}, startTimeoutMs)

afterAll(() => server.dispose())

describe('opening', () => {
  it('makes the tables and the journal, and finds them again; several journals share them', async () => {
    const url = await server.database()
    const one = await open(url)
    const other = await open(url, { journal: 'other' })
    await one.append('s', { type: 't', data: 1 })
    expect((await other.head()).position).toBe(0)
    await one.close()
    const again = await open(`${url}?journal=main`)
    expect(await again.read('s').toArray()).toMatchObject([{ data: 1, position: 1 }])
    expect(again.epoch).toBe(one.epoch)
    expect(again.epoch).not.toBe(other.epoch)
    await Promise.all([again.close(), other.close()])
  })

  it('never shows the password', async () => {
    const url = (await server.database()).replace('holdfast@', 'holdfast:secret@')
    const journal = await open(url)
    expect(journal.target).not.toContain('secret')
    await journal.close()
    const nobody = url.replace(/:\d+\//, ':1/')
    const failure = await openPostgresStore(nobody, { patienceMs: 0 }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'UNAVAILABLE' })
    for (let error = failure; error instanceof Error; error = error.cause) {
      expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toContain('secret')
    }
  })

  it('takes a schema of another name, and odd names for it', async () => {
    const url = await server.database()
    const store = await openPostgresStore(url, { schema: 'Agent "Smith"', journal: "it's" })
    await store.append(named('a'))
    const waker = await openPostgresStore(url, { schema: 'Agent "Smith"', journal: "it's" })
    expect(waker.head().position).toBe(1)
    await Promise.all([store.close(), waker.close()])
  })

  it('in many processes at once makes one journal', async () => {
    const url = await server.database()
    const run = promisify(execFile)
    const told = await Promise.all([1, 2, 3, 4].map((n) => run(process.execPath, [opener, url, `p${n}`])))
    const epochs = new Set(told.map(({ stdout }) => stdout.split(' ')[0]))
    expect(epochs.size).toBe(1)
    const journal = await open(url, { create: 'never' })
    expect((await journal.read().toArray()).map(({ stream }) => stream).sort()).toEqual(['p1', 'p2', 'p3', 'p4'])
    await journal.close()
  })

  it('over many connections at once makes one journal, though each had looked and found none', async () => {
    const url = await server.database()
    const backends = await Promise.all(Array.from({ length: 8 }, () => openBackend(url)))
    const epochs = await Promise.all(backends.map(async (backend) => (await backend.head()).epoch))
    expect(new Set(epochs).size).toBe(1)
    for (const backend of backends) await backend.close()
  })

  it("finds none where none is: with create: 'never', for reading, and for submit", async () => {
    const url = await server.database()
    await expect(open(url, { create: 'never' })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    await expect(open(url, { readOnly: true })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    await expect(submit(url, 's', { type: 't', data: 1 }, { commandId: 'c' })).rejects.toMatchObject({
      code: 'JOURNAL_MISSING',
    })
    await expect(open(server.url('nowhere'))).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    const made = await open(url, { create: 'exclusive' })
    await expect(open(url, { create: 'exclusive' })).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    await expect(open(url, { create: 'never', journal: 'b' })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    expect(await submit(url, 's', { type: 't', data: 1 }, { commandId: 'c' })).toMatchObject({ position: 1 })
    expect(await verify(url)).toMatchObject({ ok: true, events: 1 })
    await made.close()
  })
})

describe('the tables', () => {
  it('of a newer version are refused, and left alone', async () => {
    const url = await server.database()
    await (await openBackend(url)).close()
    await server.query('insert into holdfast.format (version) values (99)', [], new URL(url).pathname.slice(1))
    await expect(openBackend(url)).rejects.toMatchObject({ code: 'NEWER_FORMAT', details: { version: 99 } })
    await expect(openBackend(url, { readOnly: true })).rejects.toMatchObject({ code: 'NEWER_FORMAT' })
  })

  it('of an older version are brought up to date by whoever opens for writing, once', async () => {
    const url = await server.database()
    await (await openBackend(url)).close()
    const { version } = tables
    const upgrades = new Map([[version, 'alter table head add column added integer']])
    const newer = { ...tables, version: version + 1, upgrades }
    await expect(openBackend(url, { tables: newer, readOnly: true })).rejects.toMatchObject({ code: 'READ_ONLY' })
    const both = await Promise.all([openBackend(url, { tables: newer }), openBackend(url, { tables: newer })])
    for (const backend of both) await backend.close()
    const database = new URL(url).pathname.slice(1)
    expect(await server.query('select version from holdfast.format order by version', [], database)).toEqual([
      { version },
      { version: version + 1 },
    ])
    await expect(openBackend(url)).rejects.toMatchObject({ code: 'NEWER_FORMAT' })
  })

  it('serve a role that has no more than the rights that the documents name', async () => {
    const url = await server.database()
    const database = new URL(url).pathname.slice(1)
    await (await openBackend(url)).close()
    await server.query(
      `create role agent login;
       grant usage on schema holdfast to agent;
       grant select, insert, update, delete on all tables in schema holdfast to agent`,
      [],
      database,
    )
    const store = await openPostgresStore(url.replace('holdfast@', 'agent@'), { journal: 'agents' })
    const staged = await store.stageBlob(Buffer.alloc(100_000, 'x'))
    const [event] = named('a').events
    if (event !== undefined) await store.append({ events: [{ ...event, blobs: [staged.digest] }], durability: 'sync' })
    await store.retain({ streams: [{ stream: event?.stream ?? '', before: 'all' }] }, { dryRun: false })
    expect((await store.verify({})).ok).toBe(true)
    await store.close()
    const other = await server.database()
    await expect(openPostgresStore(other.replace('holdfast@', 'agent@'))).rejects.toMatchObject({
      code: 'NO_PERMISSION',
    })
  })

  it('show themselves to people, payloads that jsonb can not hold included', async () => {
    const url = await server.database()
    const journal = await open(url)
    await journal.append('run/42', { type: 'run.begun', data: { text: 'hi' } })
    await journal.append('run/42', { type: 'odd', data: { text: '\0', half: '\ud800' } })
    await journal.append('job/7', [{ type: 'job.submitted', data: 1 }], {
      agenda: [{ id: 'a', due: 1 }],
    })
    const database = new URL(url).pathname.slice(1)
    const select = (what: string) => server.query(what, [], database)
    expect(await select('select stream, type, data from holdfast.events order by position')).toEqual([
      { stream: 'run/42', type: 'run.begun', data: { text: 'hi' } },
      { stream: 'run/42', type: 'odd', data: null },
      { stream: 'job/7', type: 'job.submitted', data: 1 },
    ])
    expect(await select('select run, last_type, events::integer from holdfast.runs')).toEqual([
      { run: '42', last_type: 'odd', events: 2 },
    ])
    expect(await select('select job, last_type from holdfast.jobs')).toEqual([{ job: '7', last_type: 'job.submitted' }])
    for (const view of ['streams', 'agenda', 'leases', 'commands']) await select(`select * from holdfast.${view}`)
    expect(await journal.read('run/42').toArray()).toMatchObject([{}, { data: { text: '\0', half: '\ud800' } }])
    await journal.close()
  })
})

describe('a server', () => {
  it.each([
    ['fsync', 'off'],
    ['full_page_writes', 'off'],
  ])(
    'that runs with %s=%s is refused, since it can lose what it acknowledged',
    { timeout: startTimeoutMs },
    async (name, value) => {
      const careless = await PostgresServer.start({ [name]: value })
      try {
        await expect(openBackend(careless.url())).rejects.toMatchObject({ code: 'UNSUPPORTED' })
      } finally {
        await careless.dispose()
      }
    },
  )

  it('that commits asynchronously is told not to, by each transaction that must be durable', async () => {
    const url = await server.database()
    const database = new URL(url).pathname.slice(1)
    await server.query(`alter database ${database} set synchronous_commit = off`)
    const store = await openPostgresStore(url)
    await store.append(named('a'))
    // What is only in memory is lost with a kill; a commit that waited is not.
    await server.kill()
    await server.run()
    await store.append(named('b'))
    await server.kill()
    await server.run()
    const again = await openPostgresStore(url)
    expect(again.head().position).toBe(2)
    const { ok, findings } = await again.verify({})
    expect({ ok, kinds: findings.map(({ kind }) => kind) }).toEqual({ ok: true, kinds: ['commits-off'] })
    await Promise.all([store.close(), again.close()])
  })

  it('that asks for a password is told apart from one that is not there', async () => {
    await server.query("create role secretive login password 'secret'")
    await server.guard('secretive')
    const url = (await server.database()).replace('holdfast@', 'secretive@')
    for (const wrong of [url, url.replace('secretive@', 'secretive:other@')]) {
      await expect(openPostgresStore(wrong)).rejects.toMatchObject({ code: 'NO_PERMISSION' })
    }
  })

  it("whose database isn't UTF-8 is refused", async () => {
    await server.query("create database latin encoding 'LATIN1' template template0 locale 'C'")
    await expect(openBackend(server.url('latin'))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('that is a standby is read, and follows', { timeout: startTimeoutMs }, async () => {
    const primary = await PostgresServer.start({ synchronous_standby_names: 's', synchronous_commit: 'remote_apply' })
    const standby = await PostgresServer.standby(primary, 's')
    try {
      const store = await openPostgresStore(primary.url())
      await store.append(named('a'))
      const reader = await openPostgresStore(standby.url())
      expect(reader.readOnly).toContain('standby')
      expect(reader.head().position).toBe(1)
      await expect(reader.append(named('b'))).rejects.toMatchObject({ code: 'READ_ONLY' })
      let stop = (): void => undefined
      const woken = new Promise<void>((resolve) => {
        stop = reader.watch(resolve)
      })
      await store.append(named('b'))
      await woken
      stop()
      await reader.refresh()
      expect(reader.head().position).toBe(2)
      await Promise.all([reader.close(), store.close()])
    } finally {
      await Promise.all([primary.dispose(), standby.dispose()])
    }
  })
})

describe('waking', () => {
  it.each(['', '?pooler=transaction'])('reaches subscribers of other processes%s', async (parameters) => {
    const url = await server.database()
    const writer = await open(url)
    const reader = await open(`${url}${parameters}`)
    const seen: unknown[] = []
    const done = (async () => {
      for await (const event of reader.subscribe()) {
        if ('notice' in event) continue
        seen.push(event.data)
        if (seen.length === 20) break
      }
    })()
    for (let n = 0; n < 20; n++) await writer.append('s', { type: 't', data: n })
    await done
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n))
    await Promise.all([writer.close(), reader.close()])
  })

  it('comes late, and not never, when the connection that listens is ended', async () => {
    const url = await server.database()
    const [writer, reader] = [await open(url), await open(url)]
    const subscription = reader.subscribe()[Symbol.asyncIterator]()
    await writer.append('s', { type: 't', data: 1 })
    expect((await subscription.next()).value).toMatchObject({ data: 1 })
    const next = subscription.next()
    await server.query("select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'")
    await writer.append('s', { type: 't', data: 2 })
    expect((await next).value).toMatchObject({ data: 2 })
    await subscription.return?.()
    await Promise.all([writer.close(), reader.close()])
  })
})

describe('an import', () => {
  it('fills a journal of a new name, or leaves nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-import-'))
    const url = await server.database()
    const journal = await open(url)
    await journal.append(
      's',
      [
        { type: 't', data: 1 },
        { type: 't', data: 2 },
      ],
      { commandId: 'c' },
    )
    const file = join(folder, 'export.jsonl')
    await journal.export(file)
    await expect(importJournal(file, url)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
    await importJournal(file, `${url}?journal=copy`)
    const copy = await open(url, { journal: 'copy', create: 'never' })
    const events = async (from: typeof journal) => (await from.read().toArray()).map(({ cursor: _, ...event }) => event)
    expect(await events(copy)).toEqual(await events(journal))
    expect(await copy.command('c')).toMatchObject({ position: 2 })
    expect(copy.epoch).not.toBe(journal.epoch)
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('{"holdfast":"no export"}\n')
    }
    await expect(importJournal(broken(), `${url}?journal=bad`)).rejects.toMatchObject({ code: 'IMPORT_INVALID' })
    await expect(open(url, { journal: 'bad', create: 'never' })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    await Promise.all([journal.close(), copy.close()])
    await rm(folder, { recursive: true })
  })
})

it('a journal moved here and back gives the same records', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-move-'))
  const url = await server.database()
  const source = await open(join(folder, 'journal'))
  const blob = await source.blobs.put(Buffer.alloc(100_000, 'x'))
  for (let n = 1; n <= 300; n++) {
    await source.append(
      `run/${n % 7}`,
      { type: `t${n % 3}`, data: { n, ...(n === 5 ? { blob } : {}) } },
      {
        commandId: `c${n}`,
        agenda: [{ id: `a${n % 11}`, due: n }],
      },
    )
  }
  await source.retain({ streams: [{ stream: 'run/3', before: 20 }] })
  await source.export(join(folder, 'before'))
  await source.close()
  await importJournal(join(folder, 'before'), url)
  const here = await open(url, { create: 'never' })
  expect((await here.verify()).ok).toBe(true)
  await here.export(join(folder, 'after'))
  await here.close()
  const records = async (name: string) => (await readFile(join(folder, name), 'utf8')).split('\n').slice(1, -2)
  expect(await records('after')).toEqual(await records('before'))
  await rm(folder, { recursive: true })
})

describe('damage', () => {
  it('to an event is found by reading and by verify', async () => {
    const url = await server.database()
    const store = await openPostgresStore(url)
    await store.append(named('abc'))
    await store.append(named('abd'))
    await change(url, "update holdfast.event set text = replace(text, 'abc', 'abx') where position = 1")
    const read = async () => {
      for await (const _ of store.read({ select: { kind: 'all' }, direction: 'forward' }));
    }
    await expect(read()).rejects.toMatchObject({ code: 'DAMAGED' })
    const { ok, findings } = await store.verify({})
    expect(ok).toBe(false)
    expect(findings.length).toBeGreaterThan(0)
    await store.close()
  })

  it.each([
    ['lease', 'update holdfast.lease set token = token + 1'],
    ['command', "update holdfast.command set text = replace(text, '1', '2')"],
    ['agenda_entry', 'update holdfast.agenda_entry set due = due + 1'],
    ['pin', 'update holdfast.pin set from_ = 5'],
    ['stream', 'update holdfast.stream set seq = seq + 1'],
    ['head', 'update holdfast.head set position = position + 1'],
  ])('to a row of %s is found where it is used, before it is acted on', async (table, text) => {
    const url = await server.database()
    const store = await openPostgresStore(url)
    const lease = { lease: 'l', op: 'acquire', owner: 'o', ttlMs: 60_000 } as const
    const pins = [{ pin: 'p', from: 1 }]
    await store.append({ ...named('a'), leases: [lease], agenda: [{ id: 'i', due: 1 }], pins })
    await change(url, text)
    const uses: Readonly<Record<string, () => Promise<unknown>>> = {
      lease: () => store.append({ ...named('b'), fences: [{ lease: 'l', token: 2 }] }),
      command: () => store.append(named('a')),
      agenda_entry: () => store.agenda({}),
      pin: () => store.pins(),
      stream: () => store.append(named('b')),
      head: () => store.append(named('b')),
    }
    await expect(uses[table]?.()).rejects.toMatchObject({ code: 'DAMAGED' })
    await store.close()
  })
})

async function change(url: string, text: string): Promise<void> {
  expect(await server.query(`${text} returning 1`, [], new URL(url).pathname.slice(1))).toHaveLength(1)
}
