// lmdb-js: an event's JSON by position, and its position by stream and seq, both in one transaction. What comes in one
// turn of the event loop is one transaction of its own accord; an append ends when that is flushed to the disk.

import { join } from 'node:path'
import { open } from 'lmdb'

export const lmdb = {
  name: 'lmdb, flushed',
  open: async (directory) => new LmdbStore(directory),
}

class LmdbStore {
  #root
  #events
  #byStream
  #position
  #seqs = new Map()

  constructor(directory) {
    this.#root = open({ path: join(directory, 'events.lmdb'), maxDbs: 4 })
    this.#events = this.#root.openDB({ name: 'events', encoding: 'json', keyEncoding: 'uint32' })
    this.#byStream = this.#root.openDB({ name: 'by-stream', encoding: 'ordered-binary' })
    this.#position = [...this.#events.getKeys({ reverse: true, limit: 1 })][0] ?? 0
  }

  #put({ stream, type, data }) {
    const seq = (this.#seqs.get(stream) ?? this.#head(stream)) + 1
    const position = this.#position + 1
    this.#position = position
    this.#seqs.set(stream, seq)
    this.#events.put(position, { position, stream, seq, time: Date.now(), type, data })
    return { position, seq, committed: this.#byStream.put([stream, seq], position) }
  }

  async append(event) {
    const receipt = this.#put(event)
    await receipt.committed
    await this.#root.flushed
    return receipt
  }

  seqOf({ seq }) {
    return seq
  }

  async appendMany(events) {
    await Promise.all(events.map((event) => this.#put(event).committed))
    await this.#root.flushed
  }

  async count() {
    return this.#events.getCount()
  }

  async headOf(stream) {
    return this.#head(stream)
  }

  #head(stream) {
    const newest = { start: [stream, Number.MAX_SAFE_INTEGER], end: [stream, 0], reverse: true, limit: 1 }
    return [...this.#byStream.getKeys(newest)][0]?.[1] ?? 0
  }

  *readAll() {
    for (const { value } of this.#events.getRange()) yield value
  }

  *readStream(stream) {
    const range = { start: [stream, 0], end: [stream, Number.MAX_SAFE_INTEGER] }
    for (const { value } of this.#byStream.getRange(range)) yield this.#events.get(value)
  }

  last(count) {
    return [...this.#events.getRange({ reverse: true, limit: count })].map(({ value }) => value).reverse()
  }

  *newestOf(type, count) {
    let found = 0
    for (const { value } of this.#events.getRange({ reverse: true })) {
      if (value.type !== type) continue
      yield value
      found++
      if (found === count) return
    }
  }

  close() {
    return this.#root.close()
  }
}
