// W2: how long a process waits until a journal is open and the head of one stream is read, after a clean close and after
// kill -9, and how much memory that takes. The longest history should cost as much as the shortest.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { appendAndDie, build, timedOpen } from '../journal-process.mjs'
import { interleave, ratio, spread } from '../measure.mjs'

const peers = ['holdfast', 'sqlite']
const sizes = { quick: [30_000, 300_000], normal: [100_000, 1_000_000], full: [100_000, 1_000_000, 10_000_000] }
/** What a process that was killed had appended since its own opening. */
const tailEvents = 10_000

export async function opening({ scale, rounds, scratch }) {
  const streams = scale === 'quick' ? 10_000 : 100_000
  const rows = []
  for (const events of sizes[scale]) {
    const directoryOf = (peer) => join(scratch, `opening-${peer}-${events}`)
    for (const peer of peers) await build(peer, { directory: directoryOf(peer), events, streams })

    const clean = await interleave(peers, rounds, (peer) =>
      timedOpen(peer, { directory: directoryOf(peer), events, streams }),
    )
    rows.push(...rowsOf(clean, { events, after: 'close' }))

    const killed = await interleave(peers, rounds, async (peer, round) => {
      const from = events + round * tailEvents
      await appendAndDie(peer, { directory: directoryOf(peer), from, events: tailEvents, streams })
      return timedOpen(peer, { directory: directoryOf(peer), events: from + tailEvents, streams })
    })
    rows.push(...rowsOf(killed, { events, after: 'kill -9' }))
    for (const peer of peers) rmSync(directoryOf(peer), { recursive: true })
  }
  return {
    work: 'W2',
    title: `opening, ${streams.toLocaleString('en-US')} streams, ${rounds} rounds, a fresh process each`,
    columns: ['events', 'after', 'peer', 'open ms', 'open + head ms', 'holdfast ÷ peer', 'RSS MB', 'grown by MB'],
    rows,
    notes: [
      'The ratio is of open + head, SQLite having done nothing yet when its open ends: above 1, Holdfast takes longer.',
      `Before a kill ${tailEvents.toLocaleString('en-US')} events were appended. Files are in the system's cache.`,
    ],
  }
}

function rowsOf(figures, place) {
  const times = (peer, key) => figures.get(peer).map((figure) => figure[key])
  const megabytes = (peer, key) => spread(times(peer, key)).median / 1_000_000
  return peers.map((peer) => ({
    ...place,
    peer,
    'open ms': spread(times(peer, 'openMs')),
    'open + head ms': spread(times(peer, 'headMs')),
    ...(peer === 'holdfast' ? {} : { 'holdfast ÷ peer': ratio(times('holdfast', 'headMs'), times(peer, 'headMs')) }),
    'RSS MB': megabytes(peer, 'rss'),
    'grown by MB': megabytes(peer, 'rssGrown'),
  }))
}
