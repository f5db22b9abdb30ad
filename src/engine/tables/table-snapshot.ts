// The tables of a set as of one manifest. Lookups and scans hold on to it, so that a table which a merge has replaced
// (and removed from the directory) stays open until the last of them is done.

import type { TableReader } from './table-reader.ts'

export class TableSnapshot {
  /** Newest first. */
  readonly tables: readonly TableReader[]
  readonly #idle: (snapshot: TableSnapshot) => void
  #holders = 0
  #retired = false

  /** `idle` is called once: when it is retired and nobody holds it any more. */
  constructor(tables: readonly TableReader[], idle: (snapshot: TableSnapshot) => void) {
    this.tables = tables
    this.#idle = idle
  }

  hold(): void {
    this.#holders++
  }

  release(): void {
    this.#holders--
    this.#settle()
  }

  /** A newer one has taken its place. */
  retire(): void {
    this.#retired = true
    this.#settle()
  }

  #settle(): void {
    if (this.#retired && this.#holders === 0) this.#idle(this)
  }
}
