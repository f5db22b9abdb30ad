// W1 to W4 for each of Holdfast's stores, side by side: a directory, a file of SQLite, and PostgreSQL. Beside the two SQL stores
// stands what one can write by hand on the same engine, with the same durability, order and answers.

import { join } from 'node:path'
import { eventsOf, streamName } from '../event.mjs'
import { appendAndDie, timedOpen } from '../journal-process.mjs'
import { interleave, mustEqual, ratio, spread } from '../measure.mjs'
import { peers } from '../peers/all.mjs'
import { holdfast, holdfastPostgres, holdfastSqlite } from '../peers/holdfast.mjs'
import { insertInOrder } from '../peers/postgres.mjs'
import { sqliteBatched } from '../peers/sqlite.mjs'
import { appendToNew } from './append.mjs'
import { readFor, reads } from './reading.mjs'

/** As the columns name them: what appends, and under which name of peers/all.mjs it keeps a history. */
const sides = {
  file: { appends: holdfast, keeps: 'holdfast' },
  SQLite: { appends: holdfastSqlite, keeps: 'holdfast, SQLite' },
  'better-sqlite3': { appends: sqliteBatched, keeps: 'sqlite' },
  PostgreSQL: { appends: holdfastPostgres, keeps: 'holdfast, PostgreSQL' },
  'pg by hand': { appends: insertInOrder, keeps: 'postgres' },
}
const names = Object.keys(sides)
const byHand = { SQLite: 'better-sqlite3', PostgreSQL: 'pg by hand' }
const callers = [1, 64, 256]
const poolSize = 64
const streams = 1_000
/** `tail`: what a process that was killed had appended since its own opening. */
const sizes = {
  quick: { events: 20_000, tail: 2_000, ms: 150 },
  normal: { events: 200_000, tail: 10_000, ms: 1_000 },
  full: { events: 1_000_000, tail: 10_000, ms: 3_000 },
}

export const sideBySide = { id: 'STORES', needs: (scale) => [shapeOf(scale)], run: runStores }

function shapeOf(scale) {
  return { peers: names.map((name) => sides[name].keeps), events: sizes[scale].events, streams }
}

async function runStores({ scale, rounds, scratch, histories, postgres, tell }) {
  const server = await postgres.start(tell)
  const run = { ...sizes[scale], rounds, scratch, tell }
  const appended = await appendRows(run)
  const shape = shapeOf(scale)
  const made = await histories.get(shape)
  const built = new Map(names.map((name) => [name, made.get(sides[name].keeps)]))
  const rows = [...appended, ...(await readRows(built, run)), ...(await openRows(built, run))]
  const bytes = names.map((name) => [name, [built.get(name).stored.allocated / shape.events]])
  rows.push(rowOf('bytes stored an event', new Map(bytes)))
  const events = shape.events.toLocaleString('en-US')
  return {
    title: `Holdfast's stores side by side, ${rounds} rounds; ${events} events in ${streams.toLocaleString('en-US')} streams where a history is named`,
    columns: ['what', ...names, ...Object.keys(byHand).map(ratioName)],
    rows,
    notes: [
      'Medians, ratios with minimum and maximum: for what is counted a second, above 1 is faster than by hand; for ms and bytes, below 1 is less.',
      'By hand: better-sqlite3, appends batched in one thread; pg, appends with an INSERT per event in order. Both decode what they read.',
      'Only Holdfast checks what it reads against checksums. PostgreSQL: bytes of tables with their indexes, without its log.',
      server,
    ],
  }
}

async function appendRows({ ms, rounds, scratch, tell }) {
  const pools = Array.from({ length: Math.max(...callers) }, (_, at) => eventsOf(streamName(at), poolSize))
  let made = 0
  const once = (name, count, forMs) => {
    const directory = join(scratch, `stores-${++made}`)
    return appendToNew(sides[name].appends, { directory, pools: pools.slice(0, count), ms: forMs })
  }
  tell('warming up')
  for (const name of names) await once(name, 64, 300) // not counted: the code becomes warm
  const rows = []
  for (const count of callers) {
    const what = `appends a second, ${count} ${count === 1 ? 'caller' : 'callers'}`
    rows.push(
      rowOf(
        what,
        await interleave(
          names,
          rounds,
          (name) => once(name, count, ms),
          (round) => tell(what, round),
        ),
      ),
    )
  }
  return rows
}

async function readRows(built, { rounds, tell }) {
  const stores = new Map()
  for (const name of names) {
    const store = await peers[sides[name].keeps].open(built.get(name).directory)
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
    for (const name of names) await once(name)
    const figures = await interleave(names, rounds, once, (round) => tell(read.name, round))
    mustEqual(sums.size, 1, `${read.name}: different answers`)
    rows.push(rowOf(`events read a second, ${read.name}`, figures))
  }
  for (const store of stores.values()) await store.close()
  return rows
}

/** Last, because it changes the histories. */
async function openRows(built, { tail, rounds, tell }) {
  const open = (name) => timedOpen(sides[name].keeps, built.get(name))
  const clean = await interleave(names, rounds, open, (round) => tell('opening after close', round))
  const killed = await interleave(
    names,
    rounds,
    async (name) => {
      const history = built.get(name)
      await appendAndDie(sides[name].keeps, { ...history, from: history.laid, events: tail })
      history.events += tail
      history.laid += tail
      return open(name)
    },
    (round) => tell('opening after kill -9', round),
  )
  const row = (what, figures, key) =>
    rowOf(what, new Map(names.map((name) => [name, figures.get(name).map((figure) => figure[key])])))
  const memory = new Map(names.map((name) => [name, clean.get(name).map(({ rss }) => rss / 1_000_000)]))
  return [
    row('open + head after close, ms', clean, 'headMs'),
    row('open + head after kill -9, ms', killed, 'headMs'),
    rowOf('memory after open, MB', memory),
  ]
}

/** `figures`: of each side, those of all rounds. */
export function rowOf(what, figures) {
  const row = { what }
  for (const [name, values] of figures) row[name] = spread(values).median
  for (const [ours, theirs] of Object.entries(byHand)) {
    row[ratioName(ours)] = ratio(figures.get(ours), figures.get(theirs))
  }
  return { ...row, figures: Object.fromEntries(figures) }
}

function ratioName(name) {
  return `${name} ÷ by hand`
}
