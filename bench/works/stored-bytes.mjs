// W4: what an event takes on the disk, with all that belongs to it: the blocks of every file and folder of a journal that
// was closed, divided by its events. It is no matter of time, so one round is enough.

import { eventBytes } from '../event.mjs'
import { atMost } from '../targets.mjs'

const names = ['holdfast', 'sqlite', 'lmdb', 'lmdb, JSON']
/** The largest is the one of W2, so that it is built once. */
const few = 1_000
const many = 100_000
const sizes = {
  quick: [[100_000, few]],
  normal: [
    [100_000, few],
    [1_000_000, few],
  ],
  full: [
    [100_000, few],
    [1_000_000, few],
    [10_000_000, many],
  ],
}
const largest = 10_000_000
const timesSmallestMax = 1.2

export const storedBytes = { id: 'W4', needs: shapesOf, run: runStoredBytes }

function shapesOf(scale) {
  return sizes[scale].map(([events, streams]) => ({
    peers: events < largest ? names : names.filter((name) => name !== 'lmdb, JSON'),
    events,
    streams,
  }))
}

async function runStoredBytes({ scale, histories }) {
  const rows = []
  const targets = []
  for (const shape of shapesOf(scale)) {
    const built = await histories.get(shape)
    const { events, streams } = shape
    const bytesOf = (peer) => built.get(peer).stored.allocated
    for (const [peer, { stored }] of built) {
      const row = {
        events,
        streams,
        peer,
        'bytes an event': stored.allocated / events,
        'by file length': stored.length / events,
      }
      rows.push(peer === 'holdfast' ? row : { ...row, 'holdfast ÷ peer': bytesOf('holdfast') / stored.allocated })
    }
    const smallest = Math.min(...shape.peers.filter((peer) => peer !== 'holdfast').map(bytesOf))
    const times = bytesOf('holdfast') / smallest
    targets.push(atMost(`${events.toLocaleString('en-US')} events, ÷ the smallest peer`, times, timesSmallestMax))
  }
  return {
    title: `bytes stored per event of ${eventBytes} bytes`,
    columns: ['events', 'streams', 'peer', 'bytes an event', 'by file length', 'holdfast ÷ peer'],
    rows,
    notes: ['After a clean close; SQLite with its log written back. Below 1, Holdfast takes less.'],
    targets,
  }
}
