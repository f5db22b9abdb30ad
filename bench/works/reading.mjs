// W3: events read in a second, with their data decoded: all of them, one stream of many, the newest, and the newest of
// one type. What every round read is reduced to one sum, which depends on the order too and must be the same for all.

import { rareType, streamName } from '../event.mjs'
import { interleave, mustEqual, ratio, spread } from '../measure.mjs'
import { peers } from '../peers/all.mjs'
import { atLeast } from '../targets.mjs'

const sizes = { quick: 100_000, normal: 1_000_000, full: 1_000_000 }
const streams = 1_000
const names = ['holdfast', 'sqlite', 'lmdb', 'lmdb, JSON']

export const reads = [
  { name: 'whole journal', times: 1, of: (store) => store.readAll() },
  { name: 'whole journal, by pages', times: 1, of: (store) => store.readAllPages?.() ?? store.readAll() },
  { name: 'one stream of 1,000', times: 40, of: (store, turn) => store.readStream(streamName((turn * 37) % streams)) },
  { name: 'the last 100', times: 40, of: (store) => store.last(100) },
  { name: 'newest 100 of a type, 1 in 100', times: 5, of: (store) => store.newestOf(rareType, 100) },
]

export const reading = { id: 'W3', needs: (scale) => [shapeOf(scale)], run: runReading }

function shapeOf(scale) {
  return { peers: names, events: sizes[scale], streams }
}

async function runReading({ scale, rounds, histories, tell }) {
  const shape = shapeOf(scale)
  const built = await histories.get(shape)
  const stores = new Map()
  for (const name of names) {
    const store = await peers[name].open(built.get(name).directory)
    await store.indexTypes?.()
    stores.set(name, store)
  }
  const rows = []
  for (const read of reads) {
    const sums = new Set()
    const once = async (name) => {
      const { perSecond, sum } = await readFor(stores.get(name), read)
      sums.add(sum)
      return perSecond
    }
    tell(`${read.name}, warming up`)
    for (const name of names) await once(name) // not counted: the code becomes warm
    const figures = await interleave(names, rounds, once, (round) => tell(read.name, round))
    mustEqual(sums.size, 1, `${read.name}: different answers`)
    for (const name of names) {
      const row = { read: read.name, peer: name, 'events/s': spread(figures.get(name)) }
      const isOurs = name === 'holdfast'
      rows.push(isOurs ? row : { ...row, 'holdfast ÷ peer': ratio(figures.get('holdfast'), figures.get(name)) })
    }
  }
  for (const store of stores.values()) await store.close()
  return {
    title: `reading, ${shape.events.toLocaleString('en-US')} events in ${streams.toLocaleString('en-US')} streams, ${rounds} rounds`,
    columns: ['read', 'peer', 'events/s', 'holdfast ÷ peer'],
    rows,
    notes: [
      'Events given to the reader per second. All have an index over types, SQLite and LMDB for this work alone.',
      'Only Holdfast checks what it reads against checksums. `lmdb` stores MessagePack, the others JSON.',
    ],
    targets: rows
      .filter(({ peer }) => peer !== 'holdfast')
      .map((row) => atLeast(`${row.read}, × ${row.peer}`, row['holdfast ÷ peer'].median, 1)),
  }
}

/** Events a second, and the sum over what was read. */
export async function readFor(store, { times, of }) {
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
      for (const item of source) {
        if (Array.isArray(item)) for (const event of item) take(event)
        else take(item)
      }
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
