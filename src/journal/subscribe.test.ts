// C5.3, C5.4, C5.6, C5.8

import { describe, expect, it } from 'vitest'
import { encodeCursor } from '../core/cursor.ts'
import { HoldfastError } from '../errors.ts'
import { createJournal } from '../journal.ts'
import type { Store } from '../stores/store.ts'
import { memoryJournal } from '../testing/memory-journal.ts'
import type { JournalEvent } from './event.ts'
import type { Notice } from './subscribe.ts'
import type { SubscribeOptions } from './subscribe-options.ts'

type Item = JournalEvent | Notice

function iterate(items: AsyncIterable<Item>): { take(count: number): Promise<unknown[]>; end(): Promise<unknown> } {
  const iterator = items[Symbol.asyncIterator]()
  return {
    async take(count) {
      const shown: unknown[] = []
      for (let index = 0; index < count; index++) {
        const { value, done } = await iterator.next()
        shown.push(done === true ? 'end' : show(value))
      }
      return shown
    },
    end: async () => iterator.return?.(),
  }
}

/** An event as its position, a removed range as a pair, a reset as its reason. */
function show(item: Item): unknown {
  if (!('notice' in item)) return item.position
  return item.notice === 'removed' ? [item.from, item.to] : item.reason
}

/** Replaces methods of a store; the others work on the store itself. */
function withMethods(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const own = (methods as Record<PropertyKey, unknown>)[name]
      const value: unknown = own ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(own === undefined ? target : methods) : value
    },
  })
}

const noted = { type: 'noted' }

