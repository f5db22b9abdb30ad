// C1.3, C2.8, C4.3, C5.2

import { describe, expect, it } from 'vitest'
import { encodeCursor } from '../core/cursor.ts'
import type { Journal } from '../journal.ts'
import { memoryJournal } from '../testing/memory-journal.ts'
import { JournalEvent } from './event.ts'
import type { ReadOptions } from './read.ts'
import type { Select } from './select.ts'

/** Positions 1 to 9: streams a, b, c, a, b, c … with types odd and even. */
async function filled(): Promise<ReturnType<typeof memoryJournal>> {
  const bench = memoryJournal()
  for (let n = 1; n <= 9; n++) {
    const stream = `s/${'abc'[(n - 1) % 3]}`
    await bench.journal.append(stream, { type: n % 2 === 0 ? 'even' : 'odd', data: n })
  }
  return bench
}

async function numbers(journal: Journal, select?: Select, options?: ReadOptions): Promise<readonly unknown[]> {
  return (await journal.read(select, options).toArray()).map((event) => event.data)
}

function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('read', () => {
  it('gives whole events', async () => {
    const { journal, clock } = memoryJournal()
    await journal.append('a', { type: 'noted', data: { when: new Date(5) }, meta: { big: 7n } })
    const [event] = await journal.read().toArray()
    expect(event).toBeInstanceOf(JournalEvent)
    expect({ ...event }).toEqual({
      position: 1,
      stream: 'a',
      seq: 1,
      time: clock.now(),
      type: 'noted',
      version: 1,
      data: { when: new Date(5) },
      meta: { big: 7n },
    })
    expect(event?.at).toBe(new Date(clock.now()).toISOString())
    expect(event?.cursor).toBe(await journal.cursor())
  })

  it('selects, bounds, filters and limits', async () => {
    const { journal } = await filled()
    expect(await numbers(journal)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await numbers(journal, 's/b')).toEqual([2, 5, 8])
    expect(await numbers(journal, { prefix: 's/' }, { from: 7 })).toEqual([7, 8, 9])
    expect(await numbers(journal, { prefix: '' }, { after: 7 })).toEqual([8, 9])
    expect(await numbers(journal, { prefix: 't' })).toEqual([])
    expect(await numbers(journal, 's/b', { from: 2 })).toEqual([5, 8])
    expect(await numbers(journal, 's/b', { after: 2 })).toEqual([8])
    expect(await numbers(journal, 's/b', { to: 2, direction: 'backward' })).toEqual([5, 2])
    expect(await numbers(journal, undefined, { types: 'even', limit: 2, direction: 'backward' })).toEqual([8, 6])
    expect(await numbers(journal, undefined, { types: ['even', 'odd'], limit: 0 })).toEqual([])
    expect(await numbers(journal, undefined, { after: 99 })).toEqual([])
    expect(await numbers(journal, undefined, { from: 0, to: 1 })).toEqual([1])
    expect((await journal.tail(2)).map((event) => event.data)).toEqual([8, 9])
    expect((await journal.tail(2, 's/a')).map((event) => event.data)).toEqual([4, 7])
  })

  it('goes on from a cursor, in the journal, a prefix or a stream', async () => {
    const { journal } = await filled()
    const [fifth] = await journal.read(undefined, { from: 5, limit: 1 }).toArray()
    const after = fifth?.cursor ?? ''
    expect(await numbers(journal, undefined, { after })).toEqual([6, 7, 8, 9])
    expect(await numbers(journal, { prefix: 's/c' }, { after })).toEqual([6, 9])
    expect(await numbers(journal, 's/b', { after })).toEqual([8])
    expect(await numbers(journal, 's/a', { after })).toEqual([7])
    expect(await numbers(journal, 's/none', { after })).toEqual([])
    expect(await numbers(journal, 's/c', { after: await journal.cursor() })).toEqual([])
  })

  it('can be iterated by event, by page and again', async () => {
    const { journal } = await filled()
    const reading = journal.read('s/a')
    for (let round = 0; round < 2; round++) {
      const seen: unknown[] = []
      for await (const event of reading) seen.push(event.data)
      expect(seen).toEqual([1, 4, 7])
    }
    const pages: unknown[] = []
    for await (const page of reading.pages()) pages.push(page.map((event) => event.data))
    expect(pages).toEqual([[1, 4, 7]])
    for await (const event of reading) {
      expect(event.data).toBe(1)
      break
    }
  })

  it('refuses wrong arguments', async () => {
    const { journal } = await filled()
    const wrong: readonly [Select | undefined, unknown][] = [
      [undefined, { from: 1, after: 1 }],
      [undefined, { from: -1 }],
      [undefined, { after: 1.5 }],
      [undefined, { limit: -1 }],
      [undefined, { to: 'x' }],
      [undefined, { direction: 'up' }],
      [undefined, { types: [''] }],
      [{} as Select, {}],
    ]
    for (const [select, options] of wrong) {
      const error = await errorOf(journal.read(select, options as ReadOptions).toArray())
      expect(error, JSON.stringify(options)).toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    expect(await errorOf(journal.read('').toArray())).toMatchObject({ code: 'INVALID_STREAM' })
    expect(await errorOf(journal.read(undefined, { after: 'x' }).toArray())).toMatchObject({ code: 'CURSOR_INVALID' })
  })

  it('says RETAINED when an explicit start is gone, and else begins at the earliest', async () => {
    const { journal } = await filled()
    await journal.retain({ streams: [{ stream: 's/a', before: 3 }] })
    await journal.retain({ streams: [{ stream: 's/b', before: 'all' }] })
    expect(await numbers(journal)).toEqual([3, 6, 7, 9])
    expect(await numbers(journal, undefined, { after: 0 })).toEqual([3, 6, 7, 9])
    expect(await numbers(journal, 's/a')).toEqual([7])
    expect(await numbers(journal, 's/b')).toEqual([])
    const whole = await errorOf(journal.read(undefined, { from: 2 }).toArray())
    expect(whole).toMatchObject({ code: 'RETAINED', details: { earliest: 3 } })
    const stream = await errorOf(journal.read('s/a', { after: 1 }).toArray())
    expect(stream).toMatchObject({ code: 'RETAINED', details: { earliest: 3 } })
    expect(await numbers(journal, 's/a', { after: 2 })).toEqual([7])
    // Of these streams nothing is gone.
    expect(await numbers(journal, { prefix: 's/c' }, { from: 1 })).toEqual([3, 6, 9])
    expect(await errorOf(journal.read({ prefix: 's/b' }, { from: 1 }).toArray())).toMatchObject({ code: 'RETAINED' })
  })

  it('says RETAINED when retention overtakes the reader of a stream', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', new Array(3_000).fill({ type: 'noted' }))
    let count = 0
    const reading = (async () => {
      for await (const event of journal.read('a')) {
        count = event.seq
        if (event.seq === 1) await journal.retain({ streams: [{ stream: 'a', before: 2_500 }] })
      }
    })()
    expect(await errorOf(reading)).toMatchObject({ code: 'RETAINED', details: { earliest: 2_500 } })
    expect(count).toBeLessThan(2_500)
  })

  it('says why a cursor is refused', async () => {
    const { journal } = await filled()
    const { epoch } = journal
    const reason = async (after: string, select?: Select) =>
      (await errorOf(journal.read(select, { after }).toArray())) as { code: string; details: { reason: string } }
    const cursors = {
      'other-epoch': encodeCursor({ epoch: 'f'.repeat(32), position: 1, sum: '00000001' }),
      'newer-than-newest': encodeCursor({ epoch, position: 10, sum: '00000001' }),
      'checksum-mismatch': encodeCursor({ epoch, position: 4, sum: '00000001' }),
    }
    for (const [expected, cursor] of Object.entries(cursors)) {
      expect(await reason(cursor)).toMatchObject({ code: 'CURSOR_RESET', details: { reason: expected } })
    }
    const [first] = await journal.read().toArray()
    const [, , third] = await journal.read().toArray()
    await journal.retain({ bytesMax: 400 })
    const older = { code: 'CURSOR_RESET', details: { reason: 'older-than-retained' } }
    expect(await journal.head()).toMatchObject({ earliest: 7 })
    expect(await reason(first?.cursor ?? '')).toMatchObject(older)
    expect(await reason(first?.cursor ?? '', 's/a')).toMatchObject(older)
    expect(await reason(first?.cursor ?? '', { prefix: 's/a' })).toMatchObject(older)
    expect(await reason(third?.cursor ?? '', 's/c')).toMatchObject(older)
  })

  it('honours the cursor of a stream that lost nothing since', async () => {
    const { journal } = memoryJournal()
    await journal.append('quiet', { type: 'noted' })
    const after = await journal.cursor()
    await journal.append('busy', [{ type: 'noted' }, { type: 'noted' }])
    await journal.retain({
      streams: [
        { stream: 'quiet', before: 'all' },
        { stream: 'busy', before: 2 },
      ],
    })
    expect(await journal.read('quiet', { after }).toArray()).toEqual([])
    const receipt = await journal.append('quiet', { type: 'noted', data: 'new' })
    expect(receipt.seq).toBe(2)
    expect(await numbers(journal, 'quiet', { after })).toEqual(['new'])
  })

  it('fails with ABORTED, before and in between', async () => {
    const { journal } = await filled()
    const abort = new AbortController()
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const event of journal.read(undefined, { signal: abort.signal })) {
        seen.push(event.data)
        abort.abort()
      }
    })()
    expect(await errorOf(reading)).toMatchObject({ code: 'ABORTED' })
    expect(seen).toEqual([1])
    const again = journal.read(undefined, { signal: abort.signal }).toArray()
    expect(await errorOf(again)).toMatchObject({ code: 'ABORTED' })
  })

  it('lists streams and heads', async () => {
    const { journal } = await filled()
    const names: string[] = []
    for await (const { stream } of journal.streams({ prefix: 's/', after: 's/a' })) names.push(stream)
    expect(names).toEqual(['s/b', 's/c'])
    expect(await journal.head('s/b')).toEqual({ stream: 's/b', seq: 3, position: 8, earliest: 1 })
    expect(await journal.head('none')).toEqual({ stream: 'none', seq: 0, position: 0, earliest: 1 })
    expect(await journal.head()).toMatchObject({ position: 9, appended: 9, earliest: 1 })
  })
})
