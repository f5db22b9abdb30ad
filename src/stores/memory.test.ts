// The conformance suite holds the memory store to the whole port; here stands what is its own: import, sharing
// nothing with callers, and the exact figures of retention.

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bodySum, hex8 } from '../core/record.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import { type MemoryStore, memoryStore } from './memory.ts'
import type { Batch, EncodedEvent, ImportRecord, RawEvent, ReadItem, ReadQuery, StoreManifest } from './store.ts'

interface Bench {
  readonly store: MemoryStore
  readonly clock: { time: number }
}

function bench(): Bench {
  const state = { time: 1_000 }
  const clock: Clock = { now: () => state.time, after: () => ({ cancel() {} }) }
  let drawn = 0
  const store = memoryStore({ clock, random: { hex: (bytes) => String(++drawn).padStart(bytes * 2, '0') } })
  return { store, clock: state }
}

function event(stream: string, data: unknown = null, blobs?: readonly string[]): EncodedEvent {
  return { stream, type: 'noted', version: 1, data: JSON.stringify(data), ...(blobs === undefined ? {} : { blobs }) }
}

function append(store: MemoryStore, events: readonly EncodedEvent[], rest: Partial<Batch> = {}) {
  return store.append({ events, durability: 'sync', ...rest })
}

async function readAll(store: MemoryStore, query: Partial<ReadQuery> = {}): Promise<readonly ReadItem[]> {
  const items: ReadItem[] = []
  for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward', ...query })) items.push(...page)
  return items
}

async function positions(store: MemoryStore, query: Partial<ReadQuery> = {}): Promise<readonly unknown[]> {
  const items = await readAll(store, query)
  return items.map((item) => ('removed' in item ? [item.removed.from, item.removed.to] : item.position))
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  return promise.then(
    () => undefined,
    (error: { readonly code: ErrorCode }) => error.code,
  )
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

const tell: Partial<ReadQuery> = { tellRemoved: true }

describe('reading', () => {
  it('gives new objects at every read', async () => {
    const { store } = bench()
    await append(store, [event('a', { list: [1] })])
    const [first] = (await readAll(store)) as readonly RawEvent[]
    const data = first?.data as { list: number[] } | undefined
    data?.list.push(2)
    expect((await readAll(store))[0]).toMatchObject({ data: { list: [1] }, more: false, tagged: false })
  })

  it('keeps its place when retention runs between two pages', async () => {
    const { store } = bench()
    for (let index = 0; index < 3_000; index++) await append(store, [event(index % 2 === 0 ? 'a' : 'b')])
    const seen: number[] = []
    let isFirst = true
    for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) {
      seen.push(...page.map((item) => (item as RawEvent).position))
      if (isFirst) await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
      isFirst = false
    }
    const expected = Array.from({ length: 3_000 }, (_, index) => index + 1).filter((p) => p <= 1_024 || p % 2 === 0)
    expect(seen).toEqual(expected)
  })

  it('ends at what was newest when it began', async () => {
    const { store } = bench()
    for (let index = 0; index < 2_000; index++) await append(store, [event('a')])
    let count = 0
    for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) {
      count += page.length
      await append(store, [event('a')])
    }
    expect(count).toBe(2_000)
  })

  it('filters, then limits, backward too', async () => {
    const { store } = bench()
    for (let index = 0; index < 10; index++) await append(store, [event(`s/${index % 3}`)])
    expect(await positions(store, { select: { kind: 'prefix', prefix: 's/1' }, limit: 2 })).toEqual([2, 5])
    expect(await positions(store, { direction: 'backward', from: 3, to: 6 })).toEqual([6, 5, 4, 3])
    const last = { select: { kind: 'stream', stream: 's/0' }, direction: 'backward', limit: 2 } as const
    expect(await positions(store, last)).toEqual([10, 7])
    expect(await positions(store, { types: new Set(['other']) })).toEqual([])
  })
})

