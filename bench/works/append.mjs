// W1: how many events a second are made durable, by so many callers that each wait for their own append.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { appendFor } from '../appending.mjs'
import { eventBytes, eventsOf, givenBytes, streamName } from '../event.mjs'
import { newestLineBytes } from '../journal-files.mjs'
import { interleave, mustEqual, ratio, spread } from '../measure.mjs'
import { holdfast } from '../peers/holdfast.mjs'
import { jsonl } from '../peers/jsonl.mjs'
import { lmdb } from '../peers/lmdb.mjs'
import { rawDiskOf } from '../peers/raw-disk.mjs'
import { sqlite, sqliteBatched } from '../peers/sqlite.mjs'
import { placeOf } from '../places.mjs'
import { atLeast } from '../targets.mjs'

const callers = [1, 16, 64, 256, 1_024]
const poolSize = 64
/** So many that positions have as many digits as in a run. */
const sampleEvents = 20_000

export const durableAppend = { id: 'W1', needs: () => [], run: runAppend }

async function runAppend({ scale, rounds, scratch, tell }) {
  const measureMs = { quick: 150, normal: 1_000, full: 3_000 }[scale]
  const pools = Array.from({ length: Math.max(...callers) }, (_, at) => eventsOf(streamName(at), poolSize))
  for (const event of pools[0]) mustEqual(givenBytes(event), eventBytes, 'bytes of an event')
  const lineBytes = await lineBytesOf(join(scratch, 'append-sample'), pools)
  const peers = [holdfast, rawDiskOf(lineBytes), sqliteBatched, lmdb, sqlite, jsonl]
  let made = 0
  const once = (peer, count, ms) =>
    appendToNew(peer, { directory: join(scratch, `append-${++made}`), pools: pools.slice(0, count), ms })

  for (const peer of peers) await once(peer, 64, 100) // not counted: the code becomes warm
  const rows = []
  for (const count of callers) {
    const label = (round) => tell(count === 1 ? '1 caller' : `${count} callers`, round)
    const figures = await interleave(peers, rounds, (peer) => once(peer, count, measureMs), label)
    for (const peer of peers) {
      const theirs = figures.get(peer)
      const row = { callers: count, peer: peer.name, 'events/s': spread(theirs) }
      rows.push(peer === holdfast ? row : { ...row, 'holdfast ÷ peer': ratio(figures.get(holdfast), theirs) })
    }
  }
  return {
    title: `durable append, ${eventBytes}-byte events, ${rounds} rounds of ${measureMs} ms`,
    columns: ['callers', 'peer', 'events/s', 'holdfast ÷ peer'],
    rows,
    notes: [
      `Median (minimum to maximum). The raw disk encodes and numbers nothing, it only writes ${lineBytes} bytes an event, as Holdfast does: below 1 is expected.`,
    ],
    targets: targetsOf(rows),
  }
}

function targetsOf(rows) {
  const found = (count, name) =>
    rows.find(({ callers, peer }) => callers === count && peer.startsWith(name))['holdfast ÷ peer'].median
  return [
    atLeast('1 caller, of the raw disk', found(1, 'raw disk'), 0.85),
    atLeast('64 callers, of the raw disk', found(64, 'raw disk'), 0.4),
    atLeast('256 callers, × sqlite batched', found(256, 'sqlite, batched'), 1.2),
    atLeast('256 callers, × lmdb', found(256, 'lmdb'), 1.2),
    atLeast('64 callers, × sqlite with a commit each', found(64, 'sqlite, a commit each'), 15),
  ]
}

/** What Holdfast writes per event when each is appended alone: the line of the newest of many. */
async function lineBytesOf(directory, pools) {
  const store = await holdfast.open(directory)
  for (let at = 0; at < sampleEvents; at += pools.length) await Promise.all(pools.map((pool) => store.append(pool[0])))
  await store.close()
  const bytes = newestLineBytes(directory, '"position":')
  rmSync(directory, { recursive: true })
  if (bytes < eventBytes || bytes > 2 * eventBytes) throw new Error(`Holdfast writes lines of ${bytes} bytes?`)
  return bytes
}

/** Appends to a journal that it makes, until the time is over, and removes it; gives events per second. */
export async function appendToNew(peer, { directory, pools, ms }) {
  const place = placeOf(peer)
  await place.make(directory)
  const store = await peer.open(directory)
  const { perSecond, appended } = await appendFor(store, { name: peer.name, pools, ms })
  mustEqual(await store.count(), appended, `${peer.name}: events stored`)
  await store.close()
  await place.remove(directory)
  return perSecond
}