describe('subscribe', () => {
  it('looks again no sooner than its pace says, and ends at once all the same', async () => {
    const { journal, store, clock } = memoryJournal()
    let reads = 0
    const { read } = store
    store.read = (query) => {
      reads += 1
      return read.call(store, query)
    }
    await journal.append('a', noted)
    const items = iterate(journal.subscribe({ select: 'a', pace: 50 }))
    expect(await items.take(1)).toEqual([1])
    const next = items.take(3)
    for (let index = 0; index < 3; index++) {
      await journal.append('a', noted)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const whileResting = reads
    clock.advance(50)
    expect(await next).toEqual([2, 3, 4])
    expect(reads - whileResting).toBe(1)
    const last = items.take(1)
    await journal.append('a', noted)
    await new Promise((resolve) => setImmediate(resolve))
    await journal.close()
    expect(await last).toEqual(['end'])
    expect(clock.waiting).toBe(0)
  })

  it('replays, then goes on live', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', [noted, noted])
    const items = iterate(journal.subscribe())
    expect(await items.take(2)).toEqual([1, 2])
    const next = items.take(3)
    await journal.append('a', noted)
    await journal.append('b', [noted, noted])
    expect(await next).toEqual([3, 4, 5])
    await items.end()
  })

  it('gives every event once and in order while others append', async () => {
    const { journal } = memoryJournal()
    const total = 6_000
    const append = async (worker: number): Promise<void> => {
      for (let n = 0; n < total / 10; n++) {
        await journal.append(`w/${worker}`, { type: n % 3 === 0 ? 'third' : 'other', data: n })
        if (n % 50 === worker) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const follow = async (options: SubscribeOptions, count: number): Promise<readonly JournalEvent[]> => {
      const events: JournalEvent[] = []
      for await (const item of journal.subscribe(options)) {
        expect('notice' in item).toBe(false)
        events.push(item as JournalEvent)
        if (events.length === count) break
      }
      return events
    }
    const followers = [
      follow({}, total),
      follow({ from: 'now' }, total),
      follow({ select: 'w/3' }, total / 10),
      follow({ select: { prefix: 'w/' }, types: 'third' }, total / 3),
      follow({ select: 'w/5', from: 'now' }, total / 10),
    ]
    await Promise.all(Array.from({ length: 10 }, (_, worker) => append(worker)))
    const [all, now, third, thirds, fifth] = await Promise.all(followers)
    const everything = Array.from({ length: total }, (_, index) => index + 1)
    expect(all?.map((event) => event.position)).toEqual(everything)
    expect(now?.map((event) => event.position)).toEqual(everything)
    expect(third?.map((event) => event.seq)).toEqual(everything.slice(0, total / 10))
    expect(fifth?.map((event) => event.seq)).toEqual(everything.slice(0, total / 10))
    expect(thirds?.every((event) => event.type === 'third')).toBe(true)
    expect(new Set(thirds?.map((event) => event.position)).size).toBe(total / 3)
  })

  it('goes on exactly behind a cursor, a position or a seq', async () => {
    const { journal } = memoryJournal()
    await journal.append([
      { stream: 'a', ...noted },
      { stream: 'b', ...noted },
      { stream: 'a', ...noted },
    ])
    const after = await journal.cursor()
    await journal.append([
      { stream: 'b', ...noted },
      { stream: 'a', ...noted },
    ])
    expect(await iterate(journal.subscribe({ after })).take(2)).toEqual([4, 5])
    expect(await iterate(journal.subscribe({ after, select: 'a' })).take(1)).toEqual([5])
    expect(await iterate(journal.subscribe({ after: 2 })).take(2)).toEqual([3, 4])
    expect(await iterate(journal.subscribe({ after: 2, select: 'a' })).take(1)).toEqual([5])
    expect(await iterate(journal.subscribe({ after: 0, select: 'b' })).take(2)).toEqual([2, 4])
  })

  it('begins now at the time of the call, not of the iteration', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', noted)
    const all = journal.subscribe({ from: 'now' })
    const ofA = journal.subscribe({ from: 'now', select: 'a' })
    const ofNew = journal.subscribe({ from: 'now', select: 'new' })
    await journal.append('a', noted)
    await journal.append('new', noted)
    expect(await iterate(all).take(2)).toEqual([2, 3])
    expect(await iterate(ofA).take(1)).toEqual([2])
    expect(await iterate(ofNew).take(1)).toEqual([3])
  })

  it('ends on abort, before, while it waits, and with events at hand', async () => {
    const { journal } = memoryJournal()
    const abort = new AbortController()
    const items = iterate(journal.subscribe({ signal: abort.signal }))
    const waiting = items.take(2)
    abort.abort()
    expect(await waiting).toEqual(['end', 'end'])
    expect(await iterate(journal.subscribe({ signal: abort.signal })).take(1)).toEqual(['end'])
    await journal.append('a', [noted, noted])
    const later = new AbortController()
    const buffered = iterate(journal.subscribe({ signal: later.signal }))
    expect(await buffered.take(1)).toEqual([1])
    later.abort()
    expect(await buffered.take(1)).toEqual(['end'])
  })

  it('ends when the journal closes, and when its consumer leaves while it waits', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', noted)
    const items = iterate(journal.subscribe())
    const left = iterate(journal.subscribe())
    expect(await items.take(1)).toEqual([1])
    expect(await left.take(1)).toEqual([1])
    const waitingLeft = left.take(1)
    await left.end()
    expect(await waitingLeft).toEqual(['end'])
    const waiting = items.take(1)
    await journal.close()
    expect(await waiting).toEqual(['end'])
    expect(await iterate(journal.subscribe()).take(1)).toEqual(['end'])
    expect(await iterate(journal.subscribe({ from: 'now' })).take(1)).toEqual(['end'])
  })

  it('refuses wrong options at the call', () => {
    const { journal } = memoryJournal()
    const wrong = [
      { after: 1, from: 'now' },
      { after: -1 },
      { from: 'later' },
      { select: {} },
      { types: [''] },
      { pin: { name: '', ttl: 1 } },
      { pin: { name: 'p', ttl: 'x' } },
    ]
    for (const options of wrong) {
      expect(() => journal.subscribe(options as SubscribeOptions), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      )
    }
  })

  it('pulls: a slow consumer holds one page, however much is there', async () => {
    const { journal, store } = memoryJournal()
    for (let n = 0; n < 20; n++) await journal.append('a', new Array(1_000).fill(noted))
    let pages = 0
    const counting = withMethods(store, {
      async *read(query) {
        for await (const page of store.read(query)) {
          pages++
          yield page
        }
      },
    })
    const items = iterate(createJournal(counting).subscribe())
    expect(await items.take(2)).toEqual([1, 2])
    await journal.append('a', noted)
    expect(pages).toBe(1)
    await items.end()
  })

  it('tells what was removed inside the history', async () => {
    const { journal } = memoryJournal()
    for (const stream of ['a', 'b', 'b', 'a', 'b', 'c']) await journal.append(stream, noted)
    await journal.retain({ streams: [{ stream: 'b', before: 'all' }] })
    const items = journal.subscribe()
    expect(await iterate(items).take(5)).toEqual([1, [2, 3], 4, [5, 5], 6])
    const notices: Notice[] = []
    for await (const item of items) {
      if ('notice' in item) notices.push(item)
      if (notices.length === 2) break
    }
    const cursors = notices.map((notice) => (notice.notice === 'removed' ? notice.cursor : ''))
    expect(await iterate(journal.subscribe({ after: cursors[0] ?? '' })).take(2)).toEqual([4, [5, 5]])
    expect(await iterate(journal.subscribe({ after: cursors[1] ?? '' })).take(1)).toEqual([6])
    expect(await iterate(journal.subscribe({ select: { prefix: 'c' } })).take(1)).toEqual([6])
  })

  it('starts at the earliest retained without a word, when it was not told where', async () => {
    const { journal } = memoryJournal()
    for (const stream of ['a', 'b', 'a']) await journal.append(stream, noted)
    await journal.retain({ streams: [{ stream: 'a', before: 2 }] })
    expect(await iterate(journal.subscribe()).take(2)).toEqual([2, 3])
    expect(await iterate(journal.subscribe({ after: 0 })).take(2)).toEqual([2, 3])
    expect(await iterate(journal.subscribe({ select: 'a' })).take(1)).toEqual([3])
  })
})