describe('retention', () => {
  // C2.7, C4.4
  it('removes by time, keeps what a hard pin holds, and says which', async () => {
    const { store, clock } = bench()
    await append(store, [event('a'), event('b'), event('a')])
    await append(store, [], { pins: [{ pin: 'undo', stream: 'a', from: 2 }] })
    clock.time = 2_000
    await append(store, [event('b')])
    const dry = await store.retain({ before: 2_000 }, { dryRun: true })
    const report = await store.retain({ before: 2_000 }, { dryRun: false })
    expect(report).toMatchObject({ events: 2, streams: 2, heldBy: ['undo'], dryRun: false })
    expect({ ...dry, dryRun: false }).toEqual(report)
    expect(await positions(store, tell)).toEqual([[1, 2], 3, 4])
    expect(await positions(store, { ...tell, select: { kind: 'stream', stream: 'b' } })).toEqual([[1, 1], 4])
    expect(await store.stream('a')).toEqual({ stream: 'a', seq: 2, position: 3, earliest: 2 })
    expect(store.head()).toMatchObject({ position: 4, earliest: 3 })
  })

  it('lets a size limit beat soft pins but not hard ones', async () => {
    const { store } = bench()
    await append(store, [event('a'), event('b'), event('c')])
    const pins = [
      { pin: 'hard', stream: 'b', from: 1 },
      { pin: 'soft', from: 1, ttlMs: 60_000 },
    ]
    await append(store, [], { pins })
    expect(await store.retain({ before: 5_000 }, { dryRun: false })).toMatchObject({
      events: 0,
      heldBy: ['hard', 'soft'],
    })
    expect(await store.retain({ bytesMax: 0 }, { dryRun: false })).toMatchObject({
      events: 2,
      heldBy: ['hard', 'soft'],
    })
    expect(await positions(store, tell)).toEqual([[1, 1], 2, [3, 3]])
  })

  it('forgets soft pins that ran out', async () => {
    const { store, clock } = bench()
    await append(store, [event('a')], { pins: [{ pin: 'soft', from: 1, ttlMs: 10 }] })
    clock.time += 10
    expect(await store.pins()).toEqual([])
    expect(await store.retain({ before: 9_999 }, { dryRun: false })).toMatchObject({ events: 1, heldBy: [] })
  })

  it('joins removed ranges that touch, and tells a prefix only of its own', async () => {
    const { store } = bench()
    for (const stream of ['x/1', 'y/1', 'x/2', 'y/2', 'x/3']) await append(store, [event(stream)])
    const drop = (stream: string) => store.retain({ streams: [{ stream, before: 'all' }] }, { dryRun: false })
    await drop('x/1')
    await drop('x/2')
    expect(await positions(store, tell)).toEqual([[1, 1], 2, [3, 3], 4, 5])
    await drop('y/1')
    expect(await positions(store, tell)).toEqual([[1, 3], 4, 5])
    expect(await positions(store, { ...tell, select: { kind: 'prefix', prefix: 'y/2' } })).toEqual([4])
    expect(await positions(store, { ...tell, select: { kind: 'prefix', prefix: 'x/' }, from: 2 })).toEqual([[2, 3], 5])
  })

  it('never gives a number out again', async () => {
    const { store } = bench()
    await append(store, [event('a'), event('a')])
    await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
    expect(await append(store, [event('a')])).toMatchObject({ position: 3, seq: 3 })
    expect(await codeOf(append(store, [event('a')], { expect: new Map([['a', 0]]) }))).toBe('SEQ_CONFLICT')
  })

  it('removes what batches released, and forgets commands by age', async () => {
    const { store, clock } = bench()
    const command = { id: 'c1', digest: 'd' }
    await append(store, [event('a'), event('a')], { command, releases: [{ stream: 'a', through: 1 }] })
    clock.time = 3_000
    const rule = { released: true, commandsBefore: 2_000 }
    expect(await store.retain(rule, { dryRun: true })).toMatchObject({ events: 1, commands: 1 })
    expect(await store.command('c1')).toMatchObject({ position: 2, duplicate: true })
    await store.retain(rule, { dryRun: false })
    expect(await store.command('c1')).toBeUndefined()
    expect(await positions(store)).toEqual([2])
  })
})

