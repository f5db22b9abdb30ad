// Ways to the server: which of the hosts, with what patience, and the few connections that a journal keeps.
//
// One connection writes, a few read, one listens. A lost one is replaced when it is needed next; pauses between attempts
// grow and go by the injected clock.

import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import { keepAlive } from '../../host/keep-alive.ts'
import { SqlFailure } from '../sql/backend.ts'
import type { PostgresAddress } from './address.ts'
import { Connection } from './connection.ts'
import type { Driver } from './driver.ts'
import { failureOf } from './failure.ts'
import { checkServer, type ServerFacts } from './server-check.ts'

export interface LinkOptions {
  readonly driver: Driver
  readonly address: PostgresAddress
  readonly clock: Clock
  /** How long a call waits for a server that can't be reached. */
  readonly patienceMs?: number | undefined
}

export interface Linked {
  readonly connection: Connection
  readonly facts: ServerFacts
}

const patienceMsDefault = 15_000
const pauseMsMin = 50
const pauseMsMax = 1_000

export class Link {
  readonly #options: LinkOptions
  readonly #patienceMs: number
  /** Where the last connection was made: tried first. */
  #preferred = 0
  #isClosed = false
  /** A standby will do. */
  isForReading = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.#patienceMs = options.patienceMs ?? patienceMsDefault
  }

  get label(): string {
    return this.#options.address.label
  }

  /** To the first host that can be reached and written to (or read, where that is enough). Once around. */
  async once(): Promise<Linked> {
    const { urls } = this.#options.address
    let failure: unknown
    for (let index = 0; index < urls.length; index++) {
      const at = (this.#preferred + index) % urls.length
      try {
        const linked = await this.#to(urls[at] as string) // below the length
        this.#preferred = at
        return linked
      } catch (error) {
        if (!isTransient(error)) throw error
        failure ??= error
      }
    }
    throw failure
  }

  /** The same, again and again for a while. */
  async patiently(): Promise<Linked> {
    // The clock's timers don't keep the process alive, and there may be no connection that would.
    const letGo = keepAlive()
    try {
      return await this.#again()
    } finally {
      letGo()
    }
  }

  async #again(): Promise<Linked> {
    let waited = 0
    for (let pauseMs = pauseMsMin; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      try {
        return await this.once()
      } catch (error) {
        if (!isTransient(error)) throw error
        if (waited >= this.#patienceMs || this.#isClosed) throw outOfPatience(error as SqlFailure)
        await this.pause(pauseMs)
        waited += pauseMs
      }
    }
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve))
  }

  close(): void {
    this.#isClosed = true
  }

  async #to(url: string): Promise<Linked> {
    const { driver, address } = this.#options
    if (this.#isClosed) throw new HoldfastError('CLOSED', 'the journal is closed', { hint: 'Open it again.' })
    const connection = await Connection.open({ driver, url, label: address.label, prepares: !address.pooler })
    try {
      const facts = await checkServer(connection, address.label)
      if (facts.inRecovery && !this.isForReading) {
        const error = Object.assign(new Error('the server is a standby, which can only be read'), { code: '25006' })
        throw failureOf(error, address.label)
      }
      return { connection, facts }
    } catch (error) {
      connection.drop()
      throw error
    }
  }
}

/** It was tried for as long as it may be: whoever asked is told now. */
function outOfPatience({ error, facts }: SqlFailure): SqlFailure {
  return new SqlFailure(error, { ...facts, transient: false })
}

export function isTransient(error: unknown): boolean {
  return error instanceof SqlFailure && error.facts.transient
}
