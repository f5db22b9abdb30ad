// What verify() tells of each kind of damage, finding by finding: no check stands in for another that is missing.

import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sumOfText } from '../../core/event-bytes.ts'
import { openSqlite } from '../../open-sqlite.ts'
import { batch, command, dropAll, event, retain } from '../../testing/conformance/batches.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { type ScratchFile, scratchFile, testDriver } from '../../testing/scratch-file.ts'
import { verify } from '../../upkeep.ts'
import type { HeadChange, HeadRow, StreamRow } from '../sql/rows.ts'
import type { Connection } from './connection.ts'
import { changeHead, readHead } from './head-row.ts'
import { connectWriter } from './place.ts'
import { streamColumns, streamRow, streamValues } from './state-rows.ts'

let file: ScratchFile
beforeEach(async () => {
  file = await scratchFile()
})
afterEach(() => file.remove())

/**
 * position  1  2  3  4  5  6  7  8  9
 * stream    -  -  s  t  s  t  s  -  b     the first two and the last but one are removed
 */
async function fill(): Promise<void> {
  const clock = fakeClock()
  const store = await openSqlite(file.path, { clock })
  await store.append(batch([event('gone'), event('gone')]))
  for (const stream of ['s', 't', 's', 't', 's']) {
    clock.advance(1_000)
    await store.append(batch([event(stream)]))
  }
  await store.append(batch([event('gone')]))
  const large = await store.stageBlob(Buffer.alloc(100_000, 5))
  const small = await store.stageBlob(Buffer.from('small'))
  await store.append(
    batch([event('b', { blobs: [large.digest, small.digest] })], {
      command: command('c'),
      agenda: [{ id: 'x', due: 5 }],
      leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 1_000 }],
      pins: [{ pin: 'p', stream: 't', from: 2 }],
    }),
  )
  await dropAll(store, 'gone')
  await retain(store, { released: true })
  await store.close()
}

async function damaged(damage: (on: Connection) => void): Promise<readonly string[]> {
  await fill()
  const connection = connectWriter({ driver: await testDriver(), path: file.path, label: 'agent.db' })
  damage(connection)
  connection.close()
  const { findings, ok } = await verify(file.path)
  expect(ok).toBe(findings.every(({ severity }) => severity !== 'damage'))
  return findings.map(({ kind, severity }) => (severity === 'damage' ? kind : `${severity}: ${kind}`)).sort()
}

const sql = (text: string) => (on: Connection) => on.exec(text)

function setHead(change: HeadChange & Partial<HeadRow>): (on: Connection) => void {
  return (on) => void changeHead(on, readHead(on), change)
}

function setStream(name: string, change: (row: StreamRow) => Partial<StreamRow>): (on: Connection) => void {
  return (on) => {
    const found = on.get(`SELECT ${streamColumns} FROM stream WHERE name = ?`, name) ?? []
    const row = streamRow(found, on.label)
    const [, ...values] = streamValues({ ...row, ...change(row) })
    on.run(
      'UPDATE stream SET (seq, position, earliest, released, sum) = (?, ?, ?, ?, ?) WHERE name = ?',
      ...values,
      name,
    )
  }
}

/** With a text that fits its checksum and its columns. */
function setEvent(
  position: number,
  column: 'seq' | 'time',
  change: (value: number) => number,
): (on: Connection) => void {
  return (on) => {
    const [text, value] = on.get(`SELECT text, ${column} FROM event WHERE position = ?`, position) ?? []
    const changed = change(Number(value))
    const other = String(text).replace(`"${column}":${value}`, `"${column}":${changed}`)
    const sum = Number.parseInt(sumOfText(other), 16)
    on.run(`UPDATE event SET text = ?, ${column} = ?, sum = ? WHERE position = ?`, other, changed, sum, position)
  }
}

/** An entry of an index becomes one of another row, in the file itself. */
function otherEntry(on: Connection): void {
  const root = Number(on.value("SELECT rootpage FROM sqlite_schema WHERE name = 'agenda_by_due'"))
  const size = Number(on.value('PRAGMA page_size'))
  on.close()
  const bytes = readFileSync(file.path)
  bytes[bytes.lastIndexOf('x', root * size)] = 'y'.charCodeAt(0)
  writeFileSync(file.path, bytes)
}

const marks = (marked: object) => JSON.stringify(marked)
const note = { id: '1', from: 'there', journal: '2', source: '3', epoch: '3', begun: 1 }

