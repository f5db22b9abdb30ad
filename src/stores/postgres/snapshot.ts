// The database as it stands at one moment, over a connection of its own.

import type { SqlSnapshot } from '../sql/backend.ts'
import type { Connection } from './connection.ts'
import type { Scope } from './journal-tables.ts'
import type { Link } from './link.ts'
import { PostgresReader } from './reader.ts'

/** A snapshot that nobody reads from any more would keep the server from cleaning up. */
const idleMs = 600_000

export class PostgresSnapshot extends PostgresReader implements SqlSnapshot {
  readonly #connection: Connection

  private constructor(connection: Connection, scope: Scope) {
    super((text, values) => connection.rows(text, values), scope)
    this.#connection = connection
  }

  static async begin(link: Pick<Link, 'patiently'>, scope: Scope): Promise<PostgresSnapshot> {
    const { connection } = await link.patiently()
    try {
      await connection.rows(
        `begin isolation level repeatable read read only; set local idle_in_transaction_session_timeout = ${idleMs}`,
      )
    } catch (error) {
      // Nobody else knows of it, and a socket that is open keeps its process from ending.
      connection.drop()
      throw error
    }
    return new PostgresSnapshot(connection, scope)
  }

  async end(): Promise<void> {
    await this.#connection.close()
  }
}
