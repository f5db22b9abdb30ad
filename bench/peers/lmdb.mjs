// lmdb-js: an event by position, and its position by stream and seq, both in one transaction. What comes in one turn of the
// event loop is one transaction of its own accord, written and synced by a thread of its own.
//
// `overlappingSync` is off: then the promise of a put means by itself that its commit is on the disk. With it on, one would
// wait for the commit and then for `flushed`, which here took a few per cent longer at every number of callers (`flushed`
// and the promises of `separateFlushed` alike), because callers that wait have nothing to do meanwhile. `noMemInit` is what
// its documentation recommends where nobody else reads the file. Events are MessagePack with shared structures, its own
// default and twice as fast to read as JSON; `lmdb, JSON` is the same with text that other programs can read. Tried and
// left: `useWritemap` (less, and risky), no batching by turns of the event loop (less at few callers), `append`
// (no difference).

import { join } from 'node:path'
import { open } from 'lmdb'

export const lmdb = {
  name: 'lmdb',
  // Positions begin at 1: key 0 holds the structures.
  open: async (directory, options) =>
    new LmdbStore(directory, { ...options, format: { encoding: 'msgpack', sharedStructuresKey: 0 } }),
}

export const lmdbJson = {
  name: 'lmdb, JSON',
  open: async (directory, options) => new LmdbStore(directory, { ...options, format: { encoding: 'json' } }),
}

/** A history built of larger transactions takes a quarter more of the disk. */
const buildBatch = 100
/** Above every position. */
const newestKey = 0xffffffff

class LmdbStore {
  #isBuilding
  #root
  #events
  #byStream
  #commands
  #byType
  #position
  #seqs = new Map()

  constructor(directory, { isBuilding = false, format }) {
    this.#isBuilding = isBuilding
    this.#root = open({
      path: join(directory, 'events.lmdb'),
      maxDbs: 4,
      overlappingSync: false,
      noMemInit: true,
      noSync: isBuilding,
    })
    this.#events = this.#root.openDB({ name: 'events', keyEncoding: 'uint32', ...format })
    this.#byStream = this.#root.openDB({ name: 'by-stream', encoding: 'ordered-binary' })
    this.#commands = this.#root.openDB({ name: 'commands', encoding: 'ordered-binary' })
    this.#position = this.#events.getKeys({ reverse: true, limit: 1 }).asArray[0] ?? 0
  }

  #put({ stream, type, data, commandId }) {
    const seq = (this.#seqs.get(stream) ?? this.#head(stream)) + 1
    const position = this.#position + 1
    this.#position = position
    this.#seqs.set(stream, seq)
    this.#events.put(position, { position, stream, seq, time: Date.now(), type, data })
    if (commandId !== undefined) this.#commands.put(commandId, position)
    return { position, seq, committed: this.#byStream.put([stream, seq], position) }
  }

  async append(event) {
    const receipt = this.#put(event)
    await receipt.committed
    return receipt
  }

  seqOf({ seq }) {
    return seq
  }

  async appendMany(events) {
    const perCommit = this.#isBuilding ? buildBatch : events.length
    for (let at = 0; at < events.length; at += perCommit) {
      await Promise.all(events.slice(at, at + perCommit).map((event) => this.#put(event).committed))
    }
  }

  appendCommands(events) {
    return this.appendMany(events)
  }

  async count() {
    return this.#events.getKeysCount({ start: 1 })
  }

  async headOf(stream) {
    return this.#head(stream)
  }

  async commandPosition(id) {
    return this.#commands.get(id)
  }

  #head(stream) {
    const newest = { start: [stream, Number.MAX_SAFE_INTEGER], end: [stream, 0], reverse: true, limit: 1 }
    return this.#byStream.getKeys(newest).asArray[0]?.[1] ?? 0
  }

  *readAll() {
    for (const { value } of this.#events.getRange({ start: 1 })) yield value
  }

  *readStream(stream) {
    const range = { start: [stream, 0], end: [stream, Number.MAX_SAFE_INTEGER] }
    for (const { value } of this.#byStream.getRange(range)) yield this.#events.get(value)
  }

  last(count) {
    return this.#events
      .getRange({ start: newestKey, end: 0, reverse: true, limit: count })
      .asArray.map(({ value }) => value)
      .reverse()
  }

  /** As in sqlite.mjs: positions by type, only where types are asked for. */
  async indexTypes() {
    const byType = this.#root.openDB({ name: 'by-type', encoding: 'ordered-binary' })
    let last
    for (const { key, value } of this.#events.getRange({ start: 1 })) last = byType.put([value.type, key], key)
    await last
    this.#byType = byType
  }

  *newestOf(type, count) {
    const range = { start: [type, newestKey], end: [type, 0], reverse: true, limit: count }
    for (const { value } of this.#byType.getRange(range)) yield this.#events.get(value)
  }

  close() {
    return this.#root.close()
  }
}
