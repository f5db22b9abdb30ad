// What can be asked of the tables: each method one statement, answered by an index (plans.test.ts shows them). The same
// over the connections that read, inside a write transaction, and in a snapshot.
//
// Names of streams and types are looked up for each row that is given back, not joined: a join would let the planner
// read the whole table of streams where the statistics mislead it.

import type { Position, TimeMs } from '../../core/numbers.ts'
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
import type { AgendaQuery } from '../store.ts'
import type { Row } from './driver.ts'
import { journalGone } from './failure.ts'
import {
  agendaOf,
  blobOf,
  commandOf,
  eventOf,
  headColumns,
  headOf,
  leaseOf,
  pinOf,
  sizeOf,
  spanOf,
  streamColumns,
  streamOf,
} from './rows-read.ts'
import { prefixEnd } from './text-range.ts'

export type Run = (text: string, values: readonly unknown[]) => Promise<readonly Row[]>

/** Where in the database: the schema, quoted, and the number of the journal. */
export interface Scope {
  readonly schema: string
  readonly journal: number
  /** The database, as errors name it. */
  readonly label: string
}

interface Behind {
  readonly after: string | undefined
  readonly rowsMax: number
}

export class PostgresReader implements SqlReader {
  readonly #run: Run
  protected readonly scope: Scope

  constructor(run: Run, scope: Scope) {
    this.#run = run
    this.scope = scope
  }

  async head(): Promise<HeadRow> {
    return headOf(
      await this.#one(`select ${headColumns} from ${this.table('head')} h where h.journal = $1`),
      this.scope.label,
    )
  }

