// W1: how many events a second are made durable, by so many callers that each wait for their own append.

import { join } from 'node:path'
import { eventBytes, eventsOf, givenBytes, streamName } from '../event.mjs'
import { interleave, mustEqual, ratio, spread } from '../measure.mjs'
import { holdfast } from '../peers/holdfast.mjs'
import { jsonl } from '../peers/jsonl.mjs'
import { lmdb } from '../peers/lmdb.mjs'
import { rawDisk } from '../peers/raw-disk.mjs'
import { sqlite, sqliteBatched } from '../peers/sqlite.mjs'

const peers = [holdfast, rawDisk, sqliteBatched, lmdb, sqlite, jsonl]
const callers = [1, 16, 64, 256, 1_024]
const poolSize = 64

export async function durableAppend({ scale, rounds, scratch }) {
  const measureMs = { quick: 150, normal: 1_000, full: 3_000 }[scale]
  const pools = Array.from({ length: Math.max(...callers) }, (_, at) => eventsOf(streamName(at), poolSize))
  for (const event of pools[0]) mustEqual(givenBytes(event), eventBytes, 'bytes of an event')
  let made = 0
  const once = (peer, count, ms) =>
    appendFor(peer, { directory: join(scratch, `append-${++made}`), pools: pools.slice(0, count), ms })

  for (const peer of peers) await once(peer, 64, 100) // not counted: the code becomes warm
  const rows = []
  for (const count of callers) {
    const figures = await interleave(peers, rounds, (peer) => once(peer, count, measureMs))
    const ours = figures.get(holdfast)
    for (const peer of peers) {
      const theirs = figures.get(peer)
      const row = { callers: count, peer: peer.name, 'events/s': spread(theirs) }
      rows.push(peer === holdfast ? row : { ...row, 'holdfast ÷ peer': ratio(ours, theirs) })
    }
  }
  return {
    work: 'W1',
    title: `durable append, ${eventBytes}-byte events, ${rounds} rounds of ${measureMs} ms`,
    columns: ['callers', 'peer', 'events/s', 'holdfast ÷ peer'],
    rows,
    notes: ['Median (minimum to maximum). The raw disk encodes and numbers nothing: below 1 is expected.'],
  }
}

/** Appends until the time is over; gives events per second. */
async function appendFor(peer, { directory, pools, ms }) {
  const store = await peer.open(directory)
  let appended = 0
  const began = performance.now()
  const deadline = began + ms
  const call = async (pool) => {
    let seq = 0
    do {
      const receipt = await store.append(pool[seq % poolSize])
      seq++
      if (store.seqOf !== undefined) mustEqual(store.seqOf(receipt), seq, `${peer.name}: seq`)
    } while (performance.now() < deadline)
    appended += seq
  }
  await Promise.all(pools.map(call))
  const seconds = (performance.now() - began) / 1_000
  mustEqual(await store.count(), appended, `${peer.name}: events stored`)
  await store.close()
  return appended / seconds
}
