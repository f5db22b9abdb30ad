import { expect, it } from 'vitest'
import { BlobRef } from '../core/blob-ref.ts'
import { memoryJournal } from '../testing/memory-journal.ts'

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
