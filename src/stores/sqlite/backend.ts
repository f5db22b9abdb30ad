// A SQLite file behind the SQL stores' port. One connection writes, another reads what is committed; an export or a
// verification gets one of its own, with a transaction that keeps what it sees. Other processes do the same with the same
// file; SQLite's locks order the writers, and readers wait for nobody.

import { createHash } from 'node:crypto'
import { HoldfastError, never } from '../../errors.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import { mustNotBeAborted } from '../aborted.ts'
import type { Claim, GroupWanted, SqlBackend, SqlGroup, SqlSnapshot, SqlUpkeep } from '../sql/backend.ts'
import type { ChunkRow, HeadRow } from '../sql/rows.ts'
import type { Finding, LongWork, StoreManifest, VerifyProgress } from '../store.ts'
import type { Connection } from './connection.ts'
import { checkIntegrity } from './integrity.ts'
import { connectReader, connectWriter, type SqlitePlace } from './place.ts'
import { SqliteReader } from './reader.ts'
import { readsOf, upkeepOf } from './upkeep.ts'
import { SqliteWriter } from './writer.ts'

export const sqliteManifest: StoreManifest = Object.freeze({
  name: 'sqlite',
  persistent: true,
  readersInOtherProcesses: true,
  inbox: false,
  takeover: false,
  manyWriters: true,
  segments: false,
  backup: true,
  damageable: true,
})

/** How often another process's commits are looked for while somebody watches. */
const lookMs = 20
/** What a probe leaves behind that was killed may be collected after that. */
const probeMs = 60_000

export interface SqliteBackendOptions extends SqlitePlace {
  readonly clock: Clock
  /** Why it is opened for reading only. */
  readonly readOnly: string | undefined
  /** Makes the copy's directory and has `write` put the file there, all or nothing; undefined: no backups. */
  readonly copyTo: ((to: string, write: (path: string) => void) => Promise<void>) | undefined
}

interface Connections {
  readonly reading: Connection
  readonly writing: Connection | undefined
}

export class SqliteBackend extends SqliteReader implements SqlBackend {
  readonly manifest: StoreManifest
  readonly label: string
  readonly readOnly: string | undefined
  readonly #options: SqliteBackendOptions
  readonly #writer: SqliteWriter | undefined
  readonly #connections: Connections
  readonly #snapshots: Set<Connection> = new Set()

  private constructor(options: SqliteBackendOptions, connections: Connections) {
    super(connections.reading)
    this.#options = options
    this.#connections = connections
    this.manifest = options.copyTo === undefined ? { ...sqliteManifest, backup: false } : sqliteManifest
    this.label = options.label
    this.readOnly = options.readOnly
    this.#writer = connections.writing === undefined ? undefined : new SqliteWriter(connections.writing)
  }

  /** The file is a journal of this version (open-sqlite-store.ts sees to that). */
  static open(options: SqliteBackendOptions): SqliteBackend {
    const writing = options.readOnly === undefined ? connectWriter(options) : undefined
    try {
      return new SqliteBackend(options, { writing, reading: connectReader(options, writing === undefined) })
    } catch (error) {
      writing?.close()
      throw error
    }
  }

