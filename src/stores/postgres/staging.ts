// Content that is on its way into the journal: pieces of a blob that arrives, and who claims what no event names yet.
//
// Each call is a short transaction beside the writer's. It holds the head row in the weakest way: appends go on, but
// retention, which removes what nobody claims, waits. And each can happen twice without harm, so that one whose connection
// was cut is sent again: pieces have numbers, names and claims are set and not added to.

import type { Claim } from '../sql/backend.ts'
import type { ChunkRow } from '../sql/rows.ts'
import type { Statement } from './connection.ts'
import type { DriverResult } from './driver.ts'
import type { Scope } from './journal-tables.ts'
import type { SidePool } from './side-pool.ts'

export class Staging {
  readonly #pool: SidePool
  readonly #scope: Scope
  /** Pieces so far, by arrival. */
  readonly #pieces: Map<number, number> = new Map()

  constructor(pool: SidePool, scope: Scope) {
    this.#pool = pool
    this.#scope = scope
  }

  async begin(claim: Claim): Promise<number> {
    const [answer] = await this.#transaction([
      this.#statement(
        `insert into ${this.#table('arrival')} (journal, until, owner) values ($1, $2, $3) returning arrival`,
        [claim.until, claim.owner],
      ),
    ])
    const arrival = answer?.rows[0]?.arrival as number
    this.#pieces.set(arrival, 0)
    return arrival
  }

  async add(arrival: number, chunks: readonly ChunkRow[]): Promise<void> {
    const first = this.#pieces.get(arrival) ?? 0
    await this.#transaction([
      this.#statement(
        `insert into ${this.#table('chunk')} (journal, digest, data)
         select distinct on (c.digest) $1::integer, c.* from unnest($2::text[], $3::bytea[]) as c(digest, data)
         on conflict do nothing`,
        [chunks.map(({ digest }) => digest), chunks.map(({ data }) => Buffer.from(data))],
      ),
      this.#statement(
        `insert into ${this.#table('arrival_chunk')} (journal, arrival, ordinal, chunk)
         select $1, $2, $3 + c.n - 1, c.digest from unnest($4::text[]) with ordinality as c(digest, n)
         on conflict do nothing`,
        [arrival, first, chunks.map(({ digest }) => digest)],
      ),
    ])
    this.#pieces.set(arrival, first + chunks.length)
  }

  async finish(
    arrival: number,
    blob: { readonly digest: string; readonly bytes: number },
    claim: Claim,
  ): Promise<void> {
    const { digest, bytes } = blob
    await this.#transaction([
      this.#statement(
        `insert into ${this.#table('blob')} (journal, named, digest, bytes) values ($1, false, $2, $3)
         on conflict do nothing`,
        [digest, bytes],
      ),
      this.#statement(
        `insert into ${this.#table('blob_chunk')} (journal, digest, ordinal, chunk)
         select a.journal, $3, a.ordinal, a.chunk from ${this.#table('arrival_chunk')} a
          where a.journal = $1 and a.arrival = $2 on conflict do nothing`,
        [arrival, digest],
      ),
      this.#claim(digest, claim),
      this.#statement(`delete from ${this.#table('arrival_chunk')} where journal = $1 and arrival = $2`, [arrival]),
      this.#statement(`delete from ${this.#table('arrival')} where journal = $1 and arrival = $2`, [arrival]),
    ])
    this.#pieces.delete(arrival)
  }

  /** Its pieces go with the next collection. */
  async abandon(arrival: number): Promise<void> {
    this.#pieces.delete(arrival)
    await this.#transaction([
      this.#statement(`update ${this.#table('arrival')} set until = 0 where journal = $1 and arrival = $2`, [arrival]),
    ])
  }

  async end(owner: string, digests: readonly string[] | undefined): Promise<void> {
    await this.#transaction([
      this.#statement(
        `delete from ${this.#table('claim')} where journal = $1 and owner = $2
            and ($3::text[] is null or digest = any($3::text[]))`,
        [owner, digests ?? null],
      ),
    ])
  }

  #claim(digest: string, { owner, until }: Claim): Statement {
    return this.#statement(
      `insert into ${this.#table('claim')} as c (journal, until, digest, owner)
       select $1, $3, b.digest, $4 from ${this.#table('blob')} b where b.journal = $1 and b.digest = $2
       on conflict (journal, digest, owner) do update set until = greatest(c.until, excluded.until)`,
      [digest, until, owner],
    )
  }

  async #transaction(statements: readonly Statement[]): Promise<readonly DriverResult[]> {
    const answers = await this.#pool.send([
      { text: "begin isolation level read committed read write; set local lock_timeout = '30s'" },
      this.#statement(`select from ${this.#table('head')} where journal = $1 for key share`, []),
      ...statements,
      { text: 'commit' },
    ])
    return answers.slice(2, -1)
  }

  #statement(text: string, values: readonly unknown[]): Statement {
    return { text, values: [this.#scope.journal, ...values] }
  }

  #table(name: string): string {
    return `${this.#scope.schema}.${name}`
  }
}
