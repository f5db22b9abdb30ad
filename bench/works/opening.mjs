// W2: how long a process waits until a journal is open and the head of one stream is read, after a clean close and after
// kill -9, and how much memory that takes. The longest history should cost as much as the shortest. Where events have
// command ids, the receipt of one from the middle of the history is looked up as well.

import { appendAndDie, timedOpen } from '../journal-process.mjs'
import { difference, interleave, ratio, spread } from '../measure.mjs'
import { atMost } from '../targets.mjs'

const peers = ['holdfast', 'sqlite', 'lmdb']
const streamsMax = 100_000
/** Where events have command ids: fewer, because it is the ids that are to be many. */
const commandStreams = 1_000
const sizes = {
  quick: { events: [10_000, 100_000], streams: 10_000, commands: 100_000 },
  normal: { events: [100_000, 1_000_000], streams: streamsMax, commands: 1_000_000 },
  full: { events: [100_000, 1_000_000, 10_000_000], streams: streamsMax, commands: 1_000_000 },
}
/** What a process that was killed had appended since its own opening. */
const tailEvents = 10_000
const growthMax = 1.5
const laterMsMax = 100
const memoryMbMax = 100

export const opening = { id: 'W2', needs: shapesOf, run: runOpening }

function shapesOf(scale) {
  const { events, streams, commands } = sizes[scale]
  const plain = events.map((count) => ({ peers, events: count, streams }))
  return [...plain, { peers, events: commands, streams: commandStreams, commands: true }]
}

async function runOpening({ scale, rounds, histories, tell }) {
  const rows = []
  for (const shape of shapesOf(scale)) {
    const built = await histories.get(shape)
    const place = { events: shape.events, 'command ids': shape.commands ? shape.events : 0 }
    const what = `${shape.events.toLocaleString('en-US')} events${shape.commands ? ' with command ids' : ''}`
    const clean = await interleave(
      peers,
      rounds,
      (peer) => timedOpen(peer, built.get(peer)),
      (round) => tell(`${what}, after close`, round),
    )
    rows.push(...rowsOf(clean, { ...place, after: 'close' }))
    const changed = new Map()
    for (const peer of peers) changed.set(peer, await histories.toChange(built.get(peer)))
    const killed = await interleave(
      peers,
      rounds,
      async (peer) => {
        const { history } = changed.get(peer)
        await appendAndDie(peer, { ...history, from: history.laid, events: tailEvents })
        history.events += tailEvents
        history.laid += tailEvents
        return timedOpen(peer, history)
      },
      (round) => tell(`${what}, after kill -9`, round),
    )
    rows.push(...rowsOf(killed, { ...place, after: 'kill -9' }))
    for (const { done } of changed.values()) await done()
  }
  const { streams } = sizes[scale]
  return {
    title: `opening, ${streams.toLocaleString('en-US')} streams (${commandStreams.toLocaleString('en-US')} with command ids), ${rounds} rounds, a fresh process each`,
    columns: [
      'events',
      'command ids',
      'after',
      'peer',
      'open ms',
      'open + head ms',
      'holdfast ÷ peer',
      'holdfast − peer ms',
      'RSS MB',
      'grown by MB',
    ],
    rows,
    notes: [
      'Ratio and difference are of open + head, SQLite having done nothing yet when its open ends: above 1, Holdfast takes longer.',
      `Before a kill ${tailEvents.toLocaleString('en-US')} events were appended. Files are in the system's cache.`,
    ],
    targets: targetsOf(rows),
  }
}

function rowsOf(figures, place) {
  const times = (peer, key) => figures.get(peer).map((figure) => figure[key])
  const megabytes = (peer, key) => spread(times(peer, key)).median / 1_000_000
  const againstOurs = (peer) => ({
    'holdfast ÷ peer': ratio(times('holdfast', 'headMs'), times(peer, 'headMs')),
    'holdfast − peer ms': difference(times('holdfast', 'headMs'), times(peer, 'headMs')),
  })
  return peers.map((peer) => ({
    ...place,
    peer,
    'open ms': spread(times(peer, 'openMs')),
    'open + head ms': spread(times(peer, 'headMs')),
    ...(peer === 'holdfast' ? {} : againstOurs(peer)),
    'RSS MB': megabytes(peer, 'rss'),
    'grown by MB': megabytes(peer, 'rssGrown'),
  }))
}

function targetsOf(rows) {
  const plain = rows.filter((row) => row['command ids'] === 0)
  const least = Math.min(...plain.map(({ events }) => events))
  const most = Math.max(...plain.map(({ events }) => events))
  const targets = []
  for (const after of ['close', 'kill -9']) {
    const of = (events) => plain.find((row) => row.events === events && row.peer === 'holdfast' && row.after === after)
    const growth = of(most)['open + head ms'].median / of(least)['open + head ms'].median
    const sizesText = `${most.toLocaleString('en-US')} events ÷ ${least.toLocaleString('en-US')}`
    targets.push(atMost(`after ${after}, ${sizesText}`, growth, growthMax))
  }
  const later = rows.filter(({ peer }) => peer === 'sqlite').map((row) => row['holdfast − peer ms'].median)
  const memory = rows.filter(({ peer }) => peer === 'holdfast').map((row) => row['RSS MB'])
  targets.push(atMost('ms more than sqlite, at worst', Math.max(...later), laterMsMax))
  targets.push(atMost('MB after open, the whole process, at worst', Math.max(...memory), memoryMbMax))
  return targets
}