describe('blobs', () => {
  it('go when no event names them and nobody claims them', async () => {
    const { store } = bench()
    const named = await store.stageBlob(Buffer.from('named'))
    const claimed = await store.stageBlob(Buffer.from('claimed'))
    const again = await store.stageBlob(Buffer.from('named'))
    await append(store, [event('a', null, [named.digest])])
    const rule = { streams: [{ stream: 'a', before: 'all' as const }] }
    expect(await store.retain(rule, { dryRun: false })).toMatchObject({ events: 1, blobs: 0 })
    again.release()
    expect(await store.retain({}, { dryRun: false })).toMatchObject({ blobs: 1 })
    expect(await store.blob(named.digest)).toBeUndefined()
    expect(await store.blob(claimed.digest)).toEqual({ digest: claimed.digest, bytes: 7 })
    claimed.release()
    claimed.release()
    expect(await codeOf(append(store, [event('a', null, [claimed.digest])]))).toBe('BLOB_MISSING')
  })

  it('stay claimed when the append was refused', async () => {
    const { store } = bench()
    const { digest } = await store.stageBlob(Buffer.from('x'))
    const refused = append(store, [event('a', null, [digest])], { expect: new Map([['a', 7]]) })
    expect(await codeOf(refused)).toBe('SEQ_CONFLICT')
    await store.retain({}, { dryRun: false })
    expect(await append(store, [event('a', null, [digest])])).toMatchObject({ seq: 1 })
  })
})

