// Upkeep: retention and imports, piece by piece, each a transaction that holds the head row like a group does.

import type { TimeMs } from '../../core/numbers.ts'
import type { RemovalWrite, SqlUpkeep } from '../sql/backend.ts'
import type { ChunkRow, HeadChange, HeadRow, StreamRow } from '../sql/rows.ts'
import { streamValues } from '../sql/state-values.ts'
import type { Statement } from './connection.ts'
import type { Scope } from './journal-tables.ts'
import { numbersOf, streamsOf } from './numbering.ts'
import { PostgresReader } from './reader.ts'
import { streamColumns, streamOf, sumOf } from './rows-read.ts'
import { type RowsWrite, rowStatements } from './write-statements.ts'
import type { Transaction, Writer } from './writer.ts'

/** What a journal holds. */
export const contentTables: readonly string[] = [
  ...['event', 'stream', 'command', 'agenda_entry', 'lease', 'pin', 'removed', 'span'],
  ...['blob_name', 'blob_chunk', 'blob', 'arrival_chunk', 'arrival', 'chunk', 'claim'],
]

export async function beginUpkeep(
  writer: Writer,
  scope: Scope,
  committed: (head: HeadRow) => void,
): Promise<SqlUpkeep> {
  return new Upkeep({ writer, committed }, scope, await writer.open('update'))
}

interface UpkeepParts {
  readonly writer: Writer
  readonly committed: (head: HeadRow) => void
}

class Upkeep extends PostgresReader implements SqlUpkeep {
  readonly #parts: UpkeepParts
  #transaction: Transaction
  #head: HeadRow

  constructor(parts: UpkeepParts, scope: Scope, transaction: Transaction) {
    super((text, values) => transaction.connection.rows(text, values), scope)
    this.#parts = parts
    this.#transaction = transaction
    this.#head = transaction.head
  }

