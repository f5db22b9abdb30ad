// better-sqlite3 with the same durability (WAL, synchronous=FULL) and the same order: one row per event, by position,
// with one unique index over stream and seq. In two ways: one commit per event, as most code does it; and batched by hand
// (all that came in one turn of the event loop is one transaction), the best that one can make of it in one thread.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

export const sqlite = {
  name: 'sqlite, a commit each',
  open: async (directory) => new SqliteStore(directory),
}

export const sqliteBatched = {
  name: 'sqlite, batched',
  open: async (directory) => new BatchedSqliteStore(directory),
}

class SqliteStore {
  #database
  #insert
  #headOf
  #newest
  #oldest
  #ofStream
  #newestOfType
  #position
  #seqs = new Map()
  #transaction

  constructor(directory) {
    mkdirSync(directory, { recursive: true })
    const database = new Database(join(directory, 'events.sqlite'))
    this.#database = database
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.exec(`
      CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL,
        time INTEGER NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL);
      CREATE UNIQUE INDEX IF NOT EXISTS events_by_stream ON events (stream, seq);
    `)
    this.#insert = database.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)')
    this.#headOf = database.prepare('SELECT seq FROM events WHERE stream = ? ORDER BY seq DESC LIMIT 1').pluck()
    this.#oldest = database.prepare('SELECT * FROM events ORDER BY position')
    this.#newest = database.prepare('SELECT * FROM events ORDER BY position DESC LIMIT ?')
    this.#ofStream = database.prepare('SELECT * FROM events WHERE stream = ? ORDER BY seq')
    this.#newestOfType = database.prepare('SELECT * FROM events WHERE type = ? ORDER BY position DESC LIMIT ?')
    this.#position = database.prepare('SELECT max(position) FROM events').pluck().get() ?? 0
    this.#transaction = database.transaction((events) => events.map((event) => this.insert(event)))
  }

  /** Encodes and numbers one event, in the transaction that is open or in its own. */
  insert({ stream, type, data }) {
    const seq = (this.#seqs.get(stream) ?? this.#headOf.get(stream) ?? 0) + 1
    const position = this.#position + 1
    this.#insert.run(position, stream, seq, Date.now(), type, JSON.stringify(data))
    this.#seqs.set(stream, seq)
    this.#position = position
    return { position, seq }
  }

  insertAll(events) {
    return this.#transaction(events)
  }

  async append(event) {
    return this.insert(event)
  }

  seqOf({ seq }) {
    return seq
  }

  async appendMany(events) {
    return this.insertAll(events)
  }

  async count() {
    return this.#database.prepare('SELECT count(*) FROM events').pluck().get()
  }

  async headOf(stream) {
    return this.#headOf.get(stream) ?? 0
  }

  readAll() {
    return decoded(this.#oldest.iterate())
  }

  readStream(stream) {
    return decoded(this.#ofStream.iterate(stream))
  }

  last(count) {
    return [...decoded(this.#newest.iterate(count))].reverse()
  }

  newestOf(type, count) {
    return decoded(this.#newestOfType.iterate(type, count))
  }

  async close() {
    this.#database.pragma('wal_checkpoint(TRUNCATE)')
    this.#database.close()
  }
}

class BatchedSqliteStore extends SqliteStore {
  #waiting = []

  append(event) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject })
      if (this.#waiting.length === 1) setImmediate(() => this.#commit())
    })
  }

  #commit() {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      const receipts = this.insertAll(waiting.map(({ event }) => event))
      for (const [at, { resolve }] of waiting.entries()) resolve(receipts[at])
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}

function* decoded(rows) {
  for (const row of rows) {
    row.data = JSON.parse(row.data)
    yield row
  }
}
