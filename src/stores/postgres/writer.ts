// The one connection that writes, and what makes an append safe on it.
//
// Every write transaction begins by locking the journal's head row and holds it until COMMIT (schema.sql says why). While
// it waits for this process it can't wait for ever: the server ends a transaction that sits still, and the lock is free.
//
// A commit that was cut off. The row of this process in "writer" counts its groups within their transactions. Over a new
// connection the head row is locked again, which waits for whatever is left of the old transaction; then the count says
// whether it took effect. That transaction itself writes and commits with the journal's durability: on a server with a
// synchronous standby its COMMIT returns only when the standby has everything before it, so what is found to be there
// survives a failover too. After a failover the promoted standby has the count that goes with its history.

import { HoldfastError } from '../../errors.ts'
import type { GroupFound, GroupWanted } from '../sql/backend.ts'
import { SqlFailure } from '../sql/backend.ts'
import type { HeadRow } from '../sql/rows.ts'
import type { Connection, Statement } from './connection.ts'
import type { DriverResult } from './driver.ts'
import { journalGone, unknownOutcome, unreplicatedFailure } from './failure.ts'
import type { Scope } from './journal-tables.ts'
import { isTransient, type Link, type Linked } from './link.ts'
import { lookups } from './lookups.ts'
import { Numbering, numbersOf } from './numbering.ts'
import { headColumns, headOf } from './rows-read.ts'
import type { Numbers } from './write-statements.ts'

export interface WriterOptions {
  readonly link: Link
  readonly scope: Scope
  /** This process, as its row in "writer" names it. */
  readonly id: string
  /** The connection to begin with. */
  readonly first: Linked
  /** Behind a pooler the server can crash without this connection noticing. */
  readonly pooler: boolean
}

/** How long others may hold the head row before a call gives up waiting, and how long we may hold it sitting still. */
const limitsMs = { lock: 10_000, statement: 60_000, idle: 15_000, idleInUpkeep: 60_000 }
/** A group's statements are few and planned once: each finds its rows by an index whatever the values are. Left to itself, the
 * server would plan some anew each time, which takes longer than carrying them out. */
const groupPlans = '; set local plan_cache_mode = force_generic_plan'
/** A transaction that was cut off ends within `idle`: this is longer. */
const resolveLockMs = 30_000
const attemptsMax = 5

/** A transaction that has locked the head row. */
export interface Transaction {
  readonly connection: Connection
  readonly head: HeadRow
  readonly numbers: Numbers
  /** Groups of this process before this one. */
  readonly groups: number
  /** Answers to the statements that were sent along. */
  readonly answers: readonly DriverResult[]
}

export class Writer {
  readonly #options: WriterOptions
  readonly #types: Map<string, number> = new Map()
  #connection: Connection | undefined
  #isCommitAsynchronous = false
  /** Acknowledged as durable: a server that has less is not the one that we wrote to, nor its standby. */
  #durableSeen = 0

  constructor(options: WriterOptions) {
    this.#options = options
    this.#use(options.first)
  }

  get id(): string {
    return this.#options.id
  }

