// How a process learns that another has committed: the server tells (LISTEN), and since a message can be lost with its
// connection, somebody also looks now and then. A wake-up that is missed delays a subscriber, and costs it nothing.
//
// The message is sent beside the commits, not within them: within, every commit of the whole database would queue for the
// lock that keeps messages in order.

import type { Clock, Timer } from '../../host/clock.ts'
import type { HeadRow } from '../sql/rows.ts'
import type { Connection } from './connection.ts'
import type { Scope } from './journal-tables.ts'
import type { Link } from './link.ts'
import { headColumns, headOf } from './rows-read.ts'
import type { SidePool } from './side-pool.ts'

export interface WakeupOptions {
  readonly link: Link
  readonly pool: SidePool
  readonly scope: Scope
  readonly clock: Clock
  /** False behind a pooler by transaction, and on a standby: then there is looking only. */
  readonly listens: boolean
  /** Who tells: what comes from here is not news. */
  readonly id: string
  /** Whether this says what nobody here has been told. */
  readonly isNews: (head: HeadRow) => boolean
}

/** Where messages are expected, looking is only for those that were lost. */
const lookMs = { listening: 2_000, alone: 200 }
const channel = 'holdfast'

export class Wakeups {
  readonly #options: WakeupOptions
  readonly #watchers: Set<() => void> = new Set()
  #listener: Connection | undefined
  #isConnecting = false
  #timer: Timer | undefined
  #isTelling = false
  #hasMore = false
  #isClosed = false

  constructor(options: WakeupOptions) {
    this.#options = options
  }

  watch(wake: () => void): () => void {
    const watcher = () => wake()
    this.#watchers.add(watcher)
    this.#begin()
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) this.#end()
    }
  }

  /** Tells the others; at most one message is on its way, and one more waits. */
  tell(): void {
    if (this.#isTelling || this.#isClosed) {
      this.#hasMore = true
      return
    }
    this.#isTelling = true
    this.#hasMore = false
    void this.#notify().finally(() => {
      this.#isTelling = false
      if (this.#hasMore) this.tell()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#hasMore = false
    this.#watchers.clear()
    this.#end()
  }

  async #notify(): Promise<void> {
    const { pool, id } = this.#options
    // Nothing is lost with it, so nobody need wait for a disk or a standby.
    const text = `begin; set local synchronous_commit = off; notify ${channel}, ${literal(this.#payload + id)}; commit`
    try {
      await pool.send([{ text }])
    } catch {
      // The others look by themselves.
    }
  }

  #begin(): void {
    this.#listen()
    this.#timer ??= this.#options.clock.after(this.#lookMs, () => {
      this.#timer = undefined
      if (this.#watchers.size === 0) return
      this.#begin()
      void this.#look()
    })
  }

  #end(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#listener?.drop()
    this.#listener = undefined
  }

  get #lookMs(): number {
    return this.#listener?.isLost === false ? lookMs.listening : lookMs.alone
  }

  #listen(): void {
    const isThere = this.#listener?.isLost === false
    if (!this.#options.listens || this.#isConnecting || isThere || this.#isClosed) return
    this.#isConnecting = true
    void this.#connect()
      // Looking goes on without it, and it is tried again then.
      .catch(() => undefined)
      .finally(() => {
        this.#isConnecting = false
      })
  }

  async #connect(): Promise<void> {
    const { connection } = await this.#options.link.once()
    connection.onNotification((told) => {
      if (told.startsWith(this.#payload) && !told.endsWith(this.#options.id)) this.#wake()
    })
    await connection.rows(`listen ${channel}`)
    if (this.#watchers.size === 0 || this.#isClosed) return connection.drop()
    this.#listener = connection
    // What was committed before it listened was not told.
    await this.#look()
  }

  async #look(): Promise<void> {
    const { pool, scope } = this.#options
    try {
      const [row] = await pool.rows(`select ${headColumns} from ${scope.schema}.head h where h.journal = $1`, [
        scope.journal,
      ])
      // Against what was given out, not against the look before: what came in between must not be missed.
      if (row !== undefined && this.#options.isNews(headOf(row, scope.label))) this.#wake()
    } catch {
      // The next look may find the server again; what is asked for meanwhile tells the error.
    }
  }

  /** Which journal; who told it comes behind. */
  get #payload(): string {
    const { schema, journal } = this.#options.scope
    return `${journal}/${schema}/`
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
