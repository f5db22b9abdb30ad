// PostgreSQL behind the SQL stores' port: what belongs to the database as a whole, and the parts that do the rest.
//
// Parts: link.ts ways to the server · writer.ts the connection that writes, and commits that were cut off · group.ts a group
// of appends · upkeep.ts retention and import · reader.ts every question · snapshot.ts all of them at one moment · staging.ts
// blobs on their way · wakeups.ts LISTEN · migration.ts the tables · schema.sql what they hold, and why.

import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { Claim, GroupWanted, SqlBackend, SqlGroup, SqlSnapshot, SqlUpkeep } from '../sql/backend.ts'
import type { ChunkRow, HeadRow } from '../sql/rows.ts'
import type { Finding, LongWork, StoreManifest, VerifyProgress } from '../store.ts'
import { failureOf } from './failure.ts'
import { beginGroup } from './group.ts'
import { integrityFindings } from './integrity.ts'
import type { Scope } from './journal-tables.ts'
import type { Link, Linked } from './link.ts'
import { PostgresReader } from './reader.ts'
import { SidePool } from './side-pool.ts'
import { PostgresSnapshot } from './snapshot.ts'
import { Staging } from './staging.ts'
import { beginUpkeep, contentTables } from './upkeep.ts'
import { Wakeups } from './wakeups.ts'
import { Writer } from './writer.ts'

export const postgresManifest: StoreManifest = Object.freeze({
  name: 'postgres',
  persistent: true,
  readersInOtherProcesses: true,
  inbox: false,
  takeover: false,
  manyWriters: true,
  segments: false,
  backup: false,
  damageable: true,
})

export interface BackendParts {
  readonly link: Link
  readonly scope: Scope
  readonly clock: Clock
  readonly random: Random
  readonly readOnly: string | undefined
  readonly listens: boolean
  readonly pooler: boolean
  /** The connection that it was opened over; the writer goes on with it. */
  readonly first: Linked
}

/** All that have rows of a journal; the head row last. */
const tables: readonly string[] = [...contentTables, 'type', 'writer', 'head']

export class PostgresBackend extends PostgresReader implements SqlBackend {
  readonly manifest: StoreManifest = postgresManifest
  readonly label: string
  readonly readOnly: string | undefined
  readonly #parts: BackendParts
  readonly #pool: SidePool
  readonly #staging: Staging
  readonly #writer: Writer
  readonly #wakeups: Wakeups
  /** As it was last given out. */
  #known: HeadRow | undefined

  constructor(parts: BackendParts) {
    const { link, scope, clock, random, readOnly, listens, pooler, first } = parts
    const pool = new SidePool(link)
    super((text, values) => pool.rows(text, values), scope)
    const id = random.hex(16)
    const isNews = (head: HeadRow): boolean => this.#isNews(head)
    const wakeups = new Wakeups({ link, pool, scope, clock, listens, id, isNews })
    this.label = link.label
    this.readOnly = readOnly
    this.#parts = parts
    this.#pool = pool
    this.#staging = new Staging(pool, scope)
    this.#writer = new Writer({ link, scope, id, first, pooler })
    this.#wakeups = wakeups
  }

  /** The first commit of this process. On a server with a synchronous standby it returns when the standby has all that the
   * primary shows, also what became visible there by a crash while it waited. */
  async register(): Promise<void> {
    const transaction = await this.#writer.open('no key update', [
      // Processes that ended; one that only slept adds its row again. Of this journal alone: those of others may be
      // between their lock and their commit, whose count must not begin anew.
      {
        text: `delete from ${this.table('writer')} where journal = $1 and seen < now() - interval '1 day'`,
        values: [this.scope.journal],
      },
    ])
    await this.#writer.commit(transaction, [], true)
  }

  override async head(): Promise<HeadRow> {
    this.#known = await super.head()
    return this.#known
  }

  begin(wanted: GroupWanted): Promise<SqlGroup> {
    return beginGroup(this.#writer, this.scope, { wanted, committed: (head, isNews) => this.#committed(head, isNews) })
  }

  upkeep(): Promise<SqlUpkeep> {
    return beginUpkeep(this.#writer, this.scope, (head) => this.#committed(head, true))
  }

  async flush(): Promise<HeadRow> {
    const upkeep = await this.upkeep()
    const head = await upkeep.head()
    if (head.durable === head.position) {
      await upkeep.rollback()
      return head
    }
    await upkeep.setHead({ durable: head.position })
    await upkeep.commit()
    return { ...head, durable: head.position }
  }

  snapshot(): Promise<SqlSnapshot> {
    return PostgresSnapshot.begin(this.#parts.link, this.scope)
  }

  beginBlob(claim: Claim): Promise<number> {
    return this.#staging.begin(claim)
  }

  addChunks(arriving: number, chunks: readonly ChunkRow[]): Promise<void> {
    return this.#staging.add(arriving, chunks)
  }

  finishBlob(arriving: number, blob: { readonly digest: string; readonly bytes: number }, claim: Claim): Promise<void> {
    return this.#staging.finish(arriving, blob, claim)
  }

  abandonBlob(arriving: number): Promise<void> {
    return this.#staging.abandon(arriving)
  }

  endClaims(owner: string, digests: readonly string[] | undefined): Promise<void> {
    return this.#staging.end(owner, digests)
  }

  watch(wake: () => void): () => void {
    return this.#wakeups.watch(wake)
  }

  integrity(work: LongWork<VerifyProgress>): Promise<readonly Finding[]> {
    const between = (): void => work.signal?.throwIfAborted()
    const run = (text: string, values: readonly unknown[]) => this.#pool.rows(text, values)
    return integrityFindings(run, this.scope, { label: this.label, between })
  }

  async probe(): Promise<void> {
    const probe = this.#parts.random.hex(16)
    const text = `update ${this.table('writer')} set probe = $2 where journal = $1 and writer = $3`
    const transaction = await this.#writer.open('no key update')
    await this.#writer.commit(transaction, [{ text, values: [this.scope.journal, probe, this.#writer.id] }], true)
    const read = `select w.probe from ${this.table('writer')} w where w.writer = $1`
    const [row] = await this.#pool.rows(read, [this.#writer.id])
    if (row?.probe !== probe) throw failureOf(new Error('what was written did not come back'), this.label)
  }

  async backup(): Promise<void> {
    throw new HoldfastError('UNSUPPORTED', `${this.label}: a database server is not backed up from here`, {
      hint: "Use the server's own ways (pg_dump, pg_basebackup, a standby), or export the journal.",
    })
  }

  #committed(head: HeadRow, isNews: boolean): void {
    this.#known = head
    if (isNews) this.#wakeups.tell()
  }

  #isNews(head: HeadRow): boolean {
    const known = this.#known
    return (
      known === undefined ||
      head.durable > known.durable ||
      head.events !== known.events ||
      head.earliest > known.earliest
    )
  }

  async reopen(): Promise<void> {
    this.#writer.drop()
    this.#pool.dropAll()
    if (this.readOnly === undefined) await this.register()
    else await this.head()
  }

  /** All rows of this journal, and it with them: of an import that failed. */
  async removeJournal(): Promise<void> {
    const transaction = await this.#writer.open('update')
    const values = [this.scope.journal]
    const statements = tables.map((name) => ({ text: `delete from ${this.table(name)} where journal = $1`, values }))
    await this.#writer.commit(transaction, statements, true)
  }

  async close(): Promise<void> {
    await this.#wakeups.close()
    await this.#writer.close()
    await this.#pool.close()
    this.#parts.link.close()
  }
}
