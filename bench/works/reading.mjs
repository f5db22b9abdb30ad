// W3: events read in a second, with their data decoded: all of them, one stream of many, the newest, and the newest of
// one type. What every round read is reduced to one sum, which depends on the order too and must be the same for all.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { rareType, streamName } from '../event.mjs'
import { build } from '../journal-process.mjs'
import { interleave, mustEqual, ratio, spread } from '../measure.mjs'
import { holdfast } from '../peers/holdfast.mjs'
import { lmdb } from '../peers/lmdb.mjs'
import { sqlite } from '../peers/sqlite.mjs'

const peers = { holdfast, sqlite, lmdb }
const sizes = { quick: 100_000, normal: 1_000_000, full: 1_000_000 }
const streams = 1_000

const reads = [
  { name: 'whole journal', times: 1, of: (store) => store.readAll() },
  { name: 'whole journal, by pages', times: 1, of: (store) => store.readAllPages?.() ?? store.readAll() },
  { name: 'one stream of 1,000', times: 40, of: (store, turn) => store.readStream(streamName((turn * 37) % streams)) },
  { name: 'the last 100', times: 40, of: (store) => store.last(100) },
  { name: 'newest 100 of a type, 1 in 100', times: 5, of: (store) => store.newestOf(rareType, 100) },
]

export async function reading({ scale, rounds, scratch }) {
  const events = sizes[scale]
  const names = Object.keys(peers)
  const directoryOf = (name) => join(scratch, `reading-${name}`)
  for (const name of names) await build(name, { directory: directoryOf(name), events, streams })
  const stores = new Map()
  for (const name of names) stores.set(name, await peers[name].open(directoryOf(name)))
  const rows = []
  for (const read of reads) {
    const sums = new Set()
    const once = async (name) => {
      const { perSecond, sum } = await readFor(stores.get(name), read)
      sums.add(sum)
      return perSecond
    }
    for (const name of names) await once(name) // not counted: the code becomes warm
    const figures = await interleave(names, rounds, once)
    mustEqual(sums.size, 1, `${read.name}: different answers`)
    for (const name of names) {
      const row = { read: read.name, peer: name, 'events/s': spread(figures.get(name)) }
      const isOurs = name === 'holdfast'
      rows.push(isOurs ? row : { ...row, 'holdfast ÷ peer': ratio(figures.get('holdfast'), figures.get(name)) })
    }
  }
  for (const name of names) {
    await stores.get(name).close()
    rmSync(directoryOf(name), { recursive: true })
  }
  return {
    work: 'W3',
    title: `reading, ${events.toLocaleString('en-US')} events in ${streams.toLocaleString('en-US')} streams, ${rounds} rounds`,
    columns: ['read', 'peer', 'events/s', 'holdfast ÷ peer'],
    rows,
    notes: ['Events given to the reader per second. Nobody has an index over types.'],
  }
}

async function readFor(store, { times, of }) {
  let count = 0
  let sum = 0
  const take = (event) => {
    count++
    const { position, stream, seq, data } = event
    sum = (Math.imul(sum, 31) + position * 7 + seq * 3 + data.step + stream.length + data.text.length) | 0
  }
  const began = performance.now()
  for (let turn = 0; turn < times; turn++) {
    const source = await of(store, turn)
    if (source[Symbol.asyncIterator] === undefined) {
      for (const event of source) take(event)
    } else {
      for await (const item of source) {
        if (Array.isArray(item)) for (const event of item) take(event)
        else take(item)
      }
    }
  }
  const seconds = (performance.now() - began) / 1_000
  return { perSecond: count / seconds, sum: `${count} ${sum}` }
}
