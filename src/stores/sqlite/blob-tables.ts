// Content: rows of blobs, the chunks that they share, who names them, and who claims them. Whatever is asked for is found
// through an index; what may be collected through a partial one that holds only what no event names.

import type { Claim, Figures } from '../sql/backend.ts'
import { rowDamaged } from '../sql/row-sum.ts'
import type { BlobRow, ChunkRow } from '../sql/rows.ts'
import { type Connection, numberIn, textIn } from './connection.ts'
import type { SqliteRow } from './driver.ts'

const unclaimed = 'NOT EXISTS (SELECT 1 FROM claim c WHERE c.blob = b.id AND c.until > ?)'
const unnamed = 'NOT EXISTS (SELECT 1 FROM event_blob n WHERE n.blob = b.id)'

export class BlobTables {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  id(digest: string): number | undefined {
    const id = this.#connection.value('SELECT id FROM blob WHERE digest = ?', digest)
    return typeof id === 'number' ? id : undefined
  }

  blob(digest: string): BlobRow | undefined {
    const row = this.#connection.get('SELECT digest, bytes, data, named FROM blob WHERE digest = ?', digest)
    return row === undefined ? undefined : this.#blob(row)
  }

  named(after: string, rowsMax: number): readonly BlobRow[] {
    const sql = `SELECT digest, bytes, data, named FROM blob
      WHERE digest > ? AND named = 1 ORDER BY digest LIMIT ?`
    return this.#connection.all(sql, after, rowsMax).map((row) => this.#blob(row))
  }

  /** Of the wanted ones, those that have a row. */
  known(digests: readonly string[]): readonly { readonly digest: string; readonly named: boolean }[] {
    return digests.flatMap((digest) => {
      const named = this.#connection.value('SELECT named FROM blob WHERE digest = ?', digest)
      return named === null ? [] : [{ digest, named: named === 1 }]
    })
  }

