import { expect, it } from 'vitest'
import { BlobRef } from '../core/blob-ref.ts'
import { limits } from '../limits.ts'
import { memoryJournal } from '../testing/memory-journal.ts'
import type { ClaimOptions } from './agenda.ts'

it('lists what is due, earliest first, with data as it was given', async () => {
  const { journal, clock } = memoryJournal()
  const now = clock.now()
  const agenda = [
    { id: 'retry/2', due: now + 1, data: new Map([['n', 1n]]) },
    { id: 'retry/1', due: now + 1, data: { n: 1 } },
    { id: 'timer/1', due: new Date(now) },
    { id: 'timer/2', due: now + 9_000, data: null },
  ]
  await journal.append([], { agenda })
  expect(await journal.agenda.due()).toEqual([{ id: 'timer/1', due: now, data: undefined }])
  expect(await journal.agenda.due({ by: new Date(now + 1) })).toEqual([
    { id: 'timer/1', due: now, data: undefined },
    { id: 'retry/1', due: now + 1, data: { n: 1 } },
    { id: 'retry/2', due: now + 1, data: new Map([['n', 1n]]) },
  ])
  expect(await journal.agenda.due({ by: now + 1, prefix: 'retry/', limit: 1 })).toMatchObject([{ id: 'retry/1' }])
  expect((await journal.agenda.list({ prefix: 'timer/' })).map((item) => item.id)).toEqual(['timer/1', 'timer/2'])
  clock.advance(1)
  expect(await journal.agenda.due()).toHaveLength(3)
  await journal.append([], {
    agenda: [
      { id: 'retry/1', due: null },
      { id: 'timer/1', due: now + 5 },
    ],
  })
  expect((await journal.agenda.list()).map((item) => item.id)).toEqual(['retry/2', 'timer/1', 'timer/2'])
})

it('refuses blobs, which only events keep', async () => {
  const { journal } = memoryJournal()
  const data = new BlobRef('0'.repeat(64), 1)
  const appended = journal.append([], { agenda: [{ id: 'x', due: 1, data }] })
  await expect(appended).rejects.toMatchObject({ code: 'NOT_STORABLE' })
})

it('claims what is due, and appends about it under its fence', async () => {
  const { journal, clock } = memoryJournal()
  const now = clock.now()
  const data = new Map([['n', 1n]])
  await journal.append([], {
    agenda: [
      { id: 'job/1', due: now - 1, data },
      { id: 'job/2', due: now },
      { id: 'other', due: 0 },
      { id: 'job/3', due: now + 1 },
    ],
  })
  const [first, ...others] = await journal.agenda.claim({ owner: 'me', ttl: '10s', prefix: 'job/' })
  if (first === undefined) throw new Error('one is due')
  expect(first).toEqual({
    id: 'job/1',
    due: now - 1,
    data,
    fence: { lease: 'job/1', token: 1 },
    until: now + 10_000,
  })
  expect(others).toEqual([])
  const rest = await journal.agenda.claim({ owner: 'me', ttl: 10_000, limit: 9 })
  expect(rest.map(({ id }) => id)).toEqual(['other', 'job/2'])
  expect(await journal.agenda.claim({ owner: 'me', ttl: 1, limit: 9 })).toEqual([])
  const { fence } = first
  const done = {
    fence,
    agenda: [{ id: first.id, due: null }],
    leases: [{ lease: fence.lease, release: fence.token }],
  } as const
  await journal.append('job/1', { type: 'done' }, done)
  await expect(journal.append('job/1', { type: 'done' }, done)).rejects.toMatchObject({ code: 'LEASE_LOST' })
  clock.advance(10_000)
  const again = await journal.agenda.claim({ owner: 'you', ttl: '1m', limit: 9 })
  expect(again.map((entry) => [entry.id, entry.fence.token])).toEqual([
    ['other', 2],
    ['job/2', 2],
    ['job/3', 2],
  ])
})

it('refuses a claim that is asked for wrongly, and claims nothing', async () => {
  const { journal } = memoryJournal()
  await journal.append([], { agenda: [{ id: 'x', due: 0 }] })
  const claim = { owner: 'me', ttl: '1s' } as const
  const wrong: readonly unknown[] = [
    undefined,
    null,
    'me',
    {},
    { ttl: '1s' },
    { owner: 'me' },
    { ...claim, owner: '' },
    { ...claim, owner: 7 },
    { ...claim, ttl: 'soon' },
    { ...claim, ttl: -1 },
    { ...claim, limit: -1 },
    { ...claim, limit: 1.5 },
    { ...claim, limit: limits.batchEventsMax + 1 },
    { ...claim, prefix: 7 },
  ]
  for (const options of wrong) {
    await expect(journal.agenda.claim(options as ClaimOptions)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
  expect(await journal.agenda.claim({ ...claim, limit: 0 })).toEqual([])
  expect(await journal.agenda.claim({ ...claim, limit: limits.batchEventsMax })).toHaveLength(1)
})
