// The one connection that writes. A transaction is begun with the write lock (BEGIN IMMEDIATE), so what it reads is the
// newest there is, and nobody else changes it before the commit.
//
// `synchronous`: FULL syncs the log in each commit. A group in which every batch is `eventual` commits with NORMAL, which
// keeps order and doesn't sync; the next FULL commit syncs the log as a whole, and with it everything before.

import { HoldfastError, never } from '../../errors.ts'
import {
  type GroupFound,
  type GroupWanted,
  type GroupWrite,
  type RemovalWrite,
  SqlFailure,
  type SqlGroup,
} from '../sql/backend.ts'
import type { HeadChange, HeadRow, NewEventRow, StreamRow } from '../sql/rows.ts'
import type { BlobTables } from './blob-tables.ts'
import type { SqliteValue } from './driver.ts'
import { findDue } from './due-rows.ts'
import { changeHead, readHead } from './head-row.ts'
import { KnownStreams } from './known-streams.ts'
import { SqliteReader } from './reader.ts'
import { contentTables } from './schema.ts'
import {
  agendaColumns,
  agendaValues,
  commandColumns,
  commandRow,
  commandValues,
  leaseColumns,
  leaseRow,
  leaseValues,
  pinColumns,
  pinValues,
  streamColumns,
  streamValues,
} from './state-rows.ts'

/** What an import and a group write alike. */
type Rows = Omit<GroupWrite, 'head' | 'sync' | 'claimsEnded'>

export class SqliteWriter extends SqliteReader {
  readonly #knownStreams: KnownStreams = new KnownStreams()
  #isFull = true

  /** On a new connection. */
  reopened(): void {
    this.#isFull = true
    this.#forget()
  }

  /** Begins with the lock. */
  beginNow(): void {
    this.connection.begin()
  }

  rollbackNow(): void {
    this.connection.rollback()
    this.#forget()
  }

