// The port's questions, as statements on one connection. SQLite answers at once; the port's promises are kept by async
// functions, so that what goes wrong rejects.

import { leaseFloorName } from '../../core/lease-floor.ts'
import type { EventPage, EventScan, Figures, PositionPage, PositionScan, SqlReader } from '../sql/backend.ts'
import type {
  AgendaRow,
  BlobRow,
  ChunkRow,
  CommandRow,
  EventRow,
  EventSize,
  HeadRow,
  LeaseRow,
  PinRow,
  RemovedRow,
  SpanRow,
  StreamRow,
} from '../sql/rows.ts'
import type { AgendaQuery, LeaseQuery } from '../store.ts'
import { BlobTables } from './blob-tables.ts'
import { type Connection, numberIn } from './connection.ts'
import type { SqliteValue } from './driver.ts'
import { type EventTables, firstAtOrAfter, readEvents, readEventsAt, readPositions, readSizes } from './event-reader.ts'
import { readHead } from './head-row.ts'
import { Names } from './names.ts'
import { prefixEnd } from './prefix.ts'
import { RemovedTables } from './removed-tables.ts'
import {
  agendaColumns,
  agendaRow,
  commandColumns,
  commandRow,
  leaseColumns,
  leaseRow,
  pinColumns,
  pinRow,
  streamColumns,
  streamRow,
} from './state-rows.ts'

interface NamePage {
  readonly after: string | undefined
  readonly rowsMax: number
}

export class SqliteReader implements SqlReader {
  protected readonly connection: Connection
  protected readonly tables: EventTables
  protected readonly blobTables: BlobTables
  protected readonly removedTables: RemovedTables

  constructor(connection: Connection) {
    this.connection = connection
    this.tables = { connection, streams: new Names(connection, 'stream'), types: new Names(connection, 'type') }
    this.blobTables = new BlobTables(connection)
    this.removedTables = new RemovedTables(this.tables)
  }

  /** Whose numbers may have become those of others. */
  forgetNames(): void {
    this.tables.streams.forget()
    this.tables.types.forget()
  }

  async head(): Promise<HeadRow> {
    return readHead(this.connection)
  }

  async events(scan: EventScan): Promise<EventPage> {
    return readEvents(this.tables, scan)
  }

  async eventsAt(positions: readonly number[], bytesMax: number): Promise<readonly EventRow[]> {
    return readEventsAt(this.tables, positions, bytesMax)
  }

  async positions(scan: PositionScan): Promise<PositionPage> {
    return readPositions(this.tables, scan)
  }

  async firstAtOrAfter(time: number, from: number): Promise<number | undefined> {
    return firstAtOrAfter(this.tables, time, from)
  }

  async sizes(scan: Omit<EventScan, 'bytesMax' | 'direction'>): Promise<readonly EventSize[]> {
    return readSizes(this.tables, scan)
  }

  async stream(name: string): Promise<StreamRow | undefined> {
    return this.streamNow(name)
  }

  protected streamNow(name: string): StreamRow | undefined {
    const row = this.connection.get(`SELECT ${streamColumns} FROM stream WHERE name = ?`, name)
    return row === undefined ? undefined : streamRow(row, this.connection.label)
  }

  async streams(query: NamePage & { readonly prefix: string }): Promise<readonly StreamRow[]> {
    const { prefix, after, rowsMax } = query
    const isBehind = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0
    const rows = this.connection.all(
      `SELECT ${streamColumns} FROM stream
        WHERE name ${isBehind ? '>' : '>='} ? AND name < ? AND seq > 0 ORDER BY name LIMIT ?`,
      isBehind ? after : prefix,
      prefixEnd(prefix),
      rowsMax,
    )
    return rows.map((row) => streamRow(row, this.connection.label))
  }

  async released({ after, rowsMax }: NamePage): Promise<readonly StreamRow[]> {
    const rows = this.connection.all(
      `SELECT ${streamColumns} FROM stream INDEXED BY stream_released
        WHERE released > 0 AND name > ? ORDER BY name LIMIT ?`,
      after ?? '',
      rowsMax,
    )
    return rows.map((row) => streamRow(row, this.connection.label))
  }

  async command(id: string): Promise<CommandRow | undefined> {
    const row = this.connection.get(`SELECT ${commandColumns} FROM command WHERE id = ?`, id)
    return row === undefined ? undefined : commandRow(row, this.connection.label)
  }

  async commands({ after, rowsMax }: NamePage): Promise<readonly CommandRow[]> {
    const rows = this.#byName('command', commandColumns, 'id', after, rowsMax)
    return rows.map((row) => commandRow(row, this.connection.label))
  }

  async commandsBefore(time: number): Promise<number> {
    return this.#count('SELECT count(*) FROM command WHERE time < ?', time)
  }

