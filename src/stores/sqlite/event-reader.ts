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

const columns = 'position, stream, seq, time, type, sum, text'

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
  const order = scan.direction === 'forward' ? 'ASC' : 'DESC'
  const sql = `SELECT ${columns} ${where.from} ${where.by} BETWEEN ? AND ? ORDER BY ${where.by} ${order} LIMIT ?`
  const rows: EventRow[] = []
  let bytes = 0
  let isCut = false
  tables.connection.each(sql, [...where.values, from, to, rowsMax], (row) => {
    const event = eventRow(tables, row)
    rows.push(event)
    bytes += event.text.length
    isCut = bytes >= bytesMax
    return !isCut
  })
  return { rows, ended: !isCut && rows.length < rowsMax }
}

export function readEventsAt(tables: EventTables, positions: readonly number[], bytesMax: number): readonly EventRow[] {
  const rows: EventRow[] = []
  let bytes = 0
  for (const position of positions) {
    const row = tables.connection.get(`SELECT ${columns} FROM event WHERE position = ?`, position)
    if (row === undefined) continue
    const event = eventRow(tables, row)
    rows.push(event)
    bytes += event.text.length
    if (bytes >= bytesMax) break
  }
  return rows
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

function eventRow(tables: EventTables, row: SqliteRow): EventRow {
  const { label } = tables.connection
  return {
    position: numberIn(row, 0, label),
    stream: streamName(tables, row, 1),
    seq: numberIn(row, 2, label),
    time: numberIn(row, 3, label),
    type: tables.types.name(numberIn(row, 4, label)) ?? nameless(tables, 'type', row),
    sum: hex8(numberIn(row, 5, label)),
    text: textIn(row, 6, label),
  }
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
