// W9: the PostgreSQL store against an INSERT for each event: callers in one process that each wait for their own append,
// and two processes that write to one journal.

import { join } from 'node:path'
import { eventsOf, streamName } from '../event.mjs'
import { appendTogether } from '../journal-process.mjs'
import { interleave, mustEqual, ratio, spread } from '../measure.mjs'
import { peers } from '../peers/all.mjs'
import { placeOf } from '../places.mjs'
import { atLeast } from '../targets.mjs'
import { appendToNew } from './append.mjs'

const ours = 'holdfast, PostgreSQL'
const inOrder = 'postgres'
const names = [ours, inOrder, 'postgres, no order', 'postgres, batched']
const callers = [1, 64, 256]
const together = { writers: 2, callers: 64 }
const poolSize = 64
const eachInsert = 5

export const postgresAppends = { id: 'W9', needs: () => [], run: runPostgres }

async function runPostgres({ scale, rounds, scratch, postgres, tell }) {
  const ms = { quick: 150, normal: 1_000, full: 3_000 }[scale]
  const server = await postgres.start(tell)
  const pools = Array.from({ length: Math.max(...callers) }, (_, at) => eventsOf(streamName(at), poolSize))
  let made = 0
  const directory = () => join(scratch, `postgres-${++made}`)
  const alone = (name, count, forMs) =>
    appendToNew(peers[name], { directory: directory(), pools: pools.slice(0, count), ms: forMs })
  tell('warming up')
  for (const name of names) await alone(name, 64, 300) // not counted: the code becomes warm
  const rows = []
  for (const count of callers) {
    const what = `${count} ${count === 1 ? 'caller' : 'callers'}`
    const figures = await interleave(
      names,
      rounds,
      (name) => alone(name, count, ms),
      (round) => tell(what, round),
    )
    rows.push(...rowsOf(what, figures))
  }
  const what = `${together.writers} writers with ${together.callers} callers each`
  const figures = await interleave(
    names,
    rounds,
    (name) => sharedBy(name, directory(), ms),
    (round) => tell(what, round),
  )
  rows.push(...rowsOf(what, figures))
  return {
    title: `durable appends to PostgreSQL, ${rounds} rounds of ${ms} ms`,
    columns: ['by', 'peer', 'events/s', 'holdfast ÷ peer'],
    rows,
    notes: [
      'Median (minimum to maximum). In order: no gaps, and visible in the order of positions, as Holdfast keeps it; no order promises less.',
      'Writers are processes on one journal; their events a second are added up.',
      server,
    ],
    targets: [atLeast('64 callers, × an INSERT per event, in order', ratioOf(rows, '64 callers'), eachInsert)],
  }
}

/** Several processes append to one journal. */
async function sharedBy(name, directory, ms) {
  const peer = peers[name]
  const place = placeOf(peer)
  await place.make(directory)
  const first = await peer.open(directory) // makes its tables, so that they don't all try
  await first.close()
  const writers = await appendTogether(name, { directory, ...together, ms })
  const store = await peer.open(directory)
  const appended = writers.reduce((sum, writer) => sum + writer.appended, 0)
  mustEqual(await store.count(), appended, `${name}: events stored by ${together.writers} writers`)
  await store.close()
  await place.remove(directory)
  return writers.reduce((sum, { perSecond }) => sum + perSecond, 0)
}

function rowsOf(by, figures) {
  return names.map((name) => {
    const row = { by, peer: peers[name].name, 'events/s': spread(figures.get(name)) }
    return name === ours ? row : { ...row, 'holdfast ÷ peer': ratio(figures.get(ours), figures.get(name)) }
  })
}

function ratioOf(rows, by) {
  return rows.find((row) => row.by === by && row.peer === peers[inOrder].name)['holdfast ÷ peer'].median
}
