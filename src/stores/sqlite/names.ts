// Numbers of stream and type names, each looked up once. They never change while the journal lives: rows of both tables
// are only added. Bounded: emptied when full.

import type { Connection } from './connection.ts'

const namesMax = 50_000

export class Names {
  readonly #connection: Connection
  readonly #table: 'stream' | 'type'
  readonly #ids: Map<string, number> = new Map()
  readonly #names: Map<number, string> = new Map()

  constructor(connection: Connection, table: 'stream' | 'type') {
    this.#connection = connection
    this.#table = table
  }

  id(name: string): number | undefined {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const id = this.#connection.value(`SELECT id FROM ${this.#table} WHERE name = ?`, name)
    if (typeof id !== 'number') return undefined
    this.note(id, name)
    return id
  }

  /** undefined: no such row, though something refers to it. */
  name(id: number): string | undefined {
    const known = this.#names.get(id)
    if (known !== undefined) return known
    const name = this.#connection.value(`SELECT name FROM ${this.#table} WHERE id = ?`, id)
    if (typeof name !== 'string') return undefined
    this.note(id, name)
    return name
  }

  note(id: number, name: string): void {
    if (this.#names.size >= namesMax) this.forget()
    this.#ids.set(name, id)
    this.#names.set(id, name)
  }

  /** After a rollback: what was new is not there. */
  forget(): void {
    this.#ids.clear()
    this.#names.clear()
  }
}