describe('reset', () => {
  it('is told when the cursor can not be honoured, and the iteration starts again', async () => {
    const { journal } = memoryJournal()
    const first = await journal.cursor()
    for (let n = 0; n < 5; n++) await journal.append('a', noted)
    const { epoch } = journal
    const cases = [
      [encodeCursor({ epoch: 'e'.repeat(32), position: 2, sum: '00000001' }), 'other-epoch'],
      [encodeCursor({ epoch, position: 6, sum: '00000001' }), 'newer-than-newest'],
      [encodeCursor({ epoch, position: 2, sum: '00000001' }), 'checksum-mismatch'],
      [6, 'newer-than-newest'],
    ] as const
    for (const [after, reason] of cases) {
      expect(await iterate(journal.subscribe({ after })).take(3)).toEqual([reason, 1, 2])
      expect(await iterate(journal.subscribe({ after, select: 'a' })).take(2)).toEqual([reason, 1])
    }
    await journal.retain({ streams: [{ stream: 'a', before: 4 }] })
    for (const after of [first, 1, 2]) {
      expect(await iterate(journal.subscribe({ after })).take(2)).toEqual(['older-than-retained', 4])
      expect(await iterate(journal.subscribe({ after, select: 'a' })).take(2)).toEqual(['older-than-retained', 4])
    }
    expect(await iterate(journal.subscribe({ after: 3 })).take(1)).toEqual([4])
    const [notice] = await journal
      .subscribe({ after: first })
      [Symbol.asyncIterator]()
      .next()
      .then(({ value }) => [value])
    const startAgain = (notice as { readonly startAgain: string }).startAgain
    expect(await iterate(journal.subscribe({ after: startAgain })).take(2)).toEqual([4, 5])
  })

  it('of an emptied journal starts with what comes', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', [noted, noted])
    await journal.retain({ streams: [{ stream: 'a', before: 'all' }] })
    const items = iterate(journal.subscribe({ after: 1 }))
    expect(await items.take(1)).toEqual(['older-than-retained'])
    await journal.append('a', noted)
    expect(await items.take(1)).toEqual([3])
  })

  it('is told to who follows a stream by cursor, when all that was left of the stream is gone', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', [noted, noted])
    const [first] = await journal.read('a').toArray()
    await journal.append('b', noted)
    await journal.retain({ streams: [{ stream: 'a', before: 'all' }] })
    const items = iterate(journal.subscribe({ select: 'a', after: first?.cursor ?? '' }))
    expect(await items.take(1)).toEqual(['older-than-retained'])
    await journal.append('a', noted)
    expect(await items.take(1)).toEqual([4])
  })

  it('is told to a subscriber whom retention overtook', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', new Array(3_000).fill(noted))
    const all = iterate(journal.subscribe())
    const stream = iterate(journal.subscribe({ select: 'a' }))
    expect([await all.take(1), await stream.take(1)]).toEqual([[1], [1]])
    await journal.retain({ streams: [{ stream: 'a', before: 2_999 }] })
    for (const items of [all, stream]) {
      // What it had at hand already is no secret.
      expect((await items.take(1_023)).at(-1)).toBe(1_024)
      expect(await items.take(3)).toEqual(['older-than-retained', 2_999, 3_000])
    }
  })

  it('is told when the history is replaced underneath', async () => {
    const first = memoryJournal()
    const second = memoryJournal({ seed: 2 })
    await first.journal.append('a', [noted, noted, noted])
    await second.journal.append('b', [noted, noted])
    let current: Store = first.store
    let wake = () => {}
    const replaced = withMethods(first.store, {
      identity: () => current.identity(),
      head: () => current.head(),
      stream: (name) => current.stream(name),
      read: (query) => current.read(query),
      watch(run) {
        wake = run
        return () => {}
      },
    })
    const items = iterate(createJournal(replaced).subscribe())
    expect(await items.take(3)).toEqual([1, 2, 3])
    const next = items.take(3)
    current = second.store
    wake()
    expect(await next).toEqual(['other-epoch', 1, 2])
    // The same history, but shorter.
    current = withMethods(second.store, { head: () => ({ position: 1, appended: 1, earliest: 1, time: 0 }) })
    wake()
    expect(await items.take(1)).toEqual(['newer-than-newest'])
  })

  it('is told after a read error, and the reader tries again at the next wake-up', async () => {
    const { journal, store } = memoryJournal()
    await journal.append('a', [noted, noted])
    let failures = 0
    const broken = withMethods(store, {
      async *read(query) {
        if (query.from !== undefined && query.from > 2 && failures < 2) {
          failures++
          throw new HoldfastError('DAMAGED', 'a line is damaged')
        }
        yield* store.read(query)
      },
    })
    const items = iterate(createJournal(broken).subscribe())
    expect(await items.take(2)).toEqual([1, 2])
    await journal.append('a', noted)
    expect(await items.take(1)).toEqual(['read-error'])
    await journal.append('a', noted)
    expect(await items.take(1)).toEqual(['read-error'])
    await journal.append('a', noted)
    expect(await items.take(3)).toEqual([3, 4, 5])
  })

  it('is not for defects: those are thrown', async () => {
    const { journal } = memoryJournal({ codecs: [{ tag: 'url', is: isUrl, encode: String, decode: String }] })
    await journal.append('a', { type: 'noted', data: new URL('http://localhost/') })
    const { store } = memoryJournal()
    const [event] = await journal.read().toArray()
    expect(event?.data).toBe('http://localhost/')
    await store.append({
      events: [{ stream: 'a', type: 'noted', version: 1, data: '{"$url":"x"}' }],
      durability: 'sync',
    })
    const items = iterate(createJournal(store).subscribe())
    await expect(items.take(1)).rejects.toMatchObject({ code: 'UNKNOWN_TAG' })
  })
})