describe('closing', () => {
  it('rejects everything afterwards, and wakes watchers once more', async () => {
    const { store } = bench()
    let woken = 0
    store.watch(() => woken++)
    await store.close()
    await store.close()
    expect(woken).toBe(1)
    const staged = store.stageBlob(Buffer.from('x'))
    const calls = [
      append(store, [event('a')]),
      store.flush(),
      readAll(store),
      store.stream('a'),
      store.streams({})[Symbol.asyncIterator]().next(),
      store.refresh(),
      store.command('c'),
      store.agenda({}),
      store.lease('l'),
      store.pins(),
      staged,
      store.blob('d'),
      store.readBlob('d')[Symbol.asyncIterator]().next(),
      store.retain({}, { dryRun: true }),
      store.verify({}),
      store.stats(),
      store.probe(),
      store.backup('x', {}),
      store.reopen(),
      store.load(each([])),
    ]
    expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => 'CLOSED'))
    expect(() => store.head()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('says what it is', () => {
    const { store } = bench()
    expect(store.manifest satisfies StoreManifest).toMatchObject({ name: 'memory', persistent: false })
    expect(store.identity().epoch).not.toBe(store.identity().journalId)
  })
})

describe('import', () => {
  async function exported(store: MemoryStore): Promise<ImportRecord[]> {
    const records: ImportRecord[] = []
    for (const item of (await readAll(store, { withText: true })) as readonly RawEvent[]) {
      records.push({ event: { text: item.text ?? '', sum: item.sum } })
    }
    return records
  }

  async function source(): Promise<ImportRecord[]> {
    const { store, clock } = bench()
    await append(store, [event('a', { ä: '€' }), event('b')])
    clock.time = 5_000
    await append(store, [event('a', [1, 2])])
    return exported(store)
  }

  it('adopts places, times, texts and sums as they are', async () => {
    const records = await source()
    const { store } = bench()
    await store.load(each(records))
    expect(await exported(store)).toEqual(records)
    expect(store.head()).toEqual({ position: 3, appended: 3, earliest: 1, time: 5_000 })
    // The journal's time goes on from the newest event, even though this clock is behind.
    await append(store, [event('b')])
    expect(await readAll(store, { from: 4 })).toMatchObject([{ position: 4, stream: 'b', seq: 2, time: 5_000 }])
    expect(await store.verify({})).toMatchObject({ ok: true, events: 4 })
  })

  it('takes control records, and goes on after removed numbers', async () => {
    const [first, second, third] = await source()
    const removed = { control: 'removed', from: 1, to: 1, count: 1, streams: [['a', 1, 1]] }
    const gone = { control: 'removed', from: 4, to: 9, count: 6, streams: [['c', 1, 6]] }
    const controls = [
      { control: 'agenda', id: 'wake', due: 7, data: { n: 1 } },
      { control: 'lease', lease: 'l', owner: 'o', token: 4, until: 9, held: true },
      { control: 'command', id: 'c', time: 6_000, digest: 'd', position: 3, events: [['a', 2, 3]] },
      { control: 'pin', pin: 'p', stream: 'a', from: 2 },
    ].map((control) => ({ control: JSON.stringify(control) }))
    const { store } = bench()
    const records = [
      { control: JSON.stringify(removed) },
      second,
      third,
      ...controls,
      { control: JSON.stringify(gone) },
    ]
    await store.load(each(records as ImportRecord[]))
    expect(first).toBeDefined()
    expect(await positions(store, tell)).toEqual([[1, 1], 2, 3, [4, 9]])
    expect(await store.agenda({})).toEqual([{ id: 'wake', due: 7, data: '{"n":1}' }])
    expect(await store.lease('l')).toMatchObject({ token: 4 })
    expect(await store.command('c')).toMatchObject({ position: 3, seq: 2 })
    expect(await store.pins()).toEqual([{ pin: 'p', stream: 'a', from: 2, until: undefined }])
    expect(await append(store, [event('c')])).toMatchObject({ position: 10, seq: 7 })
  })

  it('takes all or nothing, and names the record that is wrong', async () => {
    const records = await source()
    const [first, second, third] = records as [ImportRecord, ImportRecord, ImportRecord]
    const text = second.event?.text ?? ''
    const cases: readonly [readonly ImportRecord[], number][] = [
      [[first, { event: { text: text.replace('"b"', '"c"'), sum: second.event?.sum ?? '' } }], 1],
      [[second, first], 1],
      [[third], 0],
      [[first, first], 1],
      [[first, { event: { text: '}', sum: '00000000' } }], 1],
      [[first, {}], 1],
      [[first, { control: '{"control":"unknown"}' }], 1],
      [[first, { control: 'not json' }], 1],
      [[first, { control: '{"control":"agenda","id":1,"due":2}' }], 1],
      [[first, { control: '{"control":"removed","from":2,"to":1,"count":1,"streams":[]}' }], 1],
      [[first, { control: '{"control":"removed","from":2,"to":2,"count":1,"streams":[["a",2,2]]}' }], 1],
      [[{ control: '{"control":"blob","digest":"00","bytes":1,"data":"AA=="}' }], 0],
    ]
    for (const [bad, index] of cases) {
      const { store } = bench()
      const error = await store.load(each(bad)).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'IMPORT_INVALID', details: { index } })
      expect(store.head().position).toBe(0)
      await store.load(each(records))
      expect(store.head().position).toBe(3)
    }
  })

  it('takes every kind of control record', async () => {
    const content = Buffer.from('hello')
    const inline = createHash('sha256').update(content).digest('hex')
    const outside = createHash('sha256').update('large').digest('hex')
    const { store: source } = bench()
    for (const text of ['hello', 'large']) await source.stageBlob(Buffer.from(text))
    await append(source, [event('a', null, [inline]), event('b'), event('a', null, [outside])])
    const [first, second, third] = await exported(source)
    const controls = [
      { control: 'blob', digest: inline, bytes: 5, data: content.toString('base64') },
      { control: 'blob', digest: outside, bytes: 5, chunks: [[outside, 5]] },
      { control: 'agenda', id: 'x', due: 1 },
      { control: 'agenda', id: 'x', due: null },
      { control: 'pin', pin: 'p', from: 1, until: 5 },
      { control: 'pin', pin: 'p', from: null },
      { control: 'command', id: 'old', time: 1, digest: 'd', position: 0, events: [], leases: [['l', 1, 2]] },
      { control: 'forget', before: 2 },
      { control: 'released', stream: 'a', through: 2 },
      { control: 'retain', time: 1 },
      { control: 'rewrite', time: 1 },
      { control: 'witness', time: 9_000 },
    ].map((control) => ({ control: JSON.stringify(control) }))
    const records = [...controls, first, second, third] as ImportRecord[]
    const { store } = bench()
    // What is kept outside the records must be there before.
    expect(await codeOf(store.load(each(records)))).toBe('IMPORT_INVALID')
    await store.stageBlob(Buffer.from('large'))
    await store.load(each(records))
    expect(await store.stats()).toMatchObject({ events: 3, blobs: 2, agenda: 0, pins: 0, commands: 0 })
    expect(await store.retain({ released: true }, { dryRun: true })).toMatchObject({ events: 2 })
    await append(store, [event('a')])
    expect(await readAll(store, { from: 4 })).toMatchObject([{ time: 9_000 }])
  })

  it('tells apart what was removed among events that stayed', async () => {
    const [first, second, third] = await source()
    const removed = { control: 'removed', from: 1, to: 9, count: 3, streams: [['z', 1, 3]] }
    const { store } = bench()
    await store.load(each([{ control: JSON.stringify(removed) }, first, second, third] as ImportRecord[]))
    expect(await positions(store, tell)).toEqual([1, 2, 3, [4, 9]])
    expect(await append(store, [event('z')])).toMatchObject({ position: 10, seq: 4 })
    const wrong = { control: 'removed', from: 5, to: 4, count: 3, streams: [] }
    expect(await codeOf(bench().store.load(each([{ control: JSON.stringify(wrong) }])))).toBe('IMPORT_INVALID')
  })

  it('refuses events whose fields are not of their kind', async () => {
    const head = '{"position":1,"stream":"a","seq":1,"time":1,"type":"t","data":1'
    const bodies = [
      head.replace('"position":1', '"position":0'),
      head.replace('"seq":1', '"seq":1.5'),
      head.replace('"stream":"a"', '"stream":7'),
      head.replace('"type":"t"', '"type":null'),
      head.replace('"time":1', '"time":"now"'),
      `${head},"blobs":"none"`,
      `${head},"version":0`,
    ]
    for (const body of bodies) {
      const record = { event: { text: `${body}}`, sum: hex8(bodySum(body)) } }
      expect(await codeOf(bench().store.load(each([record]))), body).toBe('IMPORT_INVALID')
    }
    const later = head
      .replace('"position":1', '"position":2')
      .replace('"seq":1', '"seq":2')
      .replace('"time":1', '"time":0')
    const records = [head, later].map((body) => ({ event: { text: `${body}}`, sum: hex8(bodySum(body)) } }))
    expect(await codeOf(bench().store.load(each(records)))).toBe('IMPORT_INVALID')
  })

  it('needs an empty journal, also at the end', async () => {
    const records = await source()
    const { store } = bench()
    await append(store, [event('a')])
    expect(await codeOf(store.load(each(records)))).toBe('TARGET_NOT_EMPTY')
    const other = bench().store
    async function* meanwhile(): AsyncGenerator<ImportRecord> {
      yield* records
      await append(other, [event('z')])
    }
    expect(await codeOf(other.load(meanwhile()))).toBe('TARGET_NOT_EMPTY')
    expect(await positions(other)).toEqual([1])
  })
})
