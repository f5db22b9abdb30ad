// C2.1, C2.2, C2.4, C2.5, C4.1

import { describe, expect, it } from 'vitest'
import type { EventDefinitions, StandardSchema } from '../core/schema.ts'
import { limits } from '../limits.ts'
import { memoryJournal } from '../testing/memory-journal.ts'
import type { EventDraft } from './append.ts'

type Call = () => Promise<unknown>

async function codes(calls: readonly Call[]): Promise<readonly unknown[]> {
  const settled = calls.map((call) => {
    // A call must never throw by itself: its errors are rejections.
    const promise = call()
    return promise.then(
      () => 'resolved',
      (error: { readonly code: string }) => error.code,
    )
  })
  return Promise.all(settled)
}

const bad = <T>(value: unknown): T => value as T

describe('append', () => {
  it('takes one event, several events of one stream, and events of several streams', async () => {
    const { journal } = memoryJournal()
    const one = await journal.append('a', { type: 'noted', data: { n: 1 } })
    expect(one).toMatchObject({ position: 1, seq: 1, duplicate: false, durable: true })
    const two = await journal.append('a', [{ type: 'noted' }, { type: 'noted', meta: { by: 'me' } }])
    expect(two).toMatchObject({ position: 3, seq: 3 })
    const across = await journal.append([
      { stream: 'b', type: 'noted' },
      { stream: 'a', type: 'noted' },
    ])
    expect(across.events).toEqual([
      { stream: 'b', seq: 1, position: 4 },
      { stream: 'a', seq: 4, position: 5 },
    ])
    expect(await journal.append([])).toMatchObject({ position: 5, seq: 0, events: [] })
  })

  it('gives numbers in the order of calls', async () => {
    const { journal } = memoryJournal()
    const receipts = await Promise.all(
      Array.from({ length: 500 }, (_, index) => journal.append(`s/${index % 7}`, { type: 'noted', data: index })),
    )
    expect(receipts.map((receipt) => receipt.position)).toEqual(receipts.map((_, index) => index + 1))
  })

  it('stores what was given at the time of the call', async () => {
    const { journal } = memoryJournal()
    const data = { list: [1] }
    const appended = journal.append('a', { type: 'noted', data })
    data.list.push(2)
    await appended
    const [event] = await journal.read().toArray()
    expect(event?.data).toEqual({ list: [1] })
  })

  it('keeps absent, undefined and null apart from each other where it matters', async () => {
    const { journal } = memoryJournal()
    await journal.append('a', [
      { type: 'noted' },
      { type: 'noted', data: undefined, meta: 0 },
      { type: 'noted', data: null },
    ])
    const events = await journal.read().toArray()
    expect(events.map((event) => event.data)).toEqual([undefined, undefined, null])
    expect(events.map((event) => 'meta' in event)).toEqual([false, true, false])
  })

  it('rejects wrong arguments, and never throws', async () => {
    const { journal } = memoryJournal()
    const event = { type: 'noted' }
    const calls: readonly Call[] = [
      () => journal.append('', event),
      () => journal.append('a\nb', event),
      () => journal.append([{ stream: '', type: 'noted' }]),
      () => journal.append('a', bad(undefined)),
      () => journal.append('a', [bad(null)]),
      () => journal.append(bad(7)),
      () => journal.append('a', { type: '' }),
      () => journal.append('a', event, bad('x')),
      () => journal.append('a', event, { expect: -1 }),
      () => journal.append('a', event, { expect: bad('some') }),
      () => journal.append([{ stream: 'a', type: 'noted' }], { expect: 0 }),
      () => journal.append('a', event, { durability: bad('maybe') }),
      () => journal.append('a', event, { commandId: '' }),
      () => journal.append('a', event, { agenda: bad({}) }),
      () => journal.append('a', event, { agenda: [{ id: 'x', due: new Date(Number.NaN) }] }),
      () => journal.append('a', event, { leases: [bad({ lease: 'l' })] }),
      () => journal.append('a', event, { leases: [{ lease: 'l', acquire: 'o', ttl: 'soon' }] }),
      () => journal.append('a', event, { fence: bad({ lease: 'l' }) }),
      () => journal.append('a', event, { pins: [{ pin: 'p', from: 1.5 }] }),
      () => journal.append('a', event, { releases: [{ stream: 'a', through: -1 }] }),
    ]
    const invalid = calls.map(() => 'INVALID_ARGUMENT')
    const large = 'x'.repeat(limits.eventBytesMax - 2)
    expect(await codes(calls)).toEqual(['INVALID_STREAM', 'INVALID_STREAM', 'INVALID_STREAM', ...invalid.slice(3)])
    expect(
      await codes([
        () => journal.append('a', { type: 'noted', data: () => 1 }),
        () => journal.append('a', { type: 'noted', data: 'x'.repeat(limits.eventBytesMax) }),
        () => journal.append('a', { type: 'noted', data: '€'.repeat(limits.eventBytesMax / 3) }),
        () => journal.append('a', { type: 'noted', meta: 'x'.repeat(limits.eventBytesMax) }),
        () => journal.append('a', new Array(limits.batchEventsMax + 1).fill({ type: 'noted' })),
        () => journal.append('a', new Array(9).fill({ type: 'noted', data: large })),
        () => journal.append('a', event, { agenda: [{ id: 'x', due: 1, data: 'x'.repeat(limits.eventBytesMax) }] }),
        () => journal.append('a', event, { agenda: new Array(9).fill({ id: 'x', due: 1, data: large }) }),
        () => journal.append('a', event, { releases: new Array(limits.batchEventsMax + 1).fill({ stream: 'a' }) }),
        () => journal.append('a', event, { signal: AbortSignal.abort() }),
      ]),
    ).toEqual(['NOT_STORABLE', ...new Array(8).fill('TOO_LARGE'), 'ABORTED'])
    expect(await journal.head()).toMatchObject({ position: 0 })
    // Just within the limit, and longer than what needs no counting.
    await journal.append('a', { type: 'noted', data: 'x'.repeat(limits.eventBytesMax - 2) })
    await journal.append('a', { type: 'noted', data: '€'.repeat(1_000_000), meta: 'x' })
  })

  it('refuses what was decided on an old version', async () => {
    const { journal } = memoryJournal()
    const event = { type: 'noted' }
    await journal.append('a', event, { expect: 'none' })
    await journal.append('a', event, { expect: 1 })
    await journal.append([{ stream: 'b', type: 'noted' }], { expect: { a: 2, b: 'none' } })
    expect(
      await codes([
        () => journal.append('a', event, { expect: 1 }),
        () => journal.append('a', event, { expect: 'none' }),
        () => journal.append('a', event, { expect: { a: 2, b: 0 } }),
      ]),
    ).toEqual(['SEQ_CONFLICT', 'SEQ_CONFLICT', 'SEQ_CONFLICT'])
  })

  it('applies a command id once, whatever is expected then', async () => {
    const { journal } = memoryJournal()
    const event = { type: 'noted', data: { b: 1, a: 2 } }
    const first = await journal.append('a', event, { commandId: 'c', expect: 'none' })
    const again = await journal.append('a', { type: 'noted', data: { a: 2, b: 1 } }, { commandId: 'c', expect: 'none' })
    expect(again).toEqual({ ...first, duplicate: true })
    expect(await journal.command('c')).toEqual(again)
    expect(await journal.command('d')).toBeUndefined()
    expect(await codes([() => journal.append('a', { type: 'noted', data: 3 }, { commandId: 'c' })])).toEqual([
      'COMMAND_CONFLICT',
    ])
    expect(await journal.head()).toMatchObject({ position: 1 })
  })

  it('changes agenda, leases and pins together with the events, or not at all', async () => {
    const { journal, clock } = memoryJournal()
    const due = new Date(clock.now() + 500)
    const receipt = await journal.append(
      'a',
      { type: 'slept' },
      {
        agenda: [{ id: 'wake/a', due, data: { at: due } }],
        leases: [{ lease: 'run/a', acquire: 'worker-1', ttl: '30s' }],
        pins: [
          { pin: 'undo', stream: 'a', from: 1 },
          { pin: 'soft', from: 1, ttl: '1h' },
        ],
      },
    )
    expect(receipt.leases).toEqual([{ lease: 'run/a', token: 1, until: clock.now() + 30_000 }])
    const change = { agenda: [{ id: 'wake/a', due: null }], pins: [{ pin: 'undo', from: null }] } as const
    expect(await codes([() => journal.append('a', { type: 'woke' }, { ...change, expect: 7 })])).toEqual([
      'SEQ_CONFLICT',
    ])
    expect(await journal.agenda.list()).toEqual([{ id: 'wake/a', due: due.getTime(), data: { at: due } }])
    expect((await journal.pins.list()).map((pin) => pin.pin)).toEqual(['soft', 'undo'])
    const fence = { lease: 'run/a', token: 1 }
    await journal.append('a', { type: 'woke' }, { ...change, fence, leases: [{ lease: 'run/a', renew: 1, ttl: 1 }] })
    expect(await journal.agenda.list()).toEqual([])
    expect((await journal.pins.list()).map((pin) => pin.pin)).toEqual(['soft'])
    await journal.append([], { leases: [{ lease: 'run/a', release: 1 }] })
    // C4.8: a late result from the former owner is refused.
    expect(await codes([() => journal.append('a', { type: 'late' }, { fence: [fence] })])).toEqual(['LEASE_LOST'])
  })

  it('lets a hook redact data and meta, but not the place', async () => {
    const seen: EventDraft[] = []
    const { journal } = memoryJournal({
      redact(event) {
        seen.push(event)
        return { stream: 'other', type: 'other', data: { token: '***' }, meta: undefined }
      },
    })
    await journal.append('a', { type: 'noted', data: { token: 'secret' }, meta: { ip: '::1' } })
    expect(seen).toEqual([{ stream: 'a', type: 'noted', data: { token: 'secret' }, meta: { ip: '::1' } }])
    const [event] = await journal.read('a').toArray()
    expect(event).toMatchObject({ type: 'noted', data: { token: '***' } })
    expect(event?.meta).toBeUndefined()
  })

  it('says when an eventual append is not yet known to be durable', async () => {
    const { journal } = memoryJournal({ durability: 'eventual' })
    expect(await journal.append('a', { type: 'noted' })).toMatchObject({ durable: false })
    expect(await journal.append('a', { type: 'noted' }, { durability: 'sync' })).toMatchObject({ durable: true })
    await journal.flush()
  })
})