function isUrl(value: object): boolean {
  return value instanceof URL
}

describe('the pin of a subscriber', () => {
  it('keeps what is still to be read from retention by age, but not from a size limit', async () => {
    const { journal, clock } = memoryJournal()
    await journal.append('a', new Array(2_000).fill(noted))
    const items = iterate(journal.subscribe({ pin: { name: 'mirror', ttl: '1m' } }))
    expect(await items.take(1)).toEqual([1])
    expect(await journal.pins.list()).toMatchObject([{ pin: 'mirror', from: 1, stream: undefined }])
    clock.advance(50_000)
    await items.take(1_024)
    clock.advance(50_000)
    // Renewed since, and moved on to what comes behind the page at hand.
    expect(await journal.pins.list()).toMatchObject([{ from: 1_025 }])
    expect(await journal.retain({ olderThan: 0 })).toMatchObject({ events: 1_024, heldBy: ['mirror'] })
    expect(await journal.retain({ bytesMax: 0 }, { dryRun: true })).toMatchObject({ events: 976, heldBy: [] })
    await items.end()
    clock.advance(60_001)
    expect(await journal.pins.list()).toEqual([])
    expect(clock.waiting).toBe(0)
  })

  it('is tried again when it could not be renewed', async () => {
    const { journal, store, clock } = memoryJournal()
    await journal.append('a', noted)
    const items = iterate(journal.subscribe({ select: 'a', pin: { name: 'mirror', ttl: 300 } }))
    expect(await items.take(1)).toEqual([1])
    const until = async (): Promise<unknown> => (await journal.pins.list())[0]?.until
    const first = await until()
    const { append } = store
    store.append = () => Promise.reject(new HoldfastError('DISK_FULL', 'no room'))
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
    store.append = append.bind(store)
    expect(await until()).toBe(first)
    clock.advance(100)
    expect(await journal.pins.list()).toMatchObject([{ pin: 'mirror', stream: 'a', until: clock.now() + 300 }])
    await items.end()
  })

  it('fails the subscription when it can not be set', async () => {
    const { journal, store } = memoryJournal()
    store.append = () => Promise.reject(new HoldfastError('READ_ONLY', 'opened so'))
    const items = iterate(journal.subscribe({ pin: { name: 'mirror', ttl: 300 } }))
    await expect(items.take(1)).rejects.toMatchObject({ code: 'READ_ONLY' })
  })
})
