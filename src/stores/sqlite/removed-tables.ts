// Where events stood that retention removed: blocks of positions, and spans of streams inside them.

import type { RemovalWrite } from '../sql/backend.ts'
import type { RemovedRow, SpanRow } from '../sql/rows.ts'
import { numberIn } from './connection.ts'
import type { SqliteRow, SqliteValue } from './driver.ts'
import type { EventTables } from './event-reader.ts'
import { prefixEnd } from './prefix.ts'

const blockColumns = 'from_position, to_position'
const spanColumns = 'part, stream, from_position, to_position, first_seq, last_seq'

export class RemovedTables {
  readonly #tables: EventTables

  constructor(tables: EventTables) {
    this.#tables = tables
  }

  /** Blocks are disjoint: the first that can overlap is the last that begins at or before the range. */
  overlapping(query: {
    readonly from: number
    readonly to: number
    readonly prefix: string | undefined
    readonly rowsMax: number
  }): readonly RemovedRow[] {
    const { from, to, prefix, rowsMax } = query
    // A stream has few spans in a block: of most, one.
    const ofPrefix = `AND EXISTS (
      SELECT 1 FROM removed_span p
       WHERE p.part BETWEEN r.from_position AND r.to_position
         AND EXISTS (SELECT 1 FROM stream s WHERE s.id = p.stream AND s.name >= ? AND s.name < ?)
       GROUP BY p.stream HAVING min(p.from_position) <= ? AND max(p.to_position) >= ?)`
    const sql = `SELECT ${blockColumns} FROM removed r
      WHERE from_position >= coalesce((SELECT max(from_position) FROM removed WHERE from_position <= ?), 0)
        AND from_position <= ? AND to_position >= ? ${prefix === undefined ? '' : ofPrefix}
      ORDER BY from_position LIMIT ?`
    const ofNames: readonly SqliteValue[] = prefix === undefined ? [] : [prefix, prefixEnd(prefix), to, from]
    return this.#tables.connection.all(sql, from, to, from, ...ofNames, rowsMax).map((row) => this.#block(row))
  }

  beside(blocks: readonly RemovedRow[]): readonly RemovedRow[] {
    const { connection } = this.#tables
    const found = new Map<number, RemovedRow>()
    for (const { from, to } of blocks) {
      const before = connection.get(
        `SELECT ${blockColumns} FROM removed WHERE from_position < ? ORDER BY from_position DESC LIMIT 1`,
        from,
      )
      const behind = connection.get(`SELECT ${blockColumns} FROM removed WHERE from_position = ?`, to + 1)
      for (const row of [before, behind]) {
        if (row === undefined) continue
        const block = this.#block(row)
        if (block.to === from - 1 || block.from === to + 1) found.set(block.from, block)
      }
    }
    return [...found.values()].sort((a, b) => a.from - b.from)
  }

  spans(query: {
    readonly from: number
    readonly to: number
    readonly after: { readonly part: number; readonly stream: string } | undefined
    readonly rowsMax: number
  }): readonly SpanRow[] {
    const { from, to, after, rowsMax } = query
    const part = after?.part ?? from
    const stream = after === undefined ? -1 : (this.#tables.streams.id(after.stream) ?? -1)
    const sql = `SELECT ${spanColumns} FROM removed_span
      WHERE (part, stream) > (?, ?) AND part <= ? ORDER BY part, stream LIMIT ?`
    return this.#tables.connection.all(sql, part, stream, to, rowsMax).map((row) => this.#span(row))
  }

  write({ blocksGone, blocks, spansGone, spans }: RemovalWrite): void {
    const { connection, streams } = this.#tables
    for (const from of blocksGone) connection.run('DELETE FROM removed WHERE from_position = ?', from)
    for (const { from, to } of blocks) {
      connection.run(`INSERT INTO removed (${blockColumns}) VALUES (?, ?)`, from, to)
    }
    for (const { from, to } of spansGone) {
      connection.run('DELETE FROM removed_span WHERE part BETWEEN ? AND ?', from, to)
    }
    for (const { part, stream, from, to, first, last } of spans) {
      const sql = `INSERT INTO removed_span (${spanColumns}) VALUES (?, ?, ?, ?, ?, ?)`
      connection.run(sql, part, streams.id(stream) ?? -1, from, to, first, last)
    }
  }

  #block(row: SqliteRow): RemovedRow {
    const { label } = this.#tables.connection
    return { from: numberIn(row, 0, label), to: numberIn(row, 1, label) }
  }

  #span(row: SqliteRow): SpanRow {
    const { connection, streams } = this.#tables
    const number = (column: number) => numberIn(row, column, connection.label)
    return {
      part: number(0),
      stream: streams.name(number(1)) ?? '',
      from: number(2),
      to: number(3),
      first: number(4),
      last: number(5),
    }
  }
}
