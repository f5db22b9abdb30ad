// The histories that works measure: built once, in a process per peer and two at a time, and shared. A work that changes
// one says so by its new number of events, or takes a copy. What no later work needs is dropped, because the largest take
// gigabytes.

import { join } from 'node:path'
import { build } from './journal-process.mjs'
import { peers as stores } from './peers/all.mjs'
import { placeOf } from './places.mjs'

/** Up to this size a copy takes less than a few seconds. */
const copyEventsMax = 1_000_000

export class Histories {
  #scratch
  #tell
  #made = new Map()
  #copies = 0

  constructor(scratch, tell) {
    this.#scratch = scratch
    this.#tell = tell
  }

  /** Of each peer: { directory, events, laid, streams, commands, stored }. `laid` counts the events that are those of
   * eventAt(), one after the other; `stored` is its size as it was built. */
  async get({ peers, ...shape }) {
    const missing = peers.filter((peer) => !this.#made.has(keyOf(peer, shape)))
    const next = async () => {
      for (let peer = missing.shift(); peer !== undefined; peer = missing.shift()) await this.#build(peer, shape)
    }
    if (missing.length > 0) this.#tell(`building ${shape.events.toLocaleString('en-US')} events`)
    await Promise.all([next(), next()])
    return new Map(peers.map((peer) => [peer, this.#made.get(keyOf(peer, shape))]))
  }

  async #build(peer, shape) {
    const key = keyOf(peer, shape)
    const directory = join(this.#scratch, key.replaceAll(/[^a-z0-9-]+/gi, '-'))
    const place = placeOf(stores[peer])
    await place.make(directory)
    await build(peer, { directory, ...shape })
    await place.settle(directory)
    this.#made.set(key, { ...shape, laid: shape.events, directory, place, stored: await place.sizeOf(directory) })
  }

  /** For changes: a copy, or for the largest the history itself. `done()` removes a copy. */
  async toChange(history) {
    if (history.events > copyEventsMax * 1.5) return { history, done: async () => {} }
    const directory = `${history.directory}-copy-${++this.#copies}`
    await history.place.copy(history.directory, directory)
    return { history: { ...history, directory }, done: () => history.place.remove(directory) }
  }

  /** Drops all but what these still need. */
  async keep(needs) {
    const needed = new Set(needs.flatMap(({ peers, ...shape }) => peers.map((peer) => keyOf(peer, shape))))
    for (const [key, { directory, place }] of this.#made) {
      if (needed.has(key)) continue
      await place.remove(directory)
      this.#made.delete(key)
    }
  }
}

function keyOf(peer, { events, streams, commands = false }) {
  return `${peer}-${events}-in-${streams}${commands ? '-commands' : ''}`
}