it.each<readonly [what: string, damage: (on: Connection) => void, kinds: readonly string[]]>([
  ['nothing', () => undefined, []],
  ['a text', sql(`UPDATE event SET text = replace(text, '{}', '[]') WHERE position = 5`), ['event-checksum']],
  ['an older time', setEvent(5, 'time', (time) => time - 1_500), ['time-order']],
  ['a seq that skips', setEvent(5, 'seq', () => 7), ['seq-gap', 'seq-gap']],
  [
    'an event that is gone',
    sql('DELETE FROM event WHERE position = 5'),
    ['event-missing', 'head', 'seq-gap', 'stream-head'],
  ],
  [
    'the newest event that is gone',
    sql('DELETE FROM event WHERE position = 9'),
    ['event-blob', 'event-blob', 'event-missing', 'head', 'stream-head', 'stream-head'],
  ],
  ['the count of events', setHead({ events: 7 }), ['head']],
  ['the bytes of events', setHead({ bytes: 1 }), ['head']],
  ['the first seq of a stream', setStream('t', () => ({ earliest: 2 })), ['stream-head', 'stream-head']],
  ['the last seq of a stream', setStream('t', () => ({ seq: 3 })), ['stream-head', 'stream-head']],
  [
    'two counts that make up for each other',
    (on) => {
      setStream('t', () => ({ seq: 3 }))(on)
      setStream('s', () => ({ seq: 2 }))(on)
    },
    ['stream-head', 'stream-head'],
  ],
  [
    'the number of a stream that has no event',
    setStream('gone', ({ seq }) => ({ earliest: seq })),
    ['stream-head', 'stream-head'],
  ],
  ['the checksum of a stream', sql("UPDATE stream SET sum = 1 WHERE name = 't'"), ['stream', 'stream', 'stream-head']],
  ['the checksum of the head', sql('UPDATE head SET sum = 1'), ['head']],
  ['a command', sql('UPDATE command SET time = 1'), ['command']],
  ['the agenda', sql('UPDATE agenda_entry SET due = 6'), ['agenda']],
  ['a lease', sql('UPDATE lease SET token = 9'), ['lease']],
  ['a pin', sql('UPDATE pin SET from_number = 1'), ['pin']],
  ['a small blob', sql("UPDATE blob SET data = CAST('SMALL' AS BLOB) WHERE data IS NOT NULL"), ['blob-digest']],
  ['a chunk', sql('UPDATE chunk SET data = zeroblob(length(data)) WHERE id = 1'), ['blob-digest']],
  ['who names a blob', sql('DELETE FROM event_blob WHERE blob = 1'), ['blob-named']],
  ['a name of no event', sql('INSERT INTO event_blob (blob, position) VALUES (1, 77)'), ['event-blob']],
  ['a name of no blob', sql('INSERT INTO event_blob (blob, position) VALUES (77, 3)'), ['event-blob']],
  ['a blob that is not marked as named', sql('UPDATE blob SET named = 0 WHERE id = 1'), ['event-blob']],
  ['chunks of no blob', sql('INSERT INTO blob_chunk (blob, ordinal, chunk) VALUES (77, 0, 1)'), ['blob-chunk']],
  ['a chunk that is not there', sql('DELETE FROM chunk WHERE id = 1'), ['blob-chunk', 'blob-digest']],
  ['a chunk of none', sql("INSERT INTO chunk (digest, data) VALUES ('0', zeroblob(3))"), ['warning: chunk-orphaned']],
  [
    'a removed range that is too short',
    sql('UPDATE removed SET to_position = 1 WHERE from_position = 1'),
    ['event-missing'],
  ],
  ['a removed range that is gone', sql('DELETE FROM removed WHERE from_position = 8'), ['event-missing']],
  [
    'a removed range of nothing',
    sql('UPDATE removed SET to_position = 7 WHERE from_position = 8'),
    ['event-missing', 'removed-order'],
  ],
  [
    'a removed range over an event',
    sql('UPDATE removed SET to_position = 3 WHERE from_position = 1'),
    ['removed-order'],
  ],
  [
    'removed ranges that touch',
    sql('UPDATE removed SET to_position = 1 WHERE from_position = 1; INSERT INTO removed VALUES (2, 2)'),
    ['event-missing', 'removed-order'],
  ],
  ['an index', otherEntry, ['sqlite-integrity']],
  [
    'a mark of where it goes',
    setHead({ copying: marks({ relocation: { state: 'moved', to: 'there', copy: '1', time: 1 } }) }),
    ['note: moved'],
  ],
  [
    'a copy in the making',
    setHead({ copying: marks({ unfinished: { note, holder: '1' } }), events: 99 }),
    ['copy-unfinished'],
  ],
])('%s', async (_what, damage, kinds) => {
  expect(await damaged(damage)).toEqual(kinds)
})
