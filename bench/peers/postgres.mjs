// PostgreSQL by hand, with `pg`: an INSERT for each event, on a pool of connections, a statement that each connection
// prepares once. In two ways, because they promise different things.
//
// In order, as Holdfast keeps it: a row that counts is locked by each append until its commit, so positions have no gaps
// and become visible in the order in which they were given out; a reader that has seen 7 never finds a new 6. That the
// count, the stream's and the event go in one statement, and so in one round trip, is the fastest form of it. Without order: positions from a sequence, which leaves gaps and lets a later
// position be seen before an earlier one, so that a reader that goes on behind the last it saw misses events. It is shown
// because it is what one finds written.
//
// As in sqlite.mjs, names of streams are numbers in a table of their own, heads are kept in a map where nobody else could change
// them (without order), and reading goes by pages. `text` holds the JSON as it was given, as Holdfast
// keeps it. Batched by hand, what comes while a statement is on its way goes with the next one: the best that one can make of it.

import { schemas, searchPathOf } from '../places.mjs'
import { postgresUrl } from '../postgres-server.mjs'

/** Of a pool, at most. On two processors 8 were the best for both, 64 took twice as long: those in order wait for one another. */
const connections = 8
const pageRows = 1_000
const columns = 'e.position, s.name, e.seq, e.time, e.type, e.data'
const bigintOid = 20
/** Not before it is used: the other stores, whose memory is measured, are seen without it. */
const load = async () => (await import('pg')).default

export const insertInOrder = {
  name: 'INSERT per event, in order',
  place: schemas,
  load,
  open: (directory, options) => PostgresStore.open(directory, { ...options, Kind: PostgresStore }),
}

export const insertUnordered = {
  name: 'INSERT per event, no order',
  place: schemas,
  load,
  open: (directory, options) => PostgresStore.open(directory, { ...options, Kind: UnorderedStore }),
}

export const insertBatched = {
  name: 'batched by hand, in order',
  place: schemas,
  load,
  open: (directory, options) => PostgresStore.open(directory, { ...options, Kind: BatchedStore }),
}

class PostgresStore {
  #pool
  #streams = new Map()

  static async open(directory, { isBuilding = false, Kind }) {
    const pg = await load()
    const types = { getTypeParser: (oid, format) => (oid === bigintOid ? Number : pg.types.getTypeParser(oid, format)) }
    const options = `${searchPathOf(directory)}${isBuilding ? ' -c synchronous_commit=off' : ''}`
    const pool = new pg.Pool({ connectionString: postgresUrl(), max: connections, types, options })
    pool.on('error', () => {}) // of a connection that nobody uses just now: who asks next gets another
    const { rows } = await pool.query("SELECT to_regclass('event') IS NOT NULL AS made")
    if (!rows[0].made) {
      await pool.query(`
        CREATE TABLE head (id integer PRIMARY KEY, position bigint NOT NULL) WITH (fillfactor = 10);
        INSERT INTO head VALUES (1, 0);
        CREATE TABLE stream (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, seq bigint NOT NULL, name text COLLATE "C" NOT NULL UNIQUE)
          WITH (fillfactor = 80);
        CREATE SEQUENCE position;
        CREATE TABLE event (position bigint PRIMARY KEY, seq bigint NOT NULL, time bigint NOT NULL, stream integer NOT NULL,
          type text NOT NULL, data text NOT NULL);
        CREATE UNIQUE INDEX event_by_stream ON event (stream, seq);`)
    }
    return new Kind(pool)
  }

  constructor(pool) {
    this.#pool = pool
  }

