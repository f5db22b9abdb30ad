// W6b: many runs at once, each with steps that wait for one another. What is asked in one moment can share a sync.

import { join } from 'node:path'
import { timedRuns, warmMsOf } from '../engine-process.mjs'
import { interleave, ratio, spread } from '../measure.mjs'
import { labelOf, stepsAtOnce } from '../peers/engines.mjs'
import { atLeast } from '../targets.mjs'
import { fastestOf } from './run-steps.mjs'

const ours = 'holdfast'
const runs = 64
const steps = 100
const timesPeerMin = 10

export const manyRuns = { id: 'W6B', needs: () => [], run: runManyRuns }

async function runManyRuns({ scale, rounds, scratch, engines, tell }) {
  const { peers, notes } = await engines.ready({ scale, tell })
  const names = [ours, ...peers]
  let made = 0
  const figures = await interleave(
    names,
    rounds,
    (name) =>
      engines.measure(name, join(scratch, `runs-${++made}`), (place) =>
        timedRuns(name, { ...place, runs, steps: stepsAtOnce(name, steps), warmMs: warmMsOf(scale) }),
      ),
    (round) => tell(`${runs} runs`, round),
  )
  const perSecond = (name) => figures.get(name).map((round) => round.perSecond)
  const rows = names.map((name) => ({
    peer: labelOf(name),
    runs,
    'steps each': stepsAtOnce(name, steps),
    'steps/s': spread(perSecond(name)),
    ...(name === ours ? {} : { 'holdfast ÷ peer': ratio(perSecond(ours), perSecond(name)) }),
  }))
  const fastest = fastestOf(rows.slice(1))
  return {
    title: `${runs} runs of ${steps} empty durable steps at once, ${rounds} rounds`,
    columns: ['peer', 'runs', 'steps each', 'steps/s', 'holdfast ÷ peer'],
    rows,
    notes: ['Median (minimum to maximum), of steps a second over all runs.', ...notes],
    targets:
      fastest === undefined
        ? []
        : [atLeast(`× the fastest peer (${fastest.peer})`, fastest['holdfast ÷ peer'].median, timesPeerMin)],
  }
}