  get #writing(): SqliteWriter {
    return this.#writer ?? never('a store that is open for reading writes nothing')
  }

  async begin(wanted: GroupWanted): Promise<SqlGroup> {
    return this.#writing.group(wanted)
  }

  async upkeep(): Promise<SqlUpkeep> {
    return upkeepOf(this.#writing, () => this.forgetNames())
  }

  async flush(): Promise<HeadRow> {
    return this.#writing.flushNow()
  }

  async snapshot(): Promise<SqlSnapshot> {
    const connection = connectReader(this.#options, this.readOnly !== undefined)
    this.#snapshots.add(connection)
    const end = async (): Promise<void> => {
      this.#snapshots.delete(connection)
      connection.close()
    }
    try {
      connection.exec('BEGIN')
      // With the first read the transaction begins to keep what it sees.
      connection.value('SELECT only_row FROM head WHERE only_row = 1')
      return { ...readsOf(new SqliteReader(connection)), end }
    } catch (error) {
      await end()
      throw error
    }
  }

  async beginBlob(claim: Claim): Promise<number> {
    return this.#writing.atOnce(() => this.#writing.blobRows.begin(claim))
  }

  async addChunks(arriving: number, chunks: readonly ChunkRow[]): Promise<void> {
    this.#writing.atOnce(() => this.#writing.blobRows.addChunks(arriving, chunks))
  }

  async finishBlob(
    arriving: number,
    blob: { readonly digest: string; readonly bytes: number },
    claim: Claim,
  ): Promise<void> {
    this.#writing.atOnce(() => this.#writing.blobRows.finish(arriving, blob, claim))
  }

  async abandonBlob(arriving: number): Promise<void> {
    this.#writing.atOnce(() => this.#writing.blobRows.drop(arriving))
  }

  async endClaims(owner: string, digests: readonly string[] | undefined): Promise<void> {
    this.#writing.atOnce(() => this.#writing.blobRows.endClaims(owner, digests))
  }

  /** SQLite tells nobody: its counter of other connections' commits is looked at now and then. */
  watch(wake: () => void): () => void {
    const { clock } = this.#options
    let version = this.#dataVersion()
    let timer: Timer
    const look = (): void => {
      timer = clock.after(lookMs, look)
      const now = this.#dataVersion()
      if (now === version) return
      version = now
      wake()
    }
    timer = clock.after(lookMs, look)
    return () => timer.cancel()
  }

  /** What can't be read now is read later, by whoever reads: a watch only wakes. */
  #dataVersion(): unknown {
    try {
      return this.connection.value('PRAGMA data_version')
    } catch {
      return undefined
    }
  }

  async integrity(work: LongWork<VerifyProgress>): Promise<readonly Finding[]> {
    return checkIntegrity(this.connection, work)
  }

  /** Content that no event names. It has its row's number in it, so that no other process that probes has the same, and is
   * claimed, so that no retention takes it away. */
  async probe(): Promise<void> {
    const { blobRows } = this.#writing
    const claim = { owner: 'probe', until: this.#options.clock.now() + probeMs }
    const { id, digest, data } = this.#writing.atOnce(() => {
      const id = blobRows.begin(claim)
      const data = createHash('sha256').update(`${this.label} ${id}`).digest()
      const digest = createHash('sha256').update(data).digest('hex')
      blobRows.addChunks(id, [{ digest, data }])
      blobRows.finish(id, { digest, bytes: data.length }, claim)
      return { id, digest, data }
    })
    try {
      const [found] = this.blobTables.chunks(digest, 0, data.length)
      if (found === undefined || Buffer.compare(found.data, data) !== 0) {
        throw new HoldfastError('DAMAGED', `what was written to ${this.label} did not come back`)
      }
    } finally {
      this.#writing.atOnce(() => blobRows.drop(id))
    }
  }

  /** One statement, at once: this process does nothing else meanwhile. */
  async backup(to: string, work: LongWork<VerifyProgress>): Promise<void> {
    const { copyTo } = this.#options
    if (copyTo === undefined) {
      throw new HoldfastError('UNSUPPORTED', `${this.label} was opened without a place for backups`, {
        hint: 'Open the journal by its path.',
      })
    }
    mustNotBeAborted(work.signal, 'the backup')
    const connection = connectReader(this.#options, this.readOnly !== undefined)
    try {
      await copyTo(to, (path) => {
        connection.exec('PRAGMA query_only = OFF')
        connection.run('VACUUM INTO ?', path)
      })
    } finally {
      connection.close()
    }
  }

  async reopen(): Promise<void> {
    for (const snapshot of this.#snapshots) snapshot.close()
    this.#snapshots.clear()
    // All are closed before one is opened: the last to close settles what stands in the log.
    const { reading, writing } = this.#connections
    reading.close()
    writing?.close()
    writing?.reopen()
    reading.reopen()
    this.forgetNames()
    this.#writer?.reopened()
  }

  async close(): Promise<void> {
    for (const snapshot of this.#snapshots) snapshot.close()
    this.#snapshots.clear()
    this.#connections.reading.close()
    // The last connection to close writes the log back into the file.
    this.#connections.writing?.close()
  }
}
