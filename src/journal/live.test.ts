// C5.7: durable events and ephemeral ones are told apart; ephemeral ones are live only.

import { describe, expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { memoryJournal } from '../testing/memory-journal.ts'
import type { JournalEvent } from './event.ts'
import type { LiveEvent } from './live.ts'
import type { Notice } from './subscribe.ts'

type Item = JournalEvent | Notice | LiveEvent

/** An event as its position, what is live as its data. */
function show(item: Item): unknown {
  if ('live' in item) return item.data
  return 'notice' in item ? item.notice : item.position
}

async function take(items: AsyncIterator<Item>, count: number): Promise<unknown[]> {
  const shown: unknown[] = []
  while (shown.length < count) {
    const { value, done } = await items.next()
    shown.push(done === true ? 'end' : show(value))
  }
  return shown
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}

const noted = { type: 'noted' }
const token = (data: unknown) => ({ type: 'token', data })

describe('broadcast', () => {
  it('reaches who follows now and asks for it, between the events where it came, and is not stored', async () => {
    const { journal, store } = memoryJournal()
    journal.broadcast('a', token('nobody hears it'))
    await journal.append('a', noted)
    const live = journal.subscribe({ live: true })[Symbol.asyncIterator]()
    const durable = journal.subscribe()[Symbol.asyncIterator]()
    expect(await take(live, 1)).toEqual([1])
    journal.broadcast('a', token('x'))
    await journal.append('a', noted)
    journal.broadcast('a', token('y'))
    journal.broadcast('b', token('z'))
    await journal.append('b', noted)
    expect(await take(live, 5)).toEqual(['x', 2, 'y', 'z', 3])
    expect(await take(durable, 3)).toEqual([1, 2, 3])
    // One that waits is woken.
    const next = take(live, 1)
    await turns()
    journal.broadcast('a', token('late'))
    expect(await next).toEqual(['late'])
    expect(store.head().appended).toBe(3)
    expect(await journal.read().toArray()).toHaveLength(3)
    expect(await take(journal.subscribe({ live: true })[Symbol.asyncIterator](), 3)).toEqual([1, 2, 3])
    await live.return?.()
    await journal.close()
  })

  it('says of what stream and type it is, and when it was', async () => {
    const { journal, clock } = memoryJournal()
    const live = journal.subscribe({ select: 'a', live: true })[Symbol.asyncIterator]()
    const next = live.next()
    await turns()
    const data = { word: 'one' }
    journal.broadcast('a', token(data))
    data.word = 'two'
    expect((await next).value).toEqual({
      live: true,
      stream: 'a',
      type: 'token',
      time: clock.now(),
      data: { word: 'one' },
    })
  })

  it('is selected as events are', async () => {
    const { journal } = memoryJournal()
    const all = { live: true } as const
    const iterators = [
      journal.subscribe({ ...all, select: 'a' }),
      journal.subscribe({ ...all, select: { prefix: 'b' } }),
      journal.subscribe({ ...all, types: 'end' }),
    ].map((items) => items[Symbol.asyncIterator]())
    const first = iterators.map((items) => take(items, 1))
    await turns()
    for (const stream of ['c', 'b/1', 'a']) journal.broadcast(stream, token(stream))
    journal.broadcast('c', { type: 'end', data: 'end of c' })
    expect(await Promise.all(first)).toEqual([['a'], ['b/1'], ['end of c']])
  })

  it('keeps the newest for who is slow, and says how many it missed', async () => {
    const { journal } = memoryJournal()
    const live = journal.subscribe({ live: true })[Symbol.asyncIterator]()
    const first = take(live, 1)
    await turns()
    journal.broadcast('a', token('first'))
    expect(await first).toEqual(['first'])
    for (let n = 1; n <= limits.liveWaitingMax + 5; n += 1) journal.broadcast('a', token(n))
    expect((await live.next()).value).toMatchObject({ data: 6, missed: 5 })
    expect((await live.next()).value).toEqual(expect.not.objectContaining({ missed: expect.anything() }))
  })

  it('goes through redaction, and refuses what an append would', async () => {
    const { journal } = memoryJournal({ redact: (event) => ({ ...event, data: 'hidden' }) })
    const live = journal.subscribe({ live: true })[Symbol.asyncIterator]()
    const first = take(live, 1)
    await turns()
    journal.broadcast('a', token('secret'))
    expect(await first).toEqual(['hidden'])
    const plain = memoryJournal().journal
    const refused = (data: unknown, code: string) =>
      expect(() => plain.broadcast('a', token(data))).toThrow(expect.objectContaining({ code }))
    refused(() => 1, 'NOT_STORABLE')
    refused('x'.repeat(limits.liveBytesMax), 'TOO_LARGE')
    expect(() => plain.broadcast('', token(1))).toThrow(expect.objectContaining({ code: 'INVALID_STREAM' }))
  })

  it('is no more when the journal closes', async () => {
    const { journal } = memoryJournal()
    const live = journal.subscribe({ live: true })[Symbol.asyncIterator]()
    const next = take(live, 1)
    await turns()
    await journal.close()
    journal.broadcast('a', token('x'))
    expect(await next).toEqual(['end'])
  })
})
