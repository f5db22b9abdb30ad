// Reading events: by position, by stream, by lists of positions from an index. Every statement says through its order and
// bounds which index answers it; where SQLite could choose to scan instead, INDEXED BY names it.

import { hex8 } from '../../core/record.ts'
import type { EventPage, EventScan, PositionPage, PositionScan } from '../sql/backend.ts'
import { rowDamaged } from '../sql/row-sum.ts'
import type { EventRow, EventSize } from '../sql/rows.ts'
import { type Connection, numberIn, textIn } from './connection.ts'
import type { SqliteRow, SqliteValue } from './driver.ts'
import type { Names } from './names.ts'
import { prefixEnd } from './prefix.ts'

/** Texts larger than this are fetched one by one, so that some hundred rows at once stay a few megabytes. */
const longText = 16_384
/** Rows that are asked for at once: an answer of many takes less for each, and no page is cut far from its end. */
const firstRows = 64
const rowsAtOnce = 256
const columns = `position, stream, seq, time, type, sum, CASE WHEN octet_length(text) <= ${longText} THEN text END`

export interface EventTables {
  readonly connection: Connection
  readonly streams: Names
  readonly types: Names
}

interface Where {
  /** FROM and WHERE up to the range. */
  readonly from: string
  readonly values: readonly SqliteValue[]
  /** Which column is ranged over and ordered by. */
  readonly by: 'position' | 'seq'
}

/** undefined: there is no such stream. */
function whereOf({ streams }: EventTables, { select }: Pick<EventScan, 'select'>): Where | undefined {
  switch (select.kind) {
    case 'all':
      return { from: 'FROM event e WHERE', values: [], by: 'position' }
    case 'prefix': {
      const ofStream = 'EXISTS (SELECT 1 FROM stream s WHERE s.id = e.stream AND s.name >= ? AND s.name < ?)'
      return {
        from: `FROM event e NOT INDEXED WHERE ${ofStream} AND`,
        values: [select.prefix, prefixEnd(select.prefix)],
        by: 'position',
      }
    }
    case 'stream': {
      const id = streams.id(select.stream)
      return id === undefined ? undefined : { from: 'FROM event e WHERE stream = ? AND', values: [id], by: 'seq' }
    }
  }
}

export function readEvents(tables: EventTables, scan: EventScan): EventPage {
  const where = whereOf(tables, scan)
  if (where === undefined) return { rows: [], ended: true }
  const { from, to, rowsMax, bytesMax } = scan
  const forward = scan.direction === 'forward'
  const order = forward ? 'ASC' : 'DESC'
  const sql = `SELECT ${columns} ${where.from} ${where.by} BETWEEN ? AND ? ORDER BY ${where.by} ${order} LIMIT ?`
  const page = new PageRows(tables, bytesMax)
  for (let bounds = { from, to }; page.rows.length < rowsMax; ) {
    const asked = Math.min(rowsMax - page.rows.length, page.rowsNext)
    const found = tables.connection.all(sql, ...where.values, bounds.from, bounds.to, asked)
    if (!page.take(found)) return { rows: page.rows, ended: false }
    const last = found.at(-1)
    if (found.length < asked || last === undefined) return { rows: page.rows, ended: true }
    const number = numberIn(last, where.by === 'seq' ? 2 : 0, tables.connection.label)
    bounds = forward ? { from: number + 1, to } : { from, to: number - 1 }
  }
  return { rows: page.rows, ended: false }
}

export function readEventsAt(tables: EventTables, positions: readonly number[], bytesMax: number): readonly EventRow[] {
  const { connection } = tables
  const page = new PageRows(tables, bytesMax)
  for (let at = 0; at < positions.length; ) {
    const some = positions.slice(at, at + Math.min(placesAtOnce, page.rowsNext))
    at += some.length
    const places = Array.from({ length: placesAtOnce }, (_, place) => some[place] ?? null)
    const found = new Map<number, SqliteRow>()
    for (const row of connection.all(rowsAtPlaces, ...places)) found.set(numberIn(row, 0, connection.label), row)
    if (!page.take(some.map((position) => found.get(position)))) break
  }
  return page.rows
}

/** One statement for lists of any length: places without a position find nothing. */
const placesAtOnce = 64
const rowsAtPlaces = `SELECT ${columns} FROM event WHERE position IN (${Array(placesAtOnce).fill('?').join(', ')})`

/** Rows until their texts are large enough together. */
class PageRows {
  readonly rows: EventRow[] = []
  readonly #tables: EventTables
  readonly #bytesMax: number
  #bytes = 0

  constructor(tables: EventTables, bytesMax: number) {
    this.#tables = tables
    this.#bytesMax = bytesMax
  }

