// Holdfast as its users hold it: the built package and its public calls, nothing tuned.

import { open } from '../../dist/index.js'

export const holdfast = {
  name: 'holdfast',
  async open(directory, { isBuilding = false } = {}) {
    return new HoldfastStore(await open(directory, { durability: isBuilding ? 'eventual' : 'sync' }))
  },
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
