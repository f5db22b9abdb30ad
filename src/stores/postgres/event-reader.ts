// Questions about events: by position, by stream, by type, by prefix and by time, each one statement that an index answers.
//
// Names of streams and types are looked up for each row that is given back, not joined: a join would let the planner
// read the whole table of streams where the statistics mislead it.

import type { Position, TimeMs } from '../../core/numbers.ts'
import type { EventPage, EventScan, PositionPage, PositionScan } from '../sql/backend.ts'
import type { EventRow, EventSize } from '../sql/rows.ts'
import type { Row } from './driver.ts'
import { JournalTables } from './journal-tables.ts'
import { eventOf, sizeOf } from './rows-read.ts'

export class EventReader extends JournalTables {
  async events(scan: EventScan): Promise<EventPage> {
    const values: unknown[] = [scan.from, scan.to, scan.rowsMax, scan.bytesMax]
    const { where, order } = this.#range(scan, values)
    const direction = scan.direction === 'forward' ? '' : 'desc'
    const rows = await this.rows(
      `select ${this.#eventColumns('q')} from (
         select p.*, sum(octet_length(p.text)) over (order by p.${order} ${direction}
             rows between unbounded preceding and 1 preceding) as before
           from (select * from ${this.table('event')} e where ${where} order by e.${order} ${direction} limit $4) p
       ) q where coalesce(q.before, 0) < $5`,
      values,
    )
    const page = rows.map(eventOf)
    const bytes = page.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
    return { rows: page, ended: page.length < scan.rowsMax && bytes < scan.bytesMax }
  }

  async eventsAt(positions: readonly Position[], bytesMax: number): Promise<readonly EventRow[]> {
    const rows = await this.rows(
      `select ${this.#eventColumns('q')} from (
         select e.*, a.n, sum(octet_length(e.text)) over (order by a.n
             rows between unbounded preceding and 1 preceding) as before
           from unnest($2::bigint[]) with ordinality a(position, n)
           join ${this.table('event')} e on e.journal = $1 and e.position = a.position
       ) q where coalesce(q.before, 0) < $3 order by q.n`,
      [positions, bytesMax],
    )
    return rows.map(eventOf)
  }

  async positions(scan: PositionScan): Promise<PositionPage> {
    const rows = scan.select.kind === 'prefix' ? await this.#merged(scan, scan.select.prefix) : await this.#listed(scan)
    const positions = rows.map(({ position }) => position as number)
    return { positions, last: (rows.at(-1)?.number as number | undefined) ?? 0, ended: rows.length < scan.rowsMax }
  }

  async firstAtOrAfter(time: TimeMs, from: Position): Promise<Position | undefined> {
    const [row] = await this.rows(
      `with recursive half(low, high) as (
         select $3::bigint, (select h.position + 1 from ${this.table('head')} h where h.journal = $1)
         union all
         select case when found.time < $2 then found.position + 1 else half.low end,
                case when found.time < $2 then half.high else middle.at end
           from half
          cross join lateral (select (half.low + half.high) / 2 as at) middle
           left join lateral (select e.position, e.time from ${this.table('event')} e
                 where e.journal = $1 and e.position >= middle.at and e.position < half.high
                 order by e.position limit 1) found on true
          where half.low < half.high
       )
       select e.position from ${this.table('event')} e
        where e.journal = $1 and e.position >= (select max(low) from half) order by e.position limit 1`,
      [time, from],
    )
    return row?.position as number | undefined
  }

  async sizes(scan: Omit<EventScan, 'bytesMax' | 'direction'>): Promise<readonly EventSize[]> {
    const values: unknown[] = [scan.from, scan.to, scan.rowsMax]
    const { where, order } = this.#range(scan, values)
    const rows = await this.rows(
      `select e.position, e.seq, octet_length(e.text) as bytes, ${this.streamName('e')} as stream
         from ${this.table('event')} e where ${where} order by e.${order} limit $4`,
      values,
    )
    return rows.map(sizeOf)
  }

  #listed(scan: PositionScan): Promise<readonly Row[]> {
    const values: unknown[] = [scan.from, scan.to, scan.rowsMax]
    const direction = scan.direction === 'forward' ? '' : 'desc'
    if (scan.select.kind === 'all') return this.#ofTypes(scan, values, direction)
    const { where, order } = this.#range(scan, values)
    const types = scan.types === undefined ? '' : `and e.type = any(${this.#typeIds(scan.types, values)})`
    return this.rows(
      `select e.position, e.${order} as number from ${this.table('event')} e
        where ${where} ${types} order by e.${order} ${direction} limit $4`,
      values,
    )
  }

  /** Of each type from its part of the index, merged. */
  #ofTypes(scan: PositionScan, values: unknown[], direction: string): Promise<readonly Row[]> {
    return this.rows(
      `select found.position, found.position as number
         from unnest(${this.#typeIds(scan.types ?? [], values)}) t(id)
        cross join lateral (select e.position from ${this.table('event')} e
               where e.journal = $1 and e.type = t.id and e.position between $2 and $3
               order by e.position ${direction} limit $4) found
        order by found.position ${direction} limit $4`,
      values,
    )
  }

  /** Of each stream from its part of the index, merged. */
  #merged(scan: PositionScan, prefix: string): Promise<readonly Row[]> {
    const values: unknown[] = [scan.from, scan.to, scan.rowsMax]
    const direction = scan.direction === 'forward' ? '' : 'desc'
    const names = this.names('s.name', { prefix, after: undefined }, values)
    const types = scan.types === undefined ? '' : `and e.type = any(${this.#typeIds(scan.types, values)})`
    return this.rows(
      `select found.position, found.position as number
         from (select s.id from ${this.table('stream')} s where s.journal = $1 and s.position >= $2 ${names} offset 0) s
        cross join lateral (select e.position from ${this.table('event')} e
               where e.journal = $1 and e.stream = s.id and e.position between $2 and $3 ${types}
               order by e.position ${direction} limit $4) found
        order by found.position ${direction} limit $4`,
      values,
    )
  }

  /** The rows that a scan walks. */
  #range(
    scan: Pick<EventScan, 'select'>,
    values: unknown[],
  ): { readonly where: string; readonly order: 'seq' | 'position' } {
    const { select } = scan
    if (select.kind === 'stream') {
      const stream = `(select s.id from ${this.table('stream')} s where s.journal = $1 and s.name = $${this.add(values, select.stream)})`
      return { where: `e.journal = $1 and e.stream = ${stream} and e.seq between $2 and $3`, order: 'seq' }
    }
    const where = 'e.journal = $1 and e.position between $2 and $3'
    if (select.kind === 'all') return { where, order: 'position' }
    const matches = `starts_with(${this.streamName('e')}, $${this.add(values, select.prefix)})`
    return { where: `${where} and ${matches}`, order: 'position' }
  }

  #typeIds(types: readonly string[], values: unknown[]): string {
    const names = `$${this.add(values, types)}::text[]`
    return `array(select t.id from ${this.table('type')} t where t.journal = $1 and t.name = any(${names}))`
  }

  #eventColumns(alias: string): string {
    const type = `(select t.name from ${this.table('type')} t where t.journal = ${alias}.journal and t.id = ${alias}.type)`
    const plain = ['position', 'seq', 'time', 'sum', 'text'].map((name) => `${alias}.${name}`).join(', ')
    return `${plain}, ${this.streamName(alias)} as stream, ${type} as type`
  }
}
