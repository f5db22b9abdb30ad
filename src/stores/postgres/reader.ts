// What can be asked of the tables: each method one statement, answered by an index (plans.test.ts shows them). The same
// over the connections that read, inside a write transaction, and in a snapshot. Events are asked for in event-reader.ts,
// what stands beside them in state-reader.ts; here are blobs, what was removed, and the journal as a whole.

import { leaseFloorName } from '../../core/lease-floor.ts'
import type { Position, TimeMs } from '../../core/numbers.ts'
import type { Figures, SqlReader } from '../sql/backend.ts'
import type { BlobRow, ChunkRow, HeadRow, RemovedRow, SpanRow } from '../sql/rows.ts'
import type { Row } from './driver.ts'
import type { Behind } from './journal-tables.ts'
import { blobOf, headColumns, headOf, spanOf } from './rows-read.ts'
import { StateReader } from './state-reader.ts'

export class PostgresReader extends StateReader implements SqlReader {
  async head(): Promise<HeadRow> {
    return headOf(
      await this.one(`select ${headColumns} from ${this.table('head')} h where h.journal = $1`),
      this.scope.label,
    )
  }

  async blob(digest: string): Promise<BlobRow | undefined> {
    const text = `select * from ${this.table('blob')} b where b.journal = $1 and b.digest = $2`
    const [row] = await this.rows(text, [digest])
    return row === undefined ? undefined : blobOf(row)
  }

  async chunks(digest: string, from: number, bytesMax: number): Promise<readonly ChunkRow[]> {
    const rows = await this.rows(
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
    return (await this.page('blob', 'digest', query, 'and x.named')).map(blobOf)
  }

  async unusedBlobs(now: TimeMs): Promise<number> {
    const row = await this.one(
      `select count(*) as n from ${this.table('blob')} b
        where b.journal = $1 and not b.named
          and not exists (select from ${this.table('claim')} c
                where c.journal = $1 and c.digest = b.digest and c.until > $2)`,
      [now],
    )
    return row.n as number
  }

  async namings(positions: readonly Position[]): Promise<readonly string[]> {
    const rows = await this.rows(
      `select n.digest from ${this.table('blob_name')} n where n.journal = $1 and n.position = any($2::bigint[])`,
      [positions],
    )
    return rows.map(({ digest }) => digest as string)
  }

  async references(
    digests: readonly string[],
    now: TimeMs,
  ): Promise<readonly { readonly digest: string; readonly events: number; readonly claimed: boolean }[]> {
    const rows = await this.rows(
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
                and starts_with(${this.streamName('p')}, $${this.add(values, prefix)})
              group by p.stream having min(p.from_) <= $3 and max(p.to_) >= $2)`
    // Blocks are disjoint, so the first that overlaps is the first whose end is not before the range.
    const rows = await this.rows(
      `select r.from_, r.to_ from ${this.table('removed')} r
        where r.journal = $1 and r.to_ >= $2 and r.from_ <= $3 ${matching} order by r.to_ limit $4`,
      values,
    )
    return rows.map(removedOf)
  }

  async removedBeside(blocks: readonly RemovedRow[]): Promise<readonly RemovedRow[]> {
    const rows = await this.rows(
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
        : `and (q.part, q.name) > ($${this.add(values, after.part)}::bigint, $${this.add(values, after.stream)}::text)`
    const rows = await this.rows(
      `select * from (
         select p.*, ${this.streamName('p')} as name from ${this.table('span')} p
          where p.journal = $1 and p.part between ${after === undefined ? '$2' : 'greatest($2::bigint, $5::bigint)'} and $3
       ) q where true ${behind} order by q.part, q.name, q.from_ limit $4`,
      values,
    )
    return rows.map(spanOf)
  }

  async figures(now: TimeMs): Promise<Figures> {
    const count = (table: string, more = ''): string =>
      `(select count(*) from ${this.table(table)} x where x.journal = $1 ${more})`
    const row = await this.one(
      `select ${count('stream', 'and x.seq > 0')} as streams, ${count('blob', 'and x.named')} as blobs,
              (select coalesce(sum(b.bytes), 0)::bigint from ${this.table('blob')} b where b.journal = $1 and b.named) as "blobBytes",
              ${count('command')} as commands, ${count('agenda_entry')} as agenda, ${count('lease', 'and x.name <> $3')} as leases,
              ${count('pin', 'and (x.until is null or x.until > $2)')} as pins`,
      [now, leaseFloorName],
    )
    return row as unknown as Figures // its columns
  }

  /** In order of their numbers: of one stream by seq, else by position. */
}

/** More are never asked for at once: their bytes would be past any page. */
const chunksMax = 1_000

function removedOf(row: Row): RemovedRow {
  return { from: row.from_ as number, to: row.to_ as number }
}
