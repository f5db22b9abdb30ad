// W4: what an event takes on the disk, with all that belongs to it: the blocks of every file and folder of a journal that
// was closed, divided by its events. It is no matter of time, so one round is enough.

import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { eventBytes } from '../event.mjs'
import { build } from '../journal-process.mjs'

const peers = ['holdfast', 'sqlite', 'lmdb']
const sizes = { quick: [100_000], normal: [100_000, 1_000_000], full: [100_000, 1_000_000, 10_000_000] }
const streams = 1_000
/** Of st_blocks, whatever the file system's own blocks are. */
const blockBytes = 512

export async function storedBytes({ scale, scratch }) {
  const rows = []
  for (const events of sizes[scale]) {
    let ours = 0
    for (const peer of peers) {
      const directory = join(scratch, `stored-${peer}`)
      await build(peer, { directory, events, streams })
      const { allocated, length } = sizeOf(directory)
      rmSync(directory, { recursive: true })
      if (peer === 'holdfast') ours = allocated
      rows.push({
        events,
        peer,
        'bytes an event': allocated / events,
        'by file length': length / events,
        ...(peer === 'holdfast' ? {} : { 'holdfast ÷ peer': ours / allocated }),
      })
    }
  }
  return {
    work: 'W4',
    title: `bytes stored per event of ${eventBytes} bytes, in ${streams.toLocaleString('en-US')} streams`,
    columns: ['events', 'peer', 'bytes an event', 'by file length', 'holdfast ÷ peer'],
    rows,
    notes: ['After a clean close; SQLite with its log written back. Below 1, Holdfast takes less.'],
  }
}

/** As `du` counts, and the plain lengths of the files. */
function sizeOf(path) {
  const status = lstatSync(path)
  let allocated = status.blocks * blockBytes
  let length = status.isFile() ? status.size : 0
  if (status.isDirectory()) {
    for (const name of readdirSync(path)) {
      const inside = sizeOf(join(path, name))
      allocated += inside.allocated
      length += inside.length
    }
  }
  return { allocated, length }
}