  async query(name, text, values) {
    return (await this.#pool.query({ name, text, values })).rows
  }

  async append({ stream, type, data }) {
    const [row] = await this.query(
      'append',
      `WITH s AS (UPDATE stream SET seq = seq + 1 WHERE id = $1 RETURNING seq),
            h AS (UPDATE head SET position = position + 1 WHERE id = 1 RETURNING position)
       INSERT INTO event SELECT h.position, s.seq, $2, $1, $3, $4 FROM s, h RETURNING position, seq`,
      [await this.numberOf(stream), Date.now(), type, JSON.stringify(data)],
    )
    return row
  }

  seqOf({ seq }) {
    return seq
  }

  /** A stream's number, which never changes: asked for once. */
  async numberOf(name) {
    const known = this.#streams.get(name)
    if (known !== undefined) return known
    const text = `INSERT INTO stream (seq, name) VALUES (0, $1) ON CONFLICT (name) DO UPDATE SET seq = stream.seq RETURNING id`
    const [{ id }] = await this.query('stream', text, [name])
    this.#streams.set(name, id)
    return id
  }

  /** One statement for all. */
  async appendMany(events) {
    const names = [...new Set(events.map(({ stream }) => stream))].filter((name) => !this.#streams.has(name))
    const text = `INSERT INTO stream (seq, name) SELECT 0, * FROM unnest($1::text[])
                  ON CONFLICT (name) DO UPDATE SET seq = stream.seq RETURNING id, name`
    if (names.length > 0) {
      for (const { id, name } of await this.query('streams', text, [names])) this.#streams.set(name, id)
    }
    return this.query(
      'append-many',
      `WITH given AS (SELECT g.*, row_number() OVER (PARTITION BY stream ORDER BY at) AS nth
                        FROM unnest($1::integer[], $2::text[], $3::text[]) WITH ORDINALITY AS g (stream, type, data, at)),
            h AS (UPDATE head SET position = position + cardinality($1) WHERE id = 1 RETURNING position),
            s AS (UPDATE stream SET seq = seq + n.events
                    FROM (SELECT stream, count(*) AS events FROM given GROUP BY stream) n
                   WHERE stream.id = n.stream RETURNING id, seq - n.events AS seq)
       INSERT INTO event SELECT h.position - cardinality($1) + given.at, s.seq + given.nth, $4, given.stream, given.type, given.data
         FROM given, h, s WHERE s.id = given.stream ORDER BY given.at RETURNING position, seq`,
      [
        events.map(({ stream }) => this.#streams.get(stream)),
        events.map(({ type }) => type),
        events.map(({ data }) => JSON.stringify(data)),
        Date.now(),
      ],
    )
  }

  async count() {
    return (await this.query('count', 'SELECT count(*) FROM event'))[0].count
  }

  async headOf(stream) {
    return (await this.query('head', 'SELECT seq FROM stream WHERE name = $1', [stream]))[0]?.seq ?? 0
  }

  async *readAll() {
    for await (const page of this.readAllPages()) yield* page
  }

  /** The next page is on its way while the one before is read. */
  async *readAllPages() {
    const next = (from) =>
      this.query(
        'page',
        `SELECT ${columns} FROM event e JOIN stream s ON s.id = e.stream WHERE e.position > $1 ORDER BY e.position LIMIT ${pageRows}`,
        [from],
      )
    let coming = next(0)
    for (;;) {
      const rows = await coming
      const isLast = rows.length < pageRows
      if (!isLast) coming = next(rows.at(-1).position)
      if (rows.length > 0) yield decoded(rows)
      if (isLast) return
    }
  }

  async *readStream(stream) {
    const id = await this.numberOf(stream)
    let from = 0
    for (;;) {
      const rows = await this.query(
        'stream-page',
        `SELECT ${columns} FROM event e JOIN stream s ON s.id = e.stream WHERE e.stream = $1 AND e.seq > $2 ORDER BY e.seq LIMIT ${pageRows}`,
        [id, from],
      )
      yield* decoded(rows)
      if (rows.length < pageRows) return
      from = rows.at(-1).seq
    }
  }

  async last(count) {
    const text = `SELECT ${columns} FROM event e JOIN stream s ON s.id = e.stream ORDER BY e.position DESC LIMIT $1`
    return decoded(await this.query('last', text, [count])).reverse()
  }

  async indexTypes() {
    await this.#pool.query('CREATE INDEX IF NOT EXISTS event_by_type ON event (type, position)')
  }

  async newestOf(type, count) {
    const text = `SELECT ${columns} FROM event e JOIN stream s ON s.id = e.stream WHERE e.type = $1 ORDER BY e.position DESC LIMIT $2`
    return decoded(await this.query('newest-of', text, [type, count]))
  }

  close() {
    return this.#pool.end()
  }
}

/** What came while the statement before was on its way is one statement. */
class BatchedStore extends PostgresStore {
  #waiting = []
  #isWriting = false

  append(event) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject })
      if (this.#isWriting) return
      this.#isWriting = true
      setImmediate(() => this.#write())
    })
  }

  async #write() {
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        const receipts = await this.appendMany(group.map(({ event }) => event))
        for (const [at, { resolve }] of group.entries()) resolve(receipts[at])
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isWriting = false
  }
}

class UnorderedStore extends PostgresStore {
  #seqs = new Map()

  async append({ stream, type, data }) {
    const id = await this.numberOf(stream)
    const seq = (this.#seqs.get(stream) ?? 0) + 1
    this.#seqs.set(stream, seq)
    const text = `INSERT INTO event VALUES (nextval('position'), $1, $2, $3, $4, $5) RETURNING position, seq`
    const [row] = await this.query('append', text, [seq, Date.now(), id, type, JSON.stringify(data)])
    return row
  }
}

function decoded(rows) {
  return rows.map(({ position, name, seq, time, type, data }) => ({
    position,
    stream: name,
    seq,
    time,
    type,
    data: JSON.parse(data),
  }))
}
