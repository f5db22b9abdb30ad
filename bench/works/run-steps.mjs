// W6a: what one durable step of a run takes, when each is empty and waits for the one before: next to a raw synced write of
// the same bytes, next to other engines, and at the end of a long run next to its beginning.

import { join } from 'node:path'
import { timedRun, warmMsOf } from '../engine-process.mjs'
import { newestLineBytes } from '../journal-files.mjs'
import { interleave, ratio, spread } from '../measure.mjs'
import { labelOf, stepsOf } from '../peers/engines.mjs'
import { atLeast, atMost } from '../targets.mjs'

const ours = 'holdfast'
const raw = 'raw disk (O_DSYNC)'
const sizes = {
  quick: { alone: [1_000, 10_000], compared: [1_000] },
  normal: { alone: [1_000, 10_000, 100_000], compared: [1_000] },
  full: { alone: [1_000, 10_000, 100_000], compared: [1_000, 10_000] },
}
const sampleSteps = 500
const timesRawMax = 1.3
const timesPeerMin = 2.5
const growthMax = 1.1

export const runSteps = { id: 'W6A', needs: () => [], run: runRunSteps }

async function runRunSteps({ scale, rounds, scratch, engines, tell }) {
  const { alone, compared } = sizes[scale]
  const { peers, notes } = await engines.ready({ scale, tell })
  tell('the bytes of a step')
  const rawBytes = await engines.measure(ours, join(scratch, 'steps-sample'), stepBytes)
  let made = 0
  const rows = []
  for (const steps of alone) {
    const names = [ours, ...(compared.includes(steps) ? peers.filter((name) => stepsOf(name, steps) > 0) : [])]
    const figures = await interleave(
      names,
      rounds,
      (name) =>
        engines.measure(name, join(scratch, `steps-${++made}`), (place) =>
          timedRun(name, {
            ...place,
            steps: stepsOf(name, steps),
            warmMs: warmMsOf(scale),
            ...(name === ours ? { rawBytes } : {}),
          }),
        ),
      (round) => tell(`${steps.toLocaleString('en-US')} steps`, round),
    )
    rows.push(...rowsOf(steps, figures))
  }
  return {
    title: `one run of empty durable steps, one after the other, ${rounds} rounds`,
    columns: ['steps', 'peer', 'steps/s', 'µs a step', 'holdfast ÷ peer', 'last tenth ÷ first', '÷ that of the disk'],
    rows,
    notes: [
      `Median (minimum to maximum); from the call of the first step to that of the last. The raw disk writes ${rawBytes} bytes a step, as Holdfast does, by turns with its steps.`,
      'holdfast ÷ peer is of steps a second; last tenth ÷ first of the time of a step: 1 is flat. ÷ that of the disk: what the disk itself became slower or faster meanwhile is taken out.',
      ...notes,
    ],
    targets: stepTargets(rows),
  }
}

/** One size: ours, the disk, and the peers. `figures`: of each, those of all rounds. */
export function rowsOf(steps, figures) {
  const grown = ({ firstUs, lastUs }) => lastUs / firstUs
  const ourRounds = figures.get(ours)
  const row = (peer, rounds) => ({
    steps,
    peer,
    'steps/s': spread(rounds.map(({ stepUs }) => 1e6 / stepUs)),
    'µs a step': spread(rounds.map(({ stepUs }) => stepUs)),
    'last tenth ÷ first': spread(rounds.map(grown)),
  })
  const against = (rounds) => ({
    'holdfast ÷ peer': ratio(
      rounds.map(({ stepUs }) => stepUs),
      ourRounds.map(({ stepUs }) => stepUs),
    ),
  })
  const rawRounds = ourRounds.map((round) => round.raw)
  const theirs = [...figures.keys()]
    .filter((name) => name !== ours)
    .map((name) => ({
      ...row(labelOf(name), figures.get(name)),
      steps: stepsOf(name, steps),
      ...against(figures.get(name)),
    }))
  const own = { ...row(ours, ourRounds), '÷ that of the disk': ratio(ourRounds.map(grown), rawRounds.map(grown)) }
  return [own, { ...row(raw, rawRounds), ...against(rawRounds) }, ...theirs]
}

/** Of the rows: each size next to the raw disk and in itself, and the fastest peer where there are any. */
export function stepTargets(rows) {
  const targets = []
  let at = 0
  while (at < rows.length) {
    const own = rows[at]
    let end = at + 1
    while (end < rows.length && rows[end].peer !== ours) end++
    const others = rows.slice(at + 1, end)
    const steps = `${own.steps.toLocaleString('en-US')} steps`
    const disk = others.find(({ peer }) => peer === raw)
    targets.push(atMost(`${steps}, ÷ a raw synced write`, 1 / disk['holdfast ÷ peer'].median, timesRawMax))
    const fastest = fastestOf(others.filter(({ peer }) => peer !== raw))
    if (fastest !== undefined)
      targets.push(
        atLeast(`${steps}, × the fastest peer (${fastest.peer})`, fastest['holdfast ÷ peer'].median, timesPeerMin),
      )
    targets.push(
      atMost(`${steps}, last tenth ÷ first, ÷ that of the disk`, own['÷ that of the disk'].median, growthMax),
    )
    at = end
  }
  return targets
}

/** The peer that Holdfast is the least ahead of; undefined where none was measured. */
export function fastestOf(rows) {
  const times = (row) => row['holdfast ÷ peer'].median
  return rows.reduce((best, row) => (best === undefined || times(row) < times(best) ? row : best), undefined)
}

/** What Holdfast writes for a step: the line of the newest of many. */
async function stepBytes(place) {
  await timedRun(ours, { ...place, steps: sampleSteps, warmMs: 0 })
  return newestLineBytes(place.directory, '"type":"run.step"')
}