  async begin(wanted: GroupWanted): Promise<{ readonly transaction: Transaction; readonly found: GroupFound }> {
    const { statements, read } = lookups(this.#options.scope, wanted)
    const transaction = await this.open('no key update', statements)
    const { found, streams } = read(transaction.answers)
    const numbers = { ...transaction.numbers, streams: new Numbering(streams, transaction.numbers.streams.last) }
    return { transaction: { ...transaction, numbers }, found: { head: transaction.head, ...found } }
  }

  /** Nothing has been written yet, so what fails can be tried again. Upkeep asks for the stronger lock, which shuts out the
   * staging of blobs too: it removes what nobody claims. */
  async open(lock: 'no key update' | 'update', statements: readonly Statement[] = []): Promise<Transaction> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#open(lock, statements)
      } catch (error) {
        // With a connection that works, waiting and trying again is up to the caller.
        const isLost = this.#connection?.isLost !== false
        if (!isLost || attempt === attemptsMax || !isTransient(error)) throw error
      }
    }
  }

  /** Sends the last statements with COMMIT, and finds out what became of it when the answer doesn't arrive. */
  async commit(transaction: Transaction, statements: readonly Statement[], sync: boolean): Promise<void> {
    const { connection, groups } = transaction
    const all = [
      ...(sync ? [] : [{ text: 'set local synchronous_commit = off' }]),
      ...statements,
      this.#count(),
      // A timeout while COMMIT waits for a standby would make it return before the standby has it.
      { text: 'set local statement_timeout = 0' },
      { text: 'commit' },
    ]
    try {
      await connection.send(all)
      if (connection.isUnreplicated) await this.#resolve(groups, unreplicatedFailure(this.#options.link.label))
    } catch (error) {
      if (!isCutOff(error)) {
        await this.rollback(transaction)
        throw error
      }
      await this.#resolve(groups, error)
    }
    transaction.numbers.types.keep()
  }

  noteDurable(position: number): void {
    this.#durableSeen = Math.max(this.#durableSeen, position)
  }

  async rollback(transaction: Transaction): Promise<void> {
    try {
      await transaction.connection.send([{ text: 'rollback' }])
    } catch {
      transaction.connection.drop() // the server rolls back by itself
    }
  }

  drop(): void {
    this.#connection?.drop()
    this.#connection = undefined
  }

  async close(): Promise<void> {
    await this.#connection?.close()
    this.#connection = undefined
  }

  async #open(lock: 'no key update' | 'update', statements: readonly Statement[]): Promise<Transaction> {
    const connection = await this.#connected()
    try {
      const plans = lock === 'update' ? '' : groupPlans
      const [, head, ...answers] = await connection.send([
        {
          text: `${this.#beginText(limitsMs.lock, lock === 'update' ? limitsMs.idleInUpkeep : limitsMs.idle)}${plans}`,
        },
        this.#lockStatement(lock),
        ...statements,
      ])
      const row = head?.rows[0]
      if (row === undefined) throw journalGone()
      const read = headOf(row, this.#options.scope.label)
      this.#mustBeOurs(read)
      const numbers = {
        streams: new Numbering(new Map(), row.streams as number),
        types: await this.#typeNumbers(connection, row.types as number),
      }
      return { connection, head: read, numbers, groups: row.groups as number, answers }
    } catch (error) {
      if (isCutOff(error)) connection.drop()
      else await connection.send([{ text: 'rollback' }]).catch(() => connection.drop())
      throw error
    }
  }

  async #connected(): Promise<Connection> {
    if (this.#connection?.isLost === false) return this.#connection
    const linked = await this.#options.link.patiently()
    this.#use(linked)
    return linked.connection
  }

  #use({ connection, facts }: Linked): void {
    this.#connection = connection
    // The server may have crashed, and lost types that were only committed `eventual`: their numbers go to others.
    this.#types.clear()
    this.#isCommitAsynchronous = facts.synchronousCommit === 'off'
  }

  #beginText(lockMs: number, idleMs: number): string {
    return [
      'begin isolation level read committed read write',
      `set local lock_timeout = ${lockMs}`,
      `set local statement_timeout = ${limitsMs.statement}`,
      `set local idle_in_transaction_session_timeout = ${idleMs}`,
      // Configured as off, an acknowledged append could be lost: each of our transactions turns it on for itself.
      ...(this.#isCommitAsynchronous ? ['set local synchronous_commit = on'] : []),
    ].join('; ')
  }

  #lockStatement(lock: 'no key update' | 'update'): Statement {
    const { scope, id } = this.#options
    return {
      name: `holdfast-lock-${lock}`,
      text: `select ${headColumns}, h.streams, h.types, coalesce(w.groups, 0) as groups
               from ${scope.schema}.head h left join ${scope.schema}.writer w on w.writer = $2
              where h.journal = $1 for ${lock} of h`,
      values: [scope.journal, id],
    }
  }

  /** What this process has committed, counted with it. */
  #count(): Statement {
    const { scope, id } = this.#options
    return {
      name: 'holdfast-count',
      text: `insert into ${scope.schema}.writer as w (journal, writer, groups) values ($1, $2, 1)
             on conflict (writer) do update set groups = w.groups + 1, seen = now()`,
      values: [scope.journal, id],
    }
  }

  /** Types that other processes have added since are read once. */
  async #typeNumbers(connection: Connection, last: number): Promise<Numbering> {
    const { scope, pooler } = this.#options
    if (pooler) this.#types.clear()
    if (this.#types.size < last) {
      const rows = await connection.rows(
        `select t.id, t.name from ${scope.schema}.type t where t.journal = $1 and t.id > $2`,
        [scope.journal, this.#types.size],
      )
      for (const [name, id] of numbersOf(rows)) this.#types.set(name, id)
    }
    return new Numbering(this.#types, last)
  }

  #mustBeOurs(head: HeadRow): void {
    if (head.durable >= this.#durableSeen) return
    throw new HoldfastError(
      'DAMAGED',
      `${this.#options.link.label}: the server is at position ${head.durable}, but ${this.#durableSeen} was acknowledged`,
      {
        hint: 'This server is neither the one that was written to nor its standby, or it was restored from a backup. Open the journal anew if that is meant.',
        details: { file: this.#options.link.label, position: head.durable, acknowledged: this.#durableSeen },
      },
    )
  }

  /** Returns when the cut-off commit has taken effect; throws that it has not, or that nobody knows. */
  async #resolve(groups: number, cause: unknown): Promise<void> {
    const { label } = this.#options.link
    this.drop()
    for (let attempt = 1; ; attempt++) {
      try {
        const found = await this.#groupsNow()
        if (found > groups) return
        throw cause
      } catch (error) {
        if (error === cause) throw error
        if (attempt === attemptsMax || !isTransient(error)) throw unknownOutcome(error, label)
        if (this.#connection?.isLost === true) this.drop()
      }
    }
  }

  /** After all that was on its way has ended; and what it tells is as durable as an append. */
  async #groupsNow(): Promise<number> {
    const connection = await this.#connected()
    const { scope, id } = this.#options
    const text = `insert into ${scope.schema}.writer as w (journal, writer, groups) values ($1, $2, 0)
                  on conflict (writer) do update set seen = now() returning w.groups`
    const answers = await connection.send([
      { text: this.#beginText(resolveLockMs, limitsMs.idle) },
      this.#lockStatement('no key update'),
      { text, values: [scope.journal, id] },
      { text: 'set local statement_timeout = 0' },
      { text: 'commit' },
    ])
    if (connection.isUnreplicated) {
      this.drop()
      throw unreplicatedFailure(this.#options.link.label)
    }
    return answers[2]?.rows[0]?.groups as number
  }
}

/** The connection is gone, or the server is about to close it. */
function isCutOff(error: unknown): boolean {
  return error instanceof SqlFailure && error.error.code === 'UNAVAILABLE'
}