  #forget(): void {
    this.forgetNames()
    this.#knownStreams.forget()
  }

  /** A short transaction. */
  atOnce<T>(work: () => T): T {
    this.syncCommits(true)
    this.beginNow()
    return this.#orRollback(() => {
      const result = work()
      this.connection.commit()
      return result
    })
  }

  group(wanted: GroupWanted): SqlGroup {
    this.syncCommits(!wanted.deferrable)
    this.beginNow()
    const found = this.#orRollback(() => this.#find(wanted))
    return {
      found,
      commit: async (write) => {
        this.#orRollback(() => this.#commitGroup(found.head, write))
      },
      rollback: async () => this.rollbackNow(),
    }
  }

  #find({ streams, commands, leases, blobs, due }: GroupWanted): GroupFound {
    const { label } = this.connection
    this.#knownStreams.holdAgainst(this.connection.value('PRAGMA data_version'))
    const head = readHead(this.connection)
    return {
      head,
      streams: streams.flatMap((name) => this.#knownStreams.row(name) ?? this.#readStream(name) ?? []),
      commands: commands.flatMap((id) => {
        const row = this.connection.get(`SELECT ${commandColumns} FROM command WHERE id = ?`, id)
        return row === undefined ? [] : [commandRow(row, label)]
      }),
      leases: leases.flatMap((name) => {
        const row = this.connection.get(`SELECT ${leaseColumns} FROM lease WHERE name = ?`, name)
        return row === undefined ? [] : [leaseRow(row, label)]
      }),
      blobs: this.blobTables.known(blobs),
      due: due.map((wanted) => findDue(this.connection, wanted, head.time)),
    }
  }

  #readStream(name: string): StreamRow | undefined {
    const row = this.streamNow(name)
    if (row !== undefined) this.#knownStreams.note(row)
    return row
  }

  #commitGroup(head: HeadRow, write: GroupWrite): void {
    if (write.sync && !this.#isFull) this.#beginSynced()
    this.writeRows(write)
    const { owner, digests } = write.claimsEnded
    if (digests.length > 0) this.blobTables.endClaims(owner, digests)
    changeHead(this.connection, head, write.head)
    this.connection.commit()
  }

  /** Begun as one that needs no sync, and now it does: nothing is written yet, so another transaction can take its place,
   * as long as nobody came between them. */
  #beginSynced(): void {
    const version = this.connection.value('PRAGMA data_version')
    this.rollbackNow()
    this.syncCommits(true)
    this.beginNow()
    if (this.connection.value('PRAGMA data_version') === version) return
    const other = new HoldfastError('LOCKED', `another process wrote to ${this.connection.label} in between`, {
      hint: 'Try again.',
    })
    throw new SqlFailure(other, { outcome: 'not-done', transient: true, latches: false })
  }

  /** Which kind of commit the next transactions get. SQLite takes no change of it inside of one. */
  syncCommits(isFull: boolean): void {
    if (this.#isFull === isFull) return
    this.connection.exec(`PRAGMA synchronous = ${isFull ? 'FULL' : 'NORMAL'}`)
    this.#isFull = isFull
  }

  writeRows({ events, streams, commands, agenda, leases, pins, blobs }: Rows): void {
    const { connection } = this
    for (const { digest, data } of blobs) this.blobTables.insertSmall(digest, data)
    for (const row of streams) this.#writeStream(row)
    for (const row of events) this.#insertEvent(row)
    for (const row of commands) this.#upsert('command', commandColumns, commandValues(row))
    for (const row of agenda) {
      if (row.due === null) connection.run('DELETE FROM agenda_entry WHERE id = ?', row.id)
      else this.#upsert('agenda_entry', agendaColumns, agendaValues(row))
    }
    for (const row of leases) {
      if ('gone' in row) connection.run('DELETE FROM lease WHERE name = ?', row.lease)
      else this.#upsert('lease', leaseColumns, leaseValues(row))
    }
    for (const row of pins) {
      if (row.from === null) connection.run('DELETE FROM pin WHERE name = ?', row.pin)
      else this.#upsert('pin', pinColumns, pinValues(row))
    }
  }

  #insertEvent({ position, stream, seq, time, type, sum, text, blobs }: NewEventRow): void {
    const { streams } = this.tables
    this.connection.run(
      'INSERT INTO event (position, stream, seq, time, type, sum, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
      position,
      streams.id(stream) ?? never('the row of a stream is written before its events'),
      seq,
      time,
      this.#typeId(type),
      Number.parseInt(sum, 16),
      text,
    )
    for (const digest of blobs) this.blobTables.name(digest, position)
  }

  #typeId(name: string): number {
    const { types } = this.tables
    const known = types.id(name)
    if (known !== undefined) return known
    const id = this.connection.insert('INSERT INTO type (name) VALUES (?)', name)
    types.note(id, name)
    return id
  }

  #writeStream(row: StreamRow): void {
    const { streams } = this.tables
    const values = streamValues(row)
    this.#knownStreams.note(row)
    const id = streams.id(row.stream)
    if (id === undefined) {
      const sql = `INSERT INTO stream (${streamColumns}) VALUES (?, ?, ?, ?, ?, ?)`
      streams.note(this.connection.insert(sql, ...values), row.stream)
      return
    }
    this.connection.run(
      'UPDATE stream SET (seq, position, earliest, released, sum) = (?, ?, ?, ?, ?) WHERE id = ?',
      ...values.slice(1),
      id,
    )
  }

  #upsert(table: string, columns: string, values: readonly SqliteValue[]): void {
    const places = values.map(() => '?').join(', ')
    this.connection.run(`INSERT OR REPLACE INTO ${table} (${columns}) VALUES (${places})`, ...values)
  }

  removeNow(write: RemovalWrite): void {
    const { connection, removedTables } = this
    this.blobTables.unname(write.positions)
    for (const position of write.positions) connection.run('DELETE FROM event WHERE position = ?', position)
    for (const { stream, earliest } of write.streams) {
      const row = this.streamNow(stream) ?? never('events that were removed have a stream')
      this.#writeStream({ ...row, earliest })
    }
    removedTables.write(write)
    this.setHeadNow(write.head)
  }

  setHeadNow(change: HeadChange): void {
    changeHead(this.connection, readHead(this.connection), change)
  }

  clearNow(): void {
    for (const table of contentTables) this.connection.run(`DELETE FROM ${table}`)
    this.#forget()
  }

  flushNow(): HeadRow {
    return this.atOnce(() => {
      const head = readHead(this.connection)
      return changeHead(this.connection, head, { durable: head.position })
    })
  }

  get blobRows(): BlobTables {
    return this.blobTables
  }

  forgetCommandsNow(before: number, rowsMax: number): number {
    const sql = 'DELETE FROM command WHERE id IN (SELECT id FROM command WHERE time < ? LIMIT ?)'
    return this.connection.run(sql, before, rowsMax)
  }

  dropPinsNow(names: readonly string[]): void {
    for (const name of names) this.connection.run('DELETE FROM pin WHERE name = ?', name)
  }

  commitNow(): void {
    this.#orRollback(() => this.connection.commit())
  }

  #orRollback<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      this.rollbackNow()
      throw error
    }
  }
}
