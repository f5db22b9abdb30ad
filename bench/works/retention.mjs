// W8: how long an append waits while retention and the collection of blobs run beside it. Both halves of a round append
// to a copy of the same history for the same time; in one of them a retention follows the other without pause. Each
// deletes streams that have events in every segment, so that every segment is written anew, and the blobs that only they
// named; every third also cuts the log by size.

import { randomFillSync } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { open } from '../../dist/index.js'
import { eventAt, eventsOf, streamName } from '../event.mjs'
import { copyDirectory } from '../journal-files.mjs'
import { interleave, mustEqual, percentile, ratio, spread } from '../measure.mjs'
import { atMost } from '../targets.mjs'

const sizes = {
  quick: { events: 50_000, ms: 1_000, callers: [1, 64] },
  normal: { events: 200_000, ms: 5_000, callers: [1, 64] },
  full: { events: 600_000, ms: 10_000, callers: [1, 64] },
}
const streams = 1_000
/** So many streams go with one retention. */
const streamsAtOnce = 10
/** The streams that go first name a blob each, of their own, that stands in chunk files. */
const streamsWithBlob = 200
const blobBytes = 20_000
const poolSize = 64
const timesMax = 2
const halves = ['without', 'with']

export const retentionBeside = { id: 'W8', needs: () => [], run: runRetention }

async function runRetention({ scale, rounds, scratch, tell }) {
  const { events, ms, callers } = sizes[scale]
  const origin = join(scratch, 'retention')
  tell('building')
  await buildHistory(origin, events)
  let made = 0
  const half = async (name, count, forMs) => {
    const directory = join(scratch, `retention-${++made}`)
    copyDirectory(origin, directory)
    const figures = await appendBeside(directory, { count, ms: forMs, isRetaining: name === 'with', events })
    rmSync(directory, { recursive: true })
    return figures
  }
  for (const name of halves) await half(name, 64, 500) // not counted: the code becomes warm
  const rows = []
  for (const count of callers) {
    const label = (round) => tell(count === 1 ? '1 caller' : `${count} callers`, round)
    const figures = await interleave(halves, rounds, (name) => half(name, count, ms), label)
    rows.push(...rowsOf(count, figures))
  }
  rmSync(origin, { recursive: true })
  return {
    title: `appends beside retention, ${events.toLocaleString('en-US')} events in ${streams.toLocaleString('en-US')} streams, ${rounds} rounds of ${ms} ms`,
    columns: [
      'callers',
      'retention',
      'p50 ms',
      'p99 ms',
      'longest ms',
      'p99 ÷ without',
      'appends/s',
      'runs',
      'MB freed',
      'blobs gone',
    ],
    rows,
    notes: ['Runs, MB freed and blobs gone are those of one round, the median.'],
    targets: rows
      .filter(({ retention }) => retention === 'with')
      .map((row) =>
        atMost(
          `${row.callers === 1 ? '1 caller' : `${row.callers} callers`}, p99 with ÷ without`,
          row['p99 ÷ without'].median,
          timesMax,
        ),
      ),
  }
}

function rowsOf(count, figures) {
  const of = (name, key) => figures.get(name).map((round) => round[key])
  return halves.map((name) => ({
    callers: count,
    retention: name,
    'p50 ms': spread(of(name, 'p50')),
    'p99 ms': spread(of(name, 'p99')),
    'longest ms': spread(of(name, 'longest')),
    'appends/s': spread(of(name, 'perSecond')).median,
    ...(name === 'without' ? {} : withFigures(of)),
  }))
}

function withFigures(of) {
  return {
    'p99 ÷ without': ratio(of('with', 'p99'), of('without', 'p99')),
    runs: spread(of('with', 'runs')).median,
    'MB freed': spread(of('with', 'bytes')).median / 1_000_000,
    'blobs gone': spread(of('with', 'blobs')).median,
  }
}

async function buildHistory(directory, events) {
  const journal = await open(directory, { durability: 'eventual' })
  const content = Buffer.alloc(blobBytes)
  for (let number = 0; number < streamsWithBlob; number++) {
    const blob = await journal.blobs.put(randomFillSync(content))
    await journal.append(streamName(number), { type: 'document.put', data: { blob } })
  }
  for (let at = 0; at < events; at += 1_000) {
    await journal.append(Array.from({ length: 1_000 }, (_, index) => eventAt(at + index, streams)))
  }
  await journal.close()
}

async function appendBeside(directory, { count, ms, isRetaining, events }) {
  const journal = await open(directory)
  const before = (await journal.head()).position
  mustEqual(before, events + streamsWithBlob, 'W8: events before')
  const pools = Array.from({ length: count }, (_, at) => eventsOf(`caller/${at}`, poolSize))
  const times = []
  const began = performance.now()
  const deadline = began + ms
  const call = async (pool) => {
    let calls = 0
    do {
      const from = performance.now()
      await journal.append(pool[0].stream, pool[calls % poolSize])
      times.push(performance.now() - from)
      calls++
    } while (performance.now() < deadline)
  }
  const isOver = () => performance.now() >= deadline
  const [done] = await Promise.all([isRetaining ? retainUntil(journal, isOver) : undefined, ...pools.map(call)])
  mustEqual((await journal.head()).position, before + times.length, 'W8: events after')
  if (isRetaining) await mustBeGone(journal, done.deleted)
  await journal.close()
  return {
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    longest: percentile(times, 1),
    perSecond: (times.length / ms) * 1_000,
    ...done,
  }
}

async function retainUntil(journal, isOver) {
  const done = { runs: 0, bytes: 0, blobs: 0, deleted: 0 }
  while (!isOver() && done.deleted < streams) {
    const names = Array.from({ length: streamsAtOnce }, (_, at) => streamName(done.deleted + at))
    const rule = { streams: names.map((stream) => ({ stream, before: 'all' })) }
    if (done.runs % 3 === 2) rule.bytesMax = Math.floor((await journal.stats()).bytes * 0.9)
    const report = await journal.retain(rule)
    done.runs++
    done.bytes += report.bytes
    done.blobs += report.blobs
    done.deleted += streamsAtOnce
  }
  if (done.runs === 0) throw new Error('W8: no retention has run')
  return done
}

/** What was deleted cannot be read any more, and what was not can be. */
async function mustBeGone(journal, deleted) {
  for (const number of [0, deleted - 1]) {
    mustEqual((await journal.read(streamName(number)).toArray()).length, 0, `W8: events of deleted stream ${number}`)
  }
  if (deleted === streams) return
  const { length } = await journal.read(streamName(streams - 1)).toArray()
  if (length === 0) throw new Error('W8: a stream that was to stay is gone')
}
