// Holdfast as its users hold it: the built package and its public calls, nothing tuned. In a directory, in a file of
// SQLite, and in PostgreSQL.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { open } from '../../dist/index.js'
import { journalUrl, schemas } from '../places.mjs'

export const holdfast = {
  name: 'holdfast',
  open: (directory, options) => openAt(directory, options),
}

export const holdfastSqlite = {
  name: 'holdfast, SQLite',
  load: () => loadDriver('@photostructure/sqlite'),
  open: (directory, options) => openAt(join(directory, 'journal.db'), options),
}

export const holdfastPostgres = {
  name: 'holdfast, PostgreSQL',
  place: schemas,
  load: () => loadDriver('pg'),
  open: (directory, options) => openAt(journalUrl(directory), options),
}

/** The one that the package itself will load. */
async function loadDriver(name) {
  await import(createRequire(new URL('../../dist/index.js', import.meta.url)).resolve(name))
}

async function openAt(target, { isBuilding = false } = {}) {
  return new HoldfastStore(await open(target, { durability: isBuilding ? 'eventual' : 'sync' }))
}

class HoldfastStore {
  #journal

  constructor(journal) {
    this.#journal = journal
  }

  append(event) {
    return this.#journal.append(event.stream, event)
  }

  seqOf(receipt) {
    return receipt.events[0].seq
  }

  appendMany(events) {
    return this.#journal.append(events)
  }

  /** A command is an append of its own. */
  appendCommands(events) {
    return Promise.all(events.map((event) => this.#journal.append(event.stream, event, { commandId: event.commandId })))
  }

  async count() {
    await this.#journal.flush() // the head counts what is durable
    return (await this.#journal.head()).position
  }

  async headOf(stream) {
    return (await this.#journal.head(stream)).seq
  }

  async commandPosition(id) {
    return (await this.#journal.command(id))?.position
  }

  readAll() {
    return this.#journal.read()
  }

  readAllPages() {
    return this.#journal.read().pages()
  }

  readStream(stream) {
    return this.#journal.read(stream)
  }

  newestOfStream(stream) {
    return this.#journal.tail(1, stream)
  }

  last(count) {
    return this.#journal.tail(count)
  }

  newestOf(type, count) {
    return this.#journal.read(undefined, { direction: 'backward', types: type, limit: count })
  }

  close() {
    return this.#journal.close()
  }
}
