// One connection to the file: prepared statements kept, rows as arrays, errors as failures of ours.
//
// How it waits for a lock: SQLite itself for `busyMs`, which blocks this process, so it is short; then the call fails with
// what passes, and SqlStore tries again by the clock while other work goes on.

import { HoldfastError } from '../../errors.ts'
import { rowDamaged } from '../sql/row-sum.ts'
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './driver.ts'
import { sqliteFailure } from './failures.ts'

/** How long SQLite waits by itself. */
export const busyMs = 10
const statementsMax = 200

export interface ConnectionOptions {
  readonly label: string
  readonly open: () => SqliteDatabase
  /** The settings of a connection that was just opened. */
  readonly configure: (connection: Connection) => void
}

export class Connection {
  readonly label: string
  readonly #options: ConnectionOptions
  readonly #statements: Map<string, Statement> = new Map()
  #database: SqliteDatabase | undefined

  constructor(options: ConnectionOptions) {
    this.label = options.label
    this.#options = options
    this.reopen()
  }

  /** Where it is closed. */
  reopen(): void {
    this.#guarded(() => {
      this.#database = this.#options.open()
    })
    try {
      this.#options.configure(this)
    } catch (error) {
      this.close()
      throw error
    }
  }

  get #db(): SqliteDatabase {
    if (this.#database !== undefined) return this.#database
    throw new HoldfastError('CLOSED', `the connection to ${this.label} is closed`, { hint: 'Open the journal again.' })
  }

  exec(sql: string): void {
    this.#guarded(() => this.#db.exec(sql))
  }

  run(sql: string, ...values: readonly SqliteValue[]): number {
    return this.#guarded(() => Number(this.#statement(sql).prepared.run(...values).changes))
  }

  /** Returns the id of the new row. */
  insert(sql: string, ...values: readonly SqliteValue[]): number {
    return this.#guarded(() => Number(this.#statement(sql).prepared.run(...values).lastInsertRowid))
  }

  get(sql: string, ...values: readonly SqliteValue[]): SqliteRow | undefined {
    return this.#guarded(() => {
      const statement = this.#statement(sql)
      const row = statement.prepared.get(...values)
      return row === undefined ? undefined : statement.row(row)
    })
  }

  all(sql: string, ...values: readonly SqliteValue[]): readonly SqliteRow[] {
    return this.#guarded(() => {
      const statement = this.#statement(sql)
      return statement.prepared.all(...values).map((row) => statement.row(row))
    })
  }

  /** Row by row, while `take` says true: what it doesn't want any more is never loaded. */
  each(sql: string, values: readonly SqliteValue[], take: (row: SqliteRow) => boolean): void {
    this.#guarded(() => {
      const statement = this.#statement(sql)
      for (const row of statement.prepared.iterate(...values)) if (!take(statement.row(row))) return
    })
  }

  /** A single value, e.g. of a pragma. */
  value(sql: string, ...values: readonly SqliteValue[]): SqliteValue {
    return this.get(sql, ...values)?.[0] ?? null
  }

  /** Takes the write lock. */
  begin(): void {
    this.exec('BEGIN IMMEDIATE')
  }

  commit(): void {
    try {
      this.#db.exec('COMMIT')
    } catch (error) {
      this.rollback()
      throw sqliteFailure(error, this.label, true)
    }
  }

  rollback(): void {
    try {
      this.#db.exec('ROLLBACK')
    } catch {
      // Safe: SQLite has rolled back by itself, as it does after some errors. Then there is no transaction.
    }
  }

  close(): void {
    const database = this.#database
    this.#database = undefined
    this.#statements.clear()
    if (database !== undefined) this.#guarded(() => database.close())
  }

  #guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw sqliteFailure(error, this.label, false)
    }
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    // Some name the types of a query, which are many.
    if (this.#statements.size >= statementsMax) this.#statements.clear()
    const prepared = this.#db.prepare(sql)
    const isArray = prepared.setReturnArrays !== undefined
    prepared.setReturnArrays?.(true)
    const row = isArray ? asArray : ofObject
    const statement = { prepared, row }
    this.#statements.set(sql, statement)
    return statement
  }
}

interface Statement {
  readonly prepared: SqliteStatement
  readonly row: (row: unknown) => SqliteRow
}

function asArray(row: unknown): SqliteRow {
  return row as SqliteRow
}

/** Drivers without setReturnArrays: columns keep their order. Every statement names each column once. */
function ofObject(row: unknown): SqliteRow {
  return Object.values(row as Readonly<Record<string, SqliteValue>>)
}

/** STRICT tables hold what was declared, unless the file is damaged. */
export function numberIn(row: SqliteRow, column: number, label: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw wrongKind(label, 'number', value)
  return value
}

export function textIn(row: SqliteRow, column: number, label: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw wrongKind(label, 'text', value)
  return value
}

function wrongKind(label: string, kind: string, value: unknown): Error {
  return rowDamaged({ file: label, table: 'row' }, `${typeof value} stands where ${kind} should`)
}