  /** How many will most likely fill it. */
  get rowsNext(): number {
    const { length } = this.rows
    if (length === 0) return firstRows
    const fitting = Math.ceil(((this.#bytesMax - this.#bytes) * length) / this.#bytes)
    return Math.min(Math.max(1, fitting), rowsAtOnce)
  }

  /** False: it is full, and rows behind may have been left out. */
  take(found: readonly (SqliteRow | undefined)[]): boolean {
    for (const row of found) {
      const text = row && textOf(this.#tables, row)
      if (row === undefined || text === undefined) continue
      this.rows.push(eventRow(this.#tables, row, text))
      this.#bytes += text.length
      if (this.#bytes >= this.#bytesMax) return false
    }
    return true
  }
}

export function readSizes(tables: EventTables, scan: Omit<EventScan, 'bytesMax' | 'direction'>): readonly EventSize[] {
  const where = whereOf(tables, scan)
  if (where === undefined) return []
  const { label } = tables.connection
  const { from, to, rowsMax } = scan
  const sql = `SELECT position, stream, seq, octet_length(text) ${where.from} ${where.by} BETWEEN ? AND ? ORDER BY ${where.by} LIMIT ?`
  return tables.connection.all(sql, ...where.values, from, to, rowsMax).map((row) => ({
    position: numberIn(row, 0, label),
    stream: streamName(tables, row, 1),
    seq: numberIn(row, 2, label),
    textBytes: numberIn(row, 3, label),
  }))
}

export function readPositions(tables: EventTables, scan: PositionScan): PositionPage {
  const { select } = scan
  const ids = scan.types?.flatMap((type) => tables.types.id(type) ?? [])
  if (ids?.length === 0) return { positions: [], last: 0, ended: true }
  if (select.kind === 'all') return byType(tables, scan, ids ?? [])
  const typed = ids === undefined ? '' : `AND e.type IN (${ids.map(Number).join(', ')})`
  const order = scan.direction === 'forward' ? 'ASC' : 'DESC'
  const { from, to, rowsMax } = scan
  if (select.kind === 'prefix') {
    // From the streams to their entries in one index, which has position and type: no row is touched.
    const sql = `SELECT e.position FROM stream s CROSS JOIN event e INDEXED BY event_by_stream
      WHERE s.name >= ? AND s.name < ? AND s.position >= ? AND e.stream = s.id
        AND +e.position BETWEEN ? AND ? ${typed} ORDER BY +e.position ${order} LIMIT ?`
    const { prefix } = select
    return page(tables, tables.connection.all(sql, prefix, prefixEnd(prefix), from, from, to, rowsMax), rowsMax)
  }
  const id = tables.streams.id(select.stream)
  if (id === undefined) return { positions: [], last: 0, ended: true }
  const sql = `SELECT e.position, e.seq FROM event e INDEXED BY event_by_stream
    WHERE e.stream = ? AND e.seq BETWEEN ? AND ? ${typed} ORDER BY e.seq ${order} LIMIT ?`
  return page(tables, tables.connection.all(sql, id, from, to, rowsMax), rowsMax)
}

/** The positions of each type, merged. */
function byType(tables: EventTables, scan: PositionScan, types: readonly number[]): PositionPage {
  const { from, to, rowsMax, direction } = scan
  const forward = direction === 'forward'
  const sql = `SELECT position FROM event INDEXED BY event_by_type WHERE type = ? AND position BETWEEN ? AND ?
    ORDER BY position ${forward ? 'ASC' : 'DESC'} LIMIT ?`
  const lists = types.map((type) => page(tables, tables.connection.all(sql, type, from, to, rowsMax), rowsMax))
  const only = lists.length === 1 ? lists[0] : undefined
  if (only !== undefined) return only
  const all = lists.flatMap(({ positions }) => positions).sort((a, b) => (forward ? a - b : b - a))
  const positions = all.slice(0, rowsMax)
  const ended = all.length <= rowsMax && lists.every((list) => list.ended)
  return { positions, last: positions.at(-1) ?? 0, ended }
}

function page({ connection }: EventTables, rows: readonly SqliteRow[], rowsMax: number): PositionPage {
  const { label } = connection
  const last = rows.at(-1)
  return {
    positions: rows.map((row) => numberIn(row, 0, label)),
    last: last === undefined ? 0 : numberIn(last, last.length - 1, label),
    ended: rows.length < rowsMax,
  }
}

/** By halving: times rise with positions. */
export function firstAtOrAfter({ connection }: EventTables, time: number, from: number): number | undefined {
  const { label } = connection
  const newest = connection.value('SELECT max(position) FROM event')
  if (typeof newest !== 'number') return undefined
  let low = from
  let high = newest + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const row = connection.get('SELECT position, time FROM event WHERE position >= ? ORDER BY position LIMIT 1', middle)
    if (row === undefined || numberIn(row, 1, label) >= time) high = middle
    else low = numberIn(row, 0, label) + 1
  }
  return low > newest ? undefined : low
}

function eventRow(tables: EventTables, row: SqliteRow, text: string): EventRow {
  const { label } = tables.connection
  return {
    position: numberIn(row, 0, label),
    stream: streamName(tables, row, 1),
    seq: numberIn(row, 2, label),
    time: numberIn(row, 3, label),
    type: tables.types.name(numberIn(row, 4, label)) ?? nameless(tables, 'type', row),
    sum: hex8(numberIn(row, 5, label)),
    text,
  }
}

/** undefined: removed by another process since the row was found, which is as if the row had been looked for later. */
function textOf({ connection }: EventTables, row: SqliteRow): string | undefined {
  const { label } = connection
  if (row[6] !== null) return textIn(row, 6, label)
  const long = connection.get('SELECT text FROM event WHERE position = ?', numberIn(row, 0, label))
  return long && textIn(long, 0, label)
}

function streamName(tables: EventTables, row: SqliteRow, column: number): string {
  return tables.streams.name(numberIn(row, column, tables.connection.label)) ?? nameless(tables, 'stream', row)
}

function nameless({ connection }: EventTables, what: string, row: SqliteRow): never {
  const { label } = connection
  const position = numberIn(row, 0, label)
  throw rowDamaged(
    { file: label, table: 'event', position },
    `position ${position} refers to a ${what} that is not there`,
  )
}
