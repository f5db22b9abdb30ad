// What a person sees with any SQLite shell: the views, and that they follow the schema's tour.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, command, dropAll, event } from '../../testing/conformance/batches.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'

const start = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

async function rows(sql: string): Promise<readonly unknown[]> {
  const database = (await testDriver()).open(file.path, { readOnly: true, timeout: 0 })
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...(row as object) }))
  } finally {
    database.close()
  }
}

it('views show the journal', async () => {
  const clock = fakeClock(start)
  const store = await openSqlite(file.path, { clock })
  await store.append(
    batch([event('run/one', { type: 'run.started', data: '{"input":1}', meta: '{"by":"me"}' }), event('job/7')], {
      command: command('c'),
      agenda: [{ id: 'x', due: start + 1_000, data: '{"wake":true}' }],
      leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 2_000 }],
      releases: [{ stream: 'later', through: 5 }],
    }),
  )
  clock.advance(1_000)
  await store.append(batch([event('run/one', { type: 'run.done' }), event('run'), event('run0')]))
  await store.append(batch([event('gone')]))
  await dropAll(store, 'gone')
  await store.close()

  expect(
    await rows('SELECT position, stream, seq, time, time_ms, type, data, meta FROM events WHERE position = 1'),
  ).toEqual([
    {
      position: 1,
      stream: 'run/one',
      seq: 1,
      time: '2026-01-02T03:04:05.678Z',
      time_ms: start,
      type: 'run.started',
      data: '{"input":1}',
      meta: '{"by":"me"}',
    },
  ])
  expect(await rows('SELECT * FROM runs')).toEqual([
    {
      id: 'one',
      begun: '2026-01-02T03:04:05.678Z',
      last_time: '2026-01-02T03:04:06.678Z',
      last_type: 'run.done',
      events: 2,
      seq: 2,
    },
  ])
  expect(await rows('SELECT id, events FROM jobs')).toEqual([{ id: '7', events: 1 }])
  expect(await rows('SELECT stream, seq, earliest, events FROM streams ORDER BY stream')).toEqual([
    { stream: 'gone', seq: 1, earliest: 2, events: 0 },
    { stream: 'job/7', seq: 1, earliest: 1, events: 1 },
    { stream: 'run', seq: 1, earliest: 1, events: 1 },
    { stream: 'run/one', seq: 2, earliest: 1, events: 2 },
    { stream: 'run0', seq: 1, earliest: 1, events: 1 },
  ])
  expect(await rows('SELECT * FROM agenda')).toEqual([
    { id: 'x', due: '2026-01-02T03:04:06.678Z', due_ms: start + 1_000, data: '{"wake":true}' },
  ])
  expect(await rows('SELECT lease, owner, token, held, until FROM leases')).toEqual([
    { lease: 'l', owner: 'me', token: 1, held: 1, until: '2026-01-02T03:04:07.678Z' },
  ])
  expect(await rows('SELECT id, time, position, events FROM commands')).toEqual([
    { id: 'c', time: '2026-01-02T03:04:05.678Z', position: 2, events: 2 },
  ])
})