describe('append with schemas', () => {
  function schema(validate: (value: unknown) => unknown): StandardSchema {
    return {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => validate(value) as ReturnType<StandardSchema['~standard']['validate']>,
      },
    }
  }
  const ofNumber = (value: unknown) =>
    typeof value === 'number' ? { value: value * 2 } : { issues: [{ message: 'no number', path: ['n'] }] }
  const events: EventDefinitions = {
    sync: { schema: schema(ofNumber) },
    late: { schema: schema(async (value) => ofNumber(value)) },
  }

  it('stores what the schema gives, and refuses what it refuses', async () => {
    const { journal } = memoryJournal({ events })
    await journal.append('a', { type: 'sync', data: 2 })
    await journal.append('a', { type: 'late', data: 3 })
    await journal.append('a', [
      { type: 'sync', data: 4 },
      { type: 'late', data: 5 },
    ])
    await journal.append([{ stream: 'b', type: 'late', data: 6 }])
    const all = await journal.read().toArray()
    expect(all.map((event) => event.data)).toEqual([4, 6, 8, 10, 12])
    expect(
      await codes([
        () => journal.append('a', { type: 'sync', data: 'x' }),
        () => journal.append('a', { type: 'late', data: 'x' }),
        () =>
          journal.append('a', [
            { type: 'sync', data: 1 },
            { type: 'late', data: 'x' },
          ]),
      ]),
    ).toEqual(['SCHEMA_MISMATCH', 'SCHEMA_MISMATCH', 'SCHEMA_MISMATCH'])
    expect(await journal.head()).toMatchObject({ position: 5 })
  })

  it('can be aborted while the schema is at work', async () => {
    const { journal } = memoryJournal({ events })
    const abort = new AbortController()
    const appended = journal.append('a', { type: 'late', data: 3 }, { signal: abort.signal })
    abort.abort()
    await expect(appended).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await journal.head()).toMatchObject({ position: 0 })
  })
})