  async remove(write: RemovalWrite): Promise<void> {
    const { positions, blocksGone, blocks, spansGone, spans } = write
    const rows = await this.#changed(write.streams)
    await this.#send([
      this.#delete('event', 'position = any($2::bigint[])', [positions]),
      {
        text: `with gone as (delete from ${this.table('blob_name')} where journal = $1 and position = any($2::bigint[])
                 returning position, digest)
               update ${this.table('blob')} b set named = false
                where b.journal = $1 and b.digest in (select g.digest from gone g)
                  and not exists (select from ${this.table('blob_name')} n
                        where n.journal = $1 and n.digest = b.digest and n.position <> all($2::bigint[]))`,
        values: [this.scope.journal, positions],
      },
      {
        text: `update ${this.table('stream')} s set earliest = v.earliest, sum = v.sum
                 from unnest($2::text[], $3::bigint[], $4::integer[]) as v(name, earliest, sum)
                where s.journal = $1 and s.name = v.name`,
        values: [
          this.scope.journal,
          rows.map(({ stream }) => stream),
          rows.map(({ earliest }) => earliest),
          rows.map((row) => sumOf(streamValues(row))),
        ],
      },
      this.#delete('removed', 'from_ = any($2::bigint[])', [blocksGone]),
      this.#insert('removed', 'from_, to_', 'select $1, r.* from unnest($2::bigint[], $3::bigint[]) as r', [
        blocks.map(({ from }) => from),
        blocks.map(({ to }) => to),
      ]),
      this.#delete(
        'span',
        `part = any(array(select p.part from unnest($2::bigint[], $3::bigint[]) as r(a, b)
           cross join lateral (select p.part from ${this.table('span')} p
                  where p.journal = $1 and p.part between r.a and r.b offset 0) p))`,
        [spansGone.map(({ from }) => from), spansGone.map(({ to }) => to)],
      ),
      this.#insert(
        'span',
        'stream, part, from_, to_, first, last',
        `select $1, (select s.id from ${this.table('stream')} s where s.journal = $1 and s.name = r.name),
                r.part, r.a, r.b, r.c, r.d
           from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
             as r(name, part, a, b, c, d)`,
        [
          spans.map(({ stream }) => stream),
          spans.map(({ part }) => part),
          spans.map(({ from }) => from),
          spans.map(({ to }) => to),
          spans.map(({ first }) => first),
          spans.map(({ last }) => last),
        ],
      ),
    ])
    await this.setHead(write.head)
  }

  /** Their rows as they will be. */
  async #changed(streams: RemovalWrite['streams']): Promise<readonly StreamRow[]> {
    const earliest = new Map(streams.map((one) => [one.stream, one.earliest]))
    const rows = await this.rows(
      `select ${streamColumns} from ${this.table('stream')} s where s.journal = $1 and s.name = any($2::text[])`,
      [[...earliest.keys()]],
    )
    return rows.map((row) => {
      const read = streamOf(row, this.scope.label)
      return { ...read, earliest: earliest.get(read.stream) ?? read.earliest }
    })
  }

  async setHead(change: HeadChange): Promise<void> {
    await this.load({
      head: change,
      events: [],
      streams: [],
      commands: [],
      agenda: [],
      leases: [],
      pins: [],
      blobs: [],
    })
  }

  async dropPins(names: readonly string[]): Promise<void> {
    await this.#send([this.#delete('pin', 'name = any($2::text[])', [names])])
  }

  forgetCommands(before: TimeMs, rowsMax: number): Promise<number> {
    return this.#count(
      `delete from ${this.table('command')} where journal = $1 and id in (select c.id from ${this.table('command')} c
          where c.journal = $1 and c.time < $2 order by c.time limit $3)`,
      [before, rowsMax],
    )
  }

  async collectBlobs(now: TimeMs, rowsMax: number): Promise<number> {
    await this.#send([this.#delete('claim', 'until <= $2', [now])])
    const ended = await this.rows(
      `delete from ${this.table('arrival')} where journal = $1 and until <= $2 returning arrival`,
      [now],
    )
    const arrived = await this.rows(
      `delete from ${this.table('arrival_chunk')} where journal = $1 and arrival = any($2::bigint[]) returning chunk`,
      [ended.map(({ arrival }) => arrival)],
    )
    const unused = await this.rows(
      `select b.digest from ${this.table('blob')} b where b.journal = $1 and not b.named
          and not exists (select from ${this.table('claim')} c where c.journal = $1 and c.digest = b.digest)
        order by b.digest limit $2`,
      [rowsMax],
    )
    const digests = unused.map(({ digest }) => digest as string)
    const named = await this.rows(
      `delete from ${this.table('blob_chunk')} where journal = $1 and digest = any($2::text[]) returning chunk`,
      [digests],
    )
    const chunks = [...new Set([...arrived, ...named].map(({ chunk }) => chunk as string))]
    await this.#send([
      this.#delete('blob', 'digest = any($2::text[])', [digests]),
      {
        text: `delete from ${this.table('chunk')} c where c.journal = $1 and c.digest = any($2::text[])
                 and not exists (select from ${this.table('blob_chunk')} b where b.journal = $1 and b.chunk = c.digest)
                 and not exists (select from ${this.table('arrival_chunk')} a where a.journal = $1 and a.chunk = c.digest)`,
        values: [this.scope.journal, chunks],
      },
    ])
    return digests.length
  }

  async load(write: RowsWrite): Promise<void> {
    const { numbers } = this.#transaction
    const names = streamsOf(write).filter((name) => !numbers.streams.has(name))
    if (names.length > 0) {
      const rows = await this.rows(
        `select s.id, s.name from ${this.table('stream')} s where s.journal = $1 and s.name = any($2::text[])`,
        [names],
      )
      numbers.streams.learn(numbersOf(rows))
    }
    await this.#send(rowStatements(this.scope, write, { head: this.#head, numbers }))
    this.#head = { ...this.#head, ...write.head }
    // What was added has its rows now.
    this.#transaction = {
      ...this.#transaction,
      numbers: { streams: numbers.streams.next(), types: numbers.types.next() },
    }
  }

  async loadBlob(digest: string, bytes: number, chunks: readonly ChunkRow[]): Promise<void> {
    await this.#send([
      this.#insert('blob', 'named, digest, bytes', 'values ($1, false, $2, $3) on conflict do nothing', [
        digest,
        bytes,
      ]),
      this.#insert(
        'chunk',
        'digest, data',
        'select $1, c.* from unnest($2::text[], $3::bytea[]) as c on conflict do nothing',
        [chunks.map((chunk) => chunk.digest), chunks.map(({ data }) => Buffer.from(data))],
      ),
      this.#insert(
        'blob_chunk',
        'digest, chunk, ordinal',
        `select $1, $2, c.digest, c.n - 1 from unnest($3::text[]) with ordinality as c(digest, n) on conflict do nothing`,
        [digest, chunks.map((chunk) => chunk.digest)],
      ),
    ])
  }

  /** Types stay: what other processes know of their numbers stays true. */
  async clear(): Promise<void> {
    await this.#send(contentTables.map((name) => this.#delete(name, 'true', [])))
  }

  async commit(): Promise<void> {
    const { writer, committed } = this.#parts
    await writer.commit(this.#transaction, [], true)
    writer.noteDurable(this.#head.durable)
    committed(this.#head)
  }

  rollback(): Promise<void> {
    return this.#parts.writer.rollback(this.#transaction)
  }

  #delete(table: string, where: string, values: readonly unknown[]): Statement {
    return {
      text: `delete from ${this.table(table)} where journal = $1 and ${where}`,
      values: [this.scope.journal, ...values],
    }
  }

  #insert(table: string, columns: string, rows: string, values: readonly unknown[]): Statement {
    return {
      text: `insert into ${this.table(table)} (journal, ${columns}) ${rows}`,
      values: [this.scope.journal, ...values],
    }
  }

  async #count(text: string, values: readonly unknown[]): Promise<number> {
    const [result] = await this.#send([{ text, values: [this.scope.journal, ...values] }])
    return result?.rowCount ?? 0
  }

  #send(statements: readonly Statement[]): ReturnType<Transaction['connection']['send']> {
    return this.#transaction.connection.send(statements)
  }
}
