// The few connections beside the one that writes: for reading, and for small changes that may happen twice. What was cut
// off with its connection is sent again, once there is a new one.

import { HoldfastError } from '../../errors.ts'
import type { Connection, Statement } from './connection.ts'
import type { DriverResult, Row } from './driver.ts'
import { isTransient, type Link } from './link.ts'

const connectionsMax = 3
const attemptsMax = 5

export class SidePool {
  readonly #link: Link
  readonly #idle: Connection[] = []
  readonly #all: Set<Connection> = new Set()
  readonly #waiting: (() => void)[] = []
  #used = 0
  #isClosed = false

  constructor(link: Link) {
    this.#link = link
  }

  async rows(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    const [result] = await this.send([values === undefined ? { text } : { text, values }])
    return result?.rows ?? []
  }

  /** All on one connection. They are sent again when it was lost: only what may happen twice belongs here. */
  async send(statements: readonly Statement[]): Promise<readonly DriverResult[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(statements)
      } catch (error) {
        if (attempt === attemptsMax || this.#isClosed || !isTransient(error)) throw error
      }
    }
  }

  /** New ones from here on. */
  dropAll(): void {
    for (const connection of this.#all) connection.drop()
    this.#idle.length = 0
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#all].map((connection) => connection.close()))
  }

  async #once(statements: readonly Statement[]): Promise<readonly DriverResult[]> {
    while (this.#used >= connectionsMax) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#used++
    try {
      const connection = await this.#take()
      try {
        return await connection.send(statements)
      } catch (error) {
        // It may be within a transaction, or about to be closed by the server.
        connection.drop()
        throw error
      } finally {
        this.#giveBack(connection)
      }
    } finally {
      this.#used--
      this.#waiting.shift()?.()
    }
  }

  async #take(): Promise<Connection> {
    if (this.#isClosed) throw closed()
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isLost) return idle
      this.#all.delete(idle)
    }
    const { connection } = await this.#link.patiently()
    // Who closed the pool meanwhile hasn't seen this one, and an open socket keeps the process from ending.
    if (this.#isClosed) {
      connection.drop()
      throw closed()
    }
    this.#all.add(connection)
    return connection
  }

  #giveBack(connection: Connection): void {
    if (connection.isLost) this.#all.delete(connection)
    else this.#idle.push(connection)
  }
}

function closed(): HoldfastError {
  return new HoldfastError('CLOSED', 'the journal is closed', { hint: 'Open it again.' })
}