  async events(scan: EventScan): Promise<EventPage> {
    const values: unknown[] = [scan.from, scan.to, scan.rowsMax, scan.bytesMax]
    const { where, order } = this.#range(scan, values)
    const direction = scan.direction === 'forward' ? '' : 'desc'
    const rows = await this.#rows(
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
    const rows = await this.#rows(
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
    const [row] = await this.#rows(
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
    const rows = await this.#rows(
      `select e.position, e.seq, octet_length(e.text) as bytes, ${this.#streamName('e')} as stream
         from ${this.table('event')} e where ${where} order by e.${order} limit $4`,
      values,
    )
    return rows.map(sizeOf)
  }

  async stream(name: string): Promise<StreamRow | undefined> {
    const [row] = await this.#rows(
      `select ${streamColumns} from ${this.table('stream')} s where s.journal = $1 and s.name = $2`,
      [name],
    )
    return row === undefined ? undefined : streamOf(row, this.scope.label)
  }

  async streams(query: Behind & { readonly prefix: string }): Promise<readonly StreamRow[]> {
    const values: unknown[] = [query.rowsMax]
    const rows = await this.#rows(
      `select ${streamColumns} from ${this.table('stream')} s
        where s.journal = $1 and s.seq > 0 ${this.#names('s.name', query, values)} order by s.name limit $2`,
      values,
    )
    return rows.map((row) => streamOf(row, this.scope.label))
  }

  async released(query: Behind): Promise<readonly StreamRow[]> {
    const values: unknown[] = [query.rowsMax]
    const rows = await this.#rows(
      `select ${streamColumns} from ${this.table('stream')} s
        where s.journal = $1 and s.released > 0 ${this.#names('s.name', query, values)} order by s.name limit $2`,
      values,
    )
    return rows.map((row) => streamOf(row, this.scope.label))
  }

  async command(id: string): Promise<CommandRow | undefined> {
    const [row] = await this.#rows(`select * from ${this.table('command')} c where c.journal = $1 and c.id = $2`, [id])
    return row === undefined ? undefined : commandOf(row, this.scope.label)
  }

  async commands(query: Behind): Promise<readonly CommandRow[]> {
    return (await this.#page('command', 'id', query)).map((row) => commandOf(row, this.scope.label))
  }

  async commandsBefore(time: TimeMs): Promise<number> {
    const text = `select count(*) as n from ${this.table('command')} c where c.journal = $1 and c.time < $2`
    return (await this.#one(text, [time])).n as number
  }

  async agenda(query: AgendaQuery): Promise<readonly AgendaRow[]> {
    const values: unknown[] = []
    const due = query.dueBy === undefined ? '' : `and a.due <= $${this.#add(values, query.dueBy)}`
    const names = this.#names('a.id', { prefix: query.prefix ?? '', after: undefined }, values)
    const limit = query.limit === undefined ? '' : `limit $${this.#add(values, query.limit)}`
    const rows = await this.#rows(
      `select a.* from ${this.table('agenda_entry')} a
        where a.journal = $1 ${due} ${names} order by a.due, a.id ${limit}`,
      values,
    )
    return rows.map((row) => agendaOf(row, this.scope.label))
  }

  async agendaById(query: Behind): Promise<readonly AgendaRow[]> {
    return (await this.#page('agenda_entry', 'id', query)).map((row) => agendaOf(row, this.scope.label))
  }

  async lease(name: string): Promise<LeaseRow | undefined> {
    const [row] = await this.#rows(`select * from ${this.table('lease')} l where l.journal = $1 and l.name = $2`, [
      name,
    ])
    return row === undefined ? undefined : leaseOf(row, this.scope.label)
  }

  async leases(query: Behind): Promise<readonly LeaseRow[]> {
    return (await this.#page('lease', 'name', query)).map((row) => leaseOf(row, this.scope.label))
  }

  async pins(): Promise<readonly PinRow[]> {
    return (await this.#rows(`select * from ${this.table('pin')} p where p.journal = $1 order by p.name`)).map((row) =>
      pinOf(row, this.scope.label),
    )
  }

  async blob(digest: string): Promise<BlobRow | undefined> {
    const text = `select * from ${this.table('blob')} b where b.journal = $1 and b.digest = $2`
    const [row] = await this.#rows(text, [digest])
    return row === undefined ? undefined : blobOf(row)
  }

  async chunks(digest: string, from: number, bytesMax: number): Promise<readonly ChunkRow[]> {
    const rows = await this.#rows(
      `select q.digest, q.data from (
         select c.digest, c.data, p.ordinal, sum(octet_length(c.data)) over (order by p.ordinal
             rows between unbounded preceding and 1 preceding) as before
           from (select * from ${this.table('blob_chunk')} b where b.journal = $1 and b.digest = $2 and b.ordinal >= $3
                 order by b.ordinal limit $5) p
           join ${this.table('chunk')} c on c.journal = $1 and c.digest = p.chunk
       ) q where coalesce(q.before, 0) < $4 order by q.ordinal`,
      [digest, from, bytesMax, chunksMax],
    )
    return rows.map((row) => ({ digest: row.digest as string, data: row.data as Uint8Array }))
  }

  async blobs(query: Behind): Promise<readonly BlobRow[]> {
    return (await this.#page('blob', 'digest', query, 'and x.named')).map(blobOf)
  }

  async unusedBlobs(now: TimeMs): Promise<number> {
    const row = await this.#one(
      `select count(*) as n from ${this.table('blob')} b
        where b.journal = $1 and not b.named
          and not exists (select from ${this.table('claim')} c
                where c.journal = $1 and c.digest = b.digest and c.until > $2)`,
      [now],
    )
    return row.n as number
  }

  async namings(positions: readonly Position[]): Promise<readonly string[]> {
    const rows = await this.#rows(
      `select n.digest from ${this.table('blob_name')} n where n.journal = $1 and n.position = any($2::bigint[])`,
      [positions],
    )
    return rows.map(({ digest }) => digest as string)
  }

  async references(
    digests: readonly string[],
    now: TimeMs,
  ): Promise<readonly { readonly digest: string; readonly events: number; readonly claimed: boolean }[]> {
    const rows = await this.#rows(
      `select d.digest,
              (select count(*) from ${this.table('blob_name')} n where n.journal = $1 and n.digest = d.digest) as events,
              exists (select from ${this.table('claim')} c
                where c.journal = $1 and c.digest = d.digest and c.until > $3) as claimed
         from unnest($2::text[]) d(digest)`,
      [digests, now],
    )
    return rows as unknown as { digest: string; events: number; claimed: boolean }[] // its columns
  }

  async removed(query: {
    readonly from: Position
    readonly to: Position
    readonly prefix: string | undefined
    readonly rowsMax: number
  }): Promise<readonly RemovedRow[]> {
    const { from, to, prefix, rowsMax } = query
    const values: unknown[] = [from, to, rowsMax]
    const matching =
      prefix === undefined
        ? ''
        : `and exists (select from ${this.table('span')} p
              where p.journal = $1 and p.part between r.from_ and r.to_
                and starts_with(${this.#streamName('p')}, $${this.#add(values, prefix)})
              group by p.stream having min(p.from_) <= $3 and max(p.to_) >= $2)`
    // Blocks are disjoint, so the first that overlaps is the first whose end is not before the range.
    const rows = await this.#rows(
      `select r.from_, r.to_ from ${this.table('removed')} r
        where r.journal = $1 and r.to_ >= $2 and r.from_ <= $3 ${matching} order by r.to_ limit $4`,
      values,
    )
    return rows.map(removedOf)
  }

  async removedBeside(blocks: readonly RemovedRow[]): Promise<readonly RemovedRow[]> {
    const rows = await this.#rows(
      `select r.from_, r.to_ from ${this.table('removed')} r
        where r.journal = $1 and (r.to_ = any($2::bigint[]) or r.from_ = any($3::bigint[])) order by r.from_`,
      [blocks.map(({ from }) => from - 1), blocks.map(({ to }) => to + 1)],
    )
    return rows.map(removedOf)
  }

  async spans(query: {
    readonly from: Position
    readonly to: Position
    readonly after: { readonly part: Position; readonly stream: string } | undefined
    readonly rowsMax: number
  }): Promise<readonly SpanRow[]> {
    const { from, to, after, rowsMax } = query
    const values: unknown[] = [from, to, rowsMax]
    const behind =
      after === undefined
        ? ''
        : `and (q.part, q.name) > ($${this.#add(values, after.part)}::bigint, $${this.#add(values, after.stream)}::text)`
    const rows = await this.#rows(
      `select * from (
         select p.*, ${this.#streamName('p')} as name from ${this.table('span')} p
          where p.journal = $1 and p.part between ${after === undefined ? '$2' : 'greatest($2::bigint, $5::bigint)'} and $3
       ) q where true ${behind} order by q.part, q.name, q.from_ limit $4`,
      values,
    )
    return rows.map(spanOf)
  }

  async figures(now: TimeMs): Promise<Figures> {
    const count = (table: string, more = ''): string =>
      `(select count(*) from ${this.table(table)} x where x.journal = $1 ${more})`
    const row = await this.#one(
      `select ${count('stream', 'and x.seq > 0')} as streams, ${count('blob', 'and x.named')} as blobs,
              (select coalesce(sum(b.bytes), 0)::bigint from ${this.table('blob')} b where b.journal = $1 and b.named) as "blobBytes",
              ${count('command')} as commands, ${count('agenda_entry')} as agenda, ${count('lease')} as leases,
              ${count('pin', 'and (x.until is null or x.until > $2)')} as pins`,
      [now],
    )
    return row as unknown as Figures // its columns
  }

  /** In order of their numbers: of one stream by seq, else by position. */
  #listed(scan: PositionScan): Promise<readonly Row[]> {
    const values: unknown[] = [scan.from, scan.to, scan.rowsMax]
    const direction = scan.direction === 'forward' ? '' : 'desc'
    if (scan.select.kind === 'all') return this.#ofTypes(scan, values, direction)
    const { where, order } = this.#range(scan, values)
    const types = scan.types === undefined ? '' : `and e.type = any(${this.#typeIds(scan.types, values)})`
    return this.#rows(
      `select e.position, e.${order} as number from ${this.table('event')} e
        where ${where} ${types} order by e.${order} ${direction} limit $4`,
      values,
    )
  }

  /** Of each type from its part of the index, merged. */
  #ofTypes(scan: PositionScan, values: unknown[], direction: string): Promise<readonly Row[]> {
    return this.#rows(
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
    const names = this.#names('s.name', { prefix, after: undefined }, values)
    const types = scan.types === undefined ? '' : `and e.type = any(${this.#typeIds(scan.types, values)})`
    return this.#rows(
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
      const stream = `(select s.id from ${this.table('stream')} s where s.journal = $1 and s.name = $${this.#add(values, select.stream)})`
      return { where: `e.journal = $1 and e.stream = ${stream} and e.seq between $2 and $3`, order: 'seq' }
    }
    const where = 'e.journal = $1 and e.position between $2 and $3'
    if (select.kind === 'all') return { where, order: 'position' }
    const matches = `starts_with(${this.#streamName('e')}, $${this.#add(values, select.prefix)})`
    return { where: `${where} and ${matches}`, order: 'position' }
  }

  #typeIds(types: readonly string[], values: unknown[]): string {
    const names = `$${this.#add(values, types)}::text[]`
    return `array(select t.id from ${this.table('type')} t where t.journal = $1 and t.name = any(${names}))`
  }

  #names(
    column: string,
    range: { readonly prefix?: string; readonly after: string | undefined },
    values: unknown[],
  ): string {
    const { prefix = '', after } = range
    const end = prefixEnd(prefix)
    const parts = [
      ...(prefix === '' ? [] : [`and ${column} >= $${this.#add(values, prefix)}`]),
      ...(end === undefined ? [] : [`and ${column} < $${this.#add(values, end)}`]),
      ...(after === undefined ? [] : [`and ${column} > $${this.#add(values, after)}`]),
    ]
    return parts.join(' ')
  }

  #page(table: string, key: string, query: Behind, more = ''): Promise<readonly Row[]> {
    const values: unknown[] = [query.rowsMax]
    const behind = this.#names(`x.${key}`, { after: query.after }, values)
    const text = `select * from ${this.table(table)} x where x.journal = $1 ${more} ${behind} order by x.${key} limit $2`
    return this.#rows(text, values)
  }

  #eventColumns(alias: string): string {
    const type = `(select t.name from ${this.table('type')} t where t.journal = ${alias}.journal and t.id = ${alias}.type)`
    const plain = ['position', 'seq', 'time', 'sum', 'text'].map((name) => `${alias}.${name}`).join(', ')
    return `${plain}, ${this.#streamName(alias)} as stream, ${type} as type`
  }

  #streamName(alias: string): string {
    return `(select s.name from ${this.table('stream')} s where s.journal = ${alias}.journal and s.id = ${alias}.stream)`
  }

  protected table(name: string): string {
    return `${this.scope.schema}.${name}`
  }

  /** The number that the value has in the statement; $1 is the journal. */
  #add(values: unknown[], value: unknown): number {
    return values.push(value) + 1
  }

  #rows(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#run(text, [this.scope.journal, ...values])
  }

  async #one(text: string, values: readonly unknown[] = []): Promise<Row> {
    const [row] = await this.#rows(text, values)
    if (row === undefined) throw journalGone()
    return row
  }
}

/** More are never asked for at once: their bytes would be past any page. */
const chunksMax = 1_000

function removedOf(row: Row): RemovedRow {
  return { from: row.from_ as number, to: row.to_ as number }
}
