// The tables of a set as of one manifest. Lookups and scans hold on to it, so that a table which a merge has replaced
// (and removed from the directory) stays open until the last of them is done.

import { closeTables } from './load-tables.ts'
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

/** The current snapshot and those before it that are still held. Closes a table once none of them has it. */
export class TableSnapshots {
  readonly #open = new Set<TableSnapshot>()
  #current: TableSnapshot

  constructor() {
    this.#current = this.#add([])
  }

  get current(): TableSnapshot {
    return this.#current
  }

  replace(tables: readonly TableReader[]): void {
    const before = this.#current
    this.#current = this.#add(tables)
    before.retire()
  }

  /** Closes all tables, held or not: who holds them is told CLOSED at the next read. */
  async close(): Promise<void> {
    for (const snapshot of this.#open) await closeTables(snapshot.tables)
  }

  #add(tables: readonly TableReader[]): TableSnapshot {
    const snapshot = new TableSnapshot(tables, (idle) => this.#discard(idle))
    this.#open.add(snapshot)
    return snapshot
  }

  #discard(idle: TableSnapshot): void {
    this.#open.delete(idle)
    const others = [...this.#open]
    void closeTables(idle.tables.filter((table) => !others.some((other) => other.tables.includes(table))))
  }
}