  async agenda(query: AgendaQuery): Promise<readonly AgendaRow[]> {
    const { dueBy = Number.MAX_SAFE_INTEGER, prefix = '', limit = -1 } = query
    // With a prefix, by id and then sorted; without, in order of time, as the index has it.
    const rows =
      prefix === ''
        ? this.connection.all(
            `SELECT ${agendaColumns} FROM agenda_entry INDEXED BY agenda_by_due
              WHERE due <= ? ORDER BY due, id LIMIT ?`,
            dueBy,
            limit,
          )
        : this.connection.all(
            `SELECT ${agendaColumns} FROM agenda_entry
              WHERE id >= ? AND id < ? AND +due <= ? ORDER BY +due, id LIMIT ?`,
            prefix,
            prefixEnd(prefix),
            dueBy,
            limit,
          )
    return rows.map((row) => agendaRow(row, this.connection.label))
  }

  async agendaById({ after, rowsMax }: NamePage): Promise<readonly AgendaRow[]> {
    const rows = this.#byName('agenda_entry', agendaColumns, 'id', after, rowsMax)
    return rows.map((row) => agendaRow(row, this.connection.label))
  }

  async lease(name: string): Promise<LeaseRow | undefined> {
    const row = this.connection.get(`SELECT ${leaseColumns} FROM lease WHERE name = ?`, name)
    return row === undefined ? undefined : leaseRow(row, this.connection.label)
  }

  async leases({ after, rowsMax }: NamePage): Promise<readonly LeaseRow[]> {
    const rows = this.#byName('lease', leaseColumns, 'name', after, rowsMax)
    return rows.map((row) => leaseRow(row, this.connection.label))
  }

  async leasesOf({ owner, limit = -1 }: LeaseQuery): Promise<readonly LeaseRow[]> {
    const rows = this.connection.all(
      `SELECT ${leaseColumns} FROM lease WHERE held = 1 AND owner = ? ORDER BY name LIMIT ?`,
      owner,
      limit,
    )
    return rows.map((row) => leaseRow(row, this.connection.label))
  }

  async pins(): Promise<readonly PinRow[]> {
    const rows = this.#byName('pin', pinColumns, 'name', undefined, -1)
    return rows.map((row) => pinRow(row, this.connection.label))
  }

  async blob(digest: string): Promise<BlobRow | undefined> {
    return this.blobTables.blob(digest)
  }

  async chunks(digest: string, from: number, bytesMax: number): Promise<readonly ChunkRow[]> {
    return this.blobTables.chunks(digest, from, bytesMax)
  }

  async blobs({ after, rowsMax }: NamePage): Promise<readonly BlobRow[]> {
    return this.blobTables.named(after ?? '', rowsMax)
  }

  async unusedBlobs(now: number): Promise<number> {
    return this.blobTables.unused(now, -1).length
  }

  async namings(positions: readonly number[]): Promise<readonly string[]> {
    return this.blobTables.namings(positions)
  }

  async references(
    digests: readonly string[],
    now: number,
  ): Promise<readonly { readonly digest: string; readonly events: number; readonly claimed: boolean }[]> {
    return this.blobTables.references(digests, now)
  }

  async removed(query: {
    readonly from: number
    readonly to: number
    readonly prefix: string | undefined
    readonly rowsMax: number
  }): Promise<readonly RemovedRow[]> {
    return this.removedTables.overlapping(query)
  }

  async removedBeside(blocks: readonly RemovedRow[]): Promise<readonly RemovedRow[]> {
    return this.removedTables.beside(blocks)
  }

  async spans(query: {
    readonly from: number
    readonly to: number
    readonly after: { readonly part: number; readonly stream: string } | undefined
    readonly rowsMax: number
  }): Promise<readonly SpanRow[]> {
    return this.removedTables.spans(query)
  }

  /** Counted: figures for people, asked for now and then. */
  async figures(now: number): Promise<Figures> {
    return {
      streams: this.#count('SELECT count(*) FROM stream WHERE seq > 0'),
      ...this.blobTables.figures(),
      commands: this.#count('SELECT count(*) FROM command'),
      agenda: this.#count('SELECT count(*) FROM agenda_entry'),
      leases: this.#count('SELECT count(*) FROM lease WHERE name <> ?', leaseFloorName),
      pins: this.#count('SELECT count(*) FROM pin WHERE until IS NULL OR until > ?', now),
    }
  }

  #count(sql: string, ...values: readonly SqliteValue[]): number {
    const row = this.connection.get(sql, ...values)
    return row === undefined ? 0 : numberIn(row, 0, this.connection.label)
  }

  #byName(table: string, columns: string, key: string, after: string | undefined, rowsMax: number) {
    const sql = `SELECT ${columns} FROM ${table} WHERE ${key} > ? ORDER BY ${key} LIMIT ?`
    return this.connection.all(sql, after ?? '', rowsMax)
  }
}
