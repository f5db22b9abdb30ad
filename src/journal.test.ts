import { describe, expect, expectTypeOf, it } from 'vitest'
import type { StandardSchema } from './core/schema.ts'
import type { EventDefinition, JournalEvent } from './index.ts'
import { createJournal, type Journal } from './journal.ts'
import type { Store } from './stores/store.ts'
import { memoryJournal } from './testing/memory-journal.ts'

function schemaOf<Input, Output = Input>(parse: (value: unknown) => Output): StandardSchema<Input, Output> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: parse(value) }) } }
}

describe('a journal with definitions', () => {
  const events = {
    'note.added': { schema: schemaOf<{ readonly text: string }>((value) => value as { readonly text: string }) },
    'note.rated': {
      schema: schemaOf<string, number>(Number),
      version: 2,
      upcast: { 1: (data: unknown) => (data as { readonly stars: number }).stars },
    },
  } satisfies Record<string, EventDefinition>

  it('is typed from end to end', async () => {
    const { journal } = memoryJournal({ events })
    await journal.append('notes/1', { type: 'note.added', data: { text: 'hi' } })
    await journal.append('notes/1', [{ type: 'note.rated', data: '4' }])
    await journal.append([{ stream: 'notes/2', type: 'note.rated', data: '5' }], { expect: { 'notes/2': 'none' } })
    // @ts-expect-error the type has no definition
    const unknownType = journal.append('notes/1', { type: 'note.lost' })
    // @ts-expect-error the data is not what the schema takes
    const wrongData = journal.append('notes/1', { type: 'note.rated', data: 4 })
    await Promise.all([unknownType, wrongData])

    const ratings: number[] = []
    for await (const event of journal.read('notes/1')) {
      if (event.type === 'note.rated') {
        expectTypeOf(event.data).toEqualTypeOf<number>()
        ratings.push(event.data)
      } else if (event.type === 'note.added') {
        expectTypeOf(event).toEqualTypeOf<JournalEvent<'note.added', { readonly text: string }>>()
        expect(event.data.text).toBe('hi')
      }
    }
    expect(ratings).toEqual([4, 4])
    for await (const item of journal.subscribe()) {
      if ('notice' in item) expectTypeOf(item.notice).toEqualTypeOf<'removed' | 'reset'>()
      else if (item.type === 'note.added') expectTypeOf(item.data.text).toEqualTypeOf<string>()
      break
    }
    const untyped: Journal = journal.untyped
    await untyped.append('runs/1', { type: 'run.started', data: 1 })
    expect(await untyped.tail(1)).toMatchObject([{ type: 'run.started', data: 1 }])
  })

  it('brings older versions up to date', async () => {
    const { journal, store } = memoryJournal({ events })
    const old = { stream: 'notes/1', type: 'note.rated', version: 1, data: '{"stars":3}' }
    await store.append({ events: [old], durability: 'sync' })
    expect(await journal.read().toArray()).toMatchObject([{ version: 1, data: 3 }])
    await store.append({ events: [{ ...old, version: 3 }], durability: 'sync' })
    await expect(journal.read().toArray()).rejects.toMatchObject({ code: 'UNKNOWN_VERSION' })
  })

  it('without definitions takes any type and gives unknown data', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', { type: 'anything', data: 1 })
    const [event] = await journal.read().toArray()
    expectTypeOf(event?.data).toEqualTypeOf<unknown>()
    expectTypeOf(event?.type).toEqualTypeOf<string | undefined>()
  })
})

describe('a journal', () => {
  it('says who it is', () => {
    const { journal } = memoryJournal()
    expect(journal).toMatchObject({ target: 'memory:', readOnly: undefined })
    expect(journal.id).toMatch(/^[0-9a-f]{32}$/)
    expect(journal.epoch).toMatch(/^[0-9a-f]{32}$/)
    expect(memoryJournal().journal.id).toBe(journal.id)
    expect(memoryJournal({ seed: 2 }).journal.id).not.toBe(journal.id)
  })

  it('is healthy when it can write and read, and says what fails', async () => {
    const { journal, store } = memoryJournal()
    await journal.append('a', { type: 'noted' })
    expect(await journal.health()).toEqual({
      ok: true,
      checks: [
        { name: 'write', ok: true, ms: 0 },
        { name: 'read', ok: true, ms: 0 },
      ],
    })
    store.probe = () => Promise.reject(new Error('disk'))
    const health = await journal.health()
    expect(health).toMatchObject({ ok: false, checks: [{ name: 'write', ok: false }, { ok: true }] })
  })

  it('does not try to write when it is open for reading only', async () => {
    const { store } = memoryJournal()
    const readOnly = new Proxy(store as Store, {
      get(target, name) {
        const value: unknown = name === 'readOnly' ? 'opened so' : Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const journal = createJournal(readOnly, { retention: { bytesMax: 0 } })
    expect(journal.readOnly).toBe('opened so')
    expect((await journal.health()).checks.map((check) => check.name)).toEqual(['read'])
  })

  it('verifies, counts, reopens, and has no backup in memory', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', { type: 'noted' }, { commandId: 'c' })
    const progress: number[] = []
    const report = await journal.verify({ progress: ({ bytesDone }) => progress.push(bytesDone) })
    expect(report).toMatchObject({ ok: true, events: 1, findings: [] })
    expect(progress.at(-1)).toBe(report.bytes)
    await expect(journal.verify({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await journal.stats()).toMatchObject({ events: 1, streams: 1, commands: 1 })
    await journal.reopen()
    await expect(journal.backup('x')).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('closes once, and refuses everything afterwards', async () => {
    const { journal } = memoryJournal()
    await Promise.all([journal.close(), journal.close(), journal[Symbol.asyncDispose]()])
    const calls = [
      journal.append('a', { type: 'noted' }),
      journal.read().toArray(),
      journal.tail(1),
      journal.head(),
      journal.head('a'),
      journal.streams().next(),
      journal.cursor(),
      journal.command('c'),
      journal.retain({}),
      journal.flush(),
      journal.verify(),
      journal.stats(),
      journal.blobs.put('x'),
      journal.agenda.due(),
      journal.leases.acquire('l', { owner: 'o', ttl: 1 }),
      journal.pins.list(),
      journal.reopen(),
    ]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await journal.health()).toMatchObject({ ok: false })
  })
})
