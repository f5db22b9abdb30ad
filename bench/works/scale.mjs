// Scale: how the cost of each thing that one does grows with the history, from ten thousand events to ten million. Told as
// the exponent with which it grows: 0 is flat, 1 is in proportion.

import { measureGrown, timedOpen } from '../journal-process.mjs'
import { exponent, interleave, spread } from '../measure.mjs'

const peer = 'holdfast'
const streamsMax = 100_000
const sizes = {
  quick: [10_000, 100_000],
  normal: [10_000, 100_000, 1_000_000],
  full: [10_000, 100_000, 1_000_000, 10_000_000],
}

/** `key`: of what one round gives, in the unit of the label. */
const costs = [
  { label: 'open + head, ms', key: 'openMs' },
  { label: 'append by 64 callers, µs', key: 'appendUs' },
  { label: 'append to cold streams, µs', key: 'coldAppendUs' },
  { label: 'newest of a stream, µs', key: 'newestUs' },
  { label: 'whole streams, µs an event', key: 'streamEventUs', isDrawn: false },
  { label: 'the last 100, µs', key: 'tailUs' },
  { label: 'memory after open, MB', key: 'memoryMb' },
  { label: 'stored, bytes an event', key: 'storedBytes' },
]

export const growth = { id: 'SCALE', needs: shapesOf, run: runScale }

function shapesOf(scale) {
  // Where there are fewer events than that, there can't be more streams.
  return sizes[scale].map((events) => ({
    peers: [peer],
    events,
    streams: Math.min(events, scale === 'quick' ? 10_000 : streamsMax),
  }))
}

async function runScale({ scale, rounds, histories, tell }) {
  const ms = { quick: 300, normal: 1_000, full: 2_000 }[scale]
  const shapes = shapesOf(scale)
  const built = new Map()
  for (const shape of shapes) built.set(shape, (await histories.get(shape)).get(peer))
  const figures = await interleave(
    shapes,
    rounds,
    async (shape) => {
      const { history, done } = await histories.toChange(built.get(shape))
      const opened = await timedOpen(peer, history)
      const grown = await measureGrown(peer, { ...history, ms })
      history.events += grown.appended
      await done()
      const { stored, events } = built.get(shape)
      const storedBytes = stored.allocated / shape.events
      return { ...grown, events, openMs: opened.headMs, memoryMb: opened.rssGrown / 1_000_000, storedBytes }
    },
    (round) => tell(`${shapes.length} sizes`, round),
  )
  const rows = shapes.map((shape) => rowOf(shape, figures.get(shape)))
  const exponents = costs.map(({ label }) => [label, exponent(rows.map((row) => [row.events, row[label].median]))])
  return {
    title: `what the same costs in a larger history, in ${rounds} rounds, a fresh process each`,
    columns: ['events', 'streams', ...costs.map(({ label }) => label)],
    rows: [...rows, { events: 'grows with the power', ...Object.fromEntries(exponents) }],
    notes: [
      'Memory is what opening adds to the process. A cold stream got nothing since the journal was opened. Streams of a history are spread over all of it, one event here and one there.',
    ],
    exponents: Object.fromEntries(exponents),
  }
}

function rowOf({ events, streams }, rounds) {
  const figures = costs.map(({ label, key }) => [label, spread(rounds.map((round) => round[key]))])
  return { events, streams, ...Object.fromEntries(figures) }
}

/** A whole stream has as many events as the history has for each, so its line would say two things at once. */
const drawn = costs.filter(({ isDrawn = true }) => isDrawn)

/** What plot.mjs draws of the result. */
export function scaleChart({ rows, exponents }) {
  const measured = rows.filter(({ events }) => typeof events === 'number')
  return {
    title: 'What it costs as the history grows',
    xLabel: 'events in the journal',
    yLabel: 'cost, in the unit that the line names',
    series: drawn.map(({ label }) => ({
      label,
      note: exponents[label] === undefined ? '' : `grows with events^${powerText(exponents[label])}`,
      points: measured.map((row) => [row.events, row[label].median]),
    })),
  }
}

function powerText(power) {
  const text = power.toFixed(2)
  return text === '-0.00' ? '0.00' : text.replace('-', '−')
}