  chunks(digest: string, from: number, bytesMax: number): readonly ChunkRow[] {
    const rows: ChunkRow[] = []
    let bytes = 0
    const sql = `SELECT c.digest, c.data FROM blob b
      CROSS JOIN blob_chunk l ON l.blob = b.id CROSS JOIN chunk c ON c.id = l.chunk
      WHERE b.digest = ? AND l.ordinal >= ? ORDER BY l.ordinal`
    this.#connection.each(sql, [digest, from], ([name, data]) => {
      if (typeof name !== 'string' || !(data instanceof Uint8Array)) throw this.#damaged(digest)
      rows.push({ digest: name, data })
      bytes += data.length
      return bytes < bytesMax
    })
    return rows
  }

  namings(positions: readonly number[]): readonly string[] {
    const sql = 'SELECT b.digest FROM event_blob n JOIN blob b ON b.id = n.blob WHERE n.position = ?'
    return positions.flatMap((position) =>
      this.#connection.all(sql, position).map((row) => textIn(row, 0, this.#connection.label)),
    )
  }

  references(
    digests: readonly string[],
    now: number,
  ): readonly { readonly digest: string; readonly events: number; readonly claimed: boolean }[] {
    const { label } = this.#connection
    const sql = `SELECT (SELECT count(*) FROM event_blob n WHERE n.blob = b.id),
      EXISTS (SELECT 1 FROM claim c WHERE c.blob = b.id AND c.until > ?) FROM blob b WHERE b.digest = ?`
    return digests.flatMap((digest) => {
      const row = this.#connection.get(sql, now, digest)
      return row === undefined
        ? []
        : [{ digest, events: numberIn(row, 0, label), claimed: numberIn(row, 1, label) === 1 }]
    })
  }

  figures(): Pick<Figures, 'blobs' | 'blobBytes'> {
    const row = this.#connection.get('SELECT count(*), coalesce(sum(bytes), 0) FROM blob WHERE named = 1')
    if (row === undefined) return { blobs: 0, blobBytes: 0 }
    const { label } = this.#connection
    return { blobs: numberIn(row, 0, label), blobBytes: numberIn(row, 1, label) }
  }

  /** Ids of what no event names and nobody claims: looked for among what is marked so, and not believed by the mark alone. */
  unused(now: number, rowsMax: number): readonly number[] {
    const sql = `SELECT b.id FROM blob b INDEXED BY blob_unnamed WHERE b.named = 0 AND ${unclaimed} AND ${unnamed} LIMIT ?`
    return this.#connection.all(sql, now, rowsMax).map((row) => numberIn(row, 0, this.#connection.label))
  }

  // ── Writing, within a transaction ──

  insertSmall(digest: string, data: Uint8Array): number {
    const known = this.id(digest)
    if (known !== undefined) return known
    const sql = 'INSERT INTO blob (digest, bytes, data, named) VALUES (?, ?, ?, 0)'
    return this.#connection.insert(sql, digest, data.length, data)
  }

  /** An event names it from now on. */
  name(digest: string, position: number): void {
    const id = this.id(digest)
    if (id === undefined) throw this.#damaged(digest)
    this.#connection.run('INSERT OR IGNORE INTO event_blob (blob, position) VALUES (?, ?)', id, position)
    this.#connection.run('UPDATE blob SET named = 1 WHERE id = ? AND named = 0', id)
  }

  /** The events at these positions name nothing any more. */
  unname(positions: readonly number[]): void {
    const touched = new Set<number>()
    for (const position of positions) {
      for (const row of this.#connection.all('SELECT blob FROM event_blob WHERE position = ?', position)) {
        touched.add(numberIn(row, 0, this.#connection.label))
      }
      this.#connection.run('DELETE FROM event_blob WHERE position = ?', position)
    }
    for (const id of touched) this.#connection.run(`UPDATE blob AS b SET named = 0 WHERE id = ? AND ${unnamed}`, id)
  }

  begin(claim?: Claim): number {
    const id = this.#connection.insert('INSERT INTO blob (digest, bytes, data, named) VALUES (NULL, 0, NULL, 0)')
    if (claim !== undefined) this.#claim(id, claim)
    return id
  }

  addChunks(blob: number, chunks: readonly ChunkRow[]): void {
    const last = this.#connection.value('SELECT max(ordinal) FROM blob_chunk WHERE blob = ?', blob)
    let ordinal = typeof last === 'number' ? last + 1 : 0
    for (const { digest, data } of chunks) {
      const known = this.#connection.value('SELECT id FROM chunk WHERE digest = ?', digest)
      const chunk =
        typeof known === 'number'
          ? known
          : this.#connection.insert('INSERT INTO chunk (digest, data) VALUES (?, ?)', digest, data)
      this.#connection.run('INSERT INTO blob_chunk (blob, ordinal, chunk) VALUES (?, ?, ?)', blob, ordinal, chunk)
      ordinal++
    }
  }

  finish(
    arriving: number,
    { digest, bytes }: { readonly digest: string; readonly bytes: number },
    claim?: Claim,
  ): void {
    const known = this.id(digest)
    if (known !== undefined) {
      this.drop(arriving)
      if (claim !== undefined) this.#claim(known, claim)
      return
    }
    this.#connection.run('UPDATE blob SET digest = ?, bytes = ? WHERE id = ?', digest, bytes, arriving)
    if (claim !== undefined) this.#claim(arriving, claim)
  }

  #claim(blob: number, { owner, until }: Claim): void {
    const sql = `INSERT INTO claim (blob, owner, until) VALUES (?, ?, ?)
      ON CONFLICT (blob, owner) DO UPDATE SET until = max(until, excluded.until)`
    this.#connection.run(sql, blob, owner, until)
  }

  endClaims(owner: string, digests: readonly string[] | undefined): void {
    if (digests === undefined) {
      this.#connection.run('DELETE FROM claim WHERE owner = ?', owner)
      return
    }
    for (const digest of digests) {
      const id = this.id(digest)
      if (id !== undefined) this.#connection.run('DELETE FROM claim WHERE blob = ? AND owner = ?', id, owner)
    }
  }

  collect(now: number, rowsMax: number): number {
    const unused = this.unused(now, rowsMax)
    for (const id of unused) this.drop(id)
    return unused.length
  }

  /** With its claims, and the chunks that no other blob has. */
  drop(blob: number): void {
    const chunks = this.#connection.all('SELECT DISTINCT chunk FROM blob_chunk WHERE blob = ?', blob)
    this.#connection.run('DELETE FROM blob_chunk WHERE blob = ?', blob)
    for (const row of chunks) {
      const chunk = numberIn(row, 0, this.#connection.label)
      const sql = 'DELETE FROM chunk WHERE id = ? AND NOT EXISTS (SELECT 1 FROM blob_chunk WHERE chunk = ?)'
      this.#connection.run(sql, chunk, chunk)
    }
    this.#connection.run('DELETE FROM claim WHERE blob = ?', blob)
    this.#connection.run('DELETE FROM blob WHERE id = ?', blob)
  }

  #blob(row: SqliteRow): BlobRow {
    const { label } = this.#connection
    const digest = textIn(row, 0, label)
    const data = row[2]
    if (data !== null && !(data instanceof Uint8Array)) throw this.#damaged(digest)
    return { digest, bytes: numberIn(row, 1, label), data: data ?? undefined, named: numberIn(row, 3, label) === 1 }
  }

  #damaged(digest: string): Error {
    return rowDamaged(
      { file: this.#connection.label, table: 'blob' },
      `the rows of blob ${digest} are not what they were`,
    )
  }
}
