// The rows of streams as the writing connection last read or wrote them, so that a group need not read again what this
// process has just written.
//
// Why they are what the table says. A row gets here only when this connection has read it in a write transaction or has
// written it; whoever rolls back forgets all. So after this connection's own commits the rows here are those of the table,
// and only another connection could change them. PRAGMA data_version, asked on one connection, differs from its last
// answer whenever another connection has committed in between, and stays as it is through commits of its own. It is asked
// behind BEGIN IMMEDIATE: from there until the end of the transaction nobody else commits. If it is not what it was when
// the group before began, all is forgotten; what upkeep writes between two groups is covered by the same comparison,
// because only groups remember the answer.
// Bounded: emptied when full.

import type { StreamRow } from '../sql/rows.ts'
import type { SqliteValue } from './driver.ts'

const rowsMax = 10_000

export class KnownStreams {
  readonly #rows: Map<string, StreamRow> = new Map()
  #version: SqliteValue = null

  /** At the beginning of a group, behind BEGIN IMMEDIATE. */
  holdAgainst(version: SqliteValue): void {
    if (version !== this.#version || version === null) this.forget()
    this.#version = version
  }

  row(name: string): StreamRow | undefined {
    return this.#rows.get(name)
  }

  note(row: StreamRow): void {
    if (this.#rows.size >= rowsMax) this.#rows.clear()
    this.#rows.set(row.stream, row)
  }

  forget(): void {
    this.#rows.clear()
    this.#version = null
  }
}
