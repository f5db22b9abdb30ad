// W6c: a process is killed with SIGKILL in the middle of a run. How long a new one takes until the step is called that
// comes next, beside a process that does the same with nothing to go on with: it loads the same modules and opens an
// empty journal. And what a long history takes, in time and memory.

import { join } from 'node:path'
import { runAndDie, timedResume, timedStart } from '../engine-process.mjs'
import { difference, interleave, spread } from '../measure.mjs'
import { labelOf, stepsBehindKill, stepsOf } from '../peers/engines.mjs'
import { atMost } from '../targets.mjs'

const ours = 'holdfast'
const short = { steps: 1_000, killAt: 900 }
const long = { steps: 50_010, killAt: 50_000 }
/** After it a peer is given up: some wait for the end of a lease. */
const patienceMs = 60_000
const laterMsMax = 50
const longMsMax = 1_000
/** What a resumed run may add to the memory of a process with an empty journal. */
const grownMbMax = 100

export const resumedRuns = { id: 'W6C', needs: () => [], run: runResumedRuns }

async function runResumedRuns({ scale, rounds, scratch, engines, tell }) {
  const { peers, notes } = await engines.ready({ scale, tell })
  let made = 0
  const directory = () => join(scratch, `resumed-${++made}`)
  const resumed = async (place, killed) => {
    await runAndDie(ours, { ...place, ...killed, isBuilding: killed === long })
    return timedResume(ours, { ...place, ...killed })
  }
  const cases = {
    'an empty journal': (place) => timedStart(ours, place),
    [untilText(short)]: (place) => resumed(place, short),
    'step 50,001, behind 50,000 events': (place) => resumed(place, long),
  }
  const figures = await interleave(
    Object.keys(cases),
    rounds,
    (name) => engines.measure(ours, directory(), cases[name]),
    (round) => tell('goes on after a kill', round),
  )
  const rows = [
    ...ownRows(figures),
    ...(await peerRows(figures.get(untilText(short)), {
      engines,
      peers: scale === 'quick' ? [] : peers,
      directory,
      tell,
    })),
  ]
  return {
    title: `from the start of a process to the next step after kill -9, ${rounds} rounds`,
    columns: ['until', 'peer', 'ms', 'ms − empty journal', 'holdfast ÷ peer', 'RSS MB', 'grown by MB'],
    rows,
    notes: [
      'Median (minimum to maximum). An empty journal: a process that loads the same modules and opens a new journal, until it is open; it is the start of a process that the target means.',
      'RSS is that of the process when the step is called; grown by: next to the empty journal. holdfast ÷ peer is of ms, below 1: Holdfast is sooner. Peers once each.',
      ...notes,
    ],
    targets: resumedTargets(rows),
  }
}

function ownRows(figures) {
  const of = (name, key) => figures.get(name).map((round) => round[key])
  const [empty] = figures.keys()
  return [...figures.keys()].map((name) => ({
    until: name,
    peer: ours,
    ms: spread(of(name, 'ms')),
    ...(name === empty ? {} : { 'ms − empty journal': difference(of(name, 'ms'), of(empty, 'ms')) }),
    'RSS MB': spread(of(name, 'rss')).median / 1e6,
    ...(name === empty ? {} : { 'grown by MB': difference(of(name, 'rss'), of(empty, 'rss')).median / 1e6 }),
  }))
}

/** Once each: what a peer waits for, a lease, takes the same every time. */
async function peerRows(own, { engines, peers, directory, tell }) {
  const rows = []
  for (const name of peers) {
    tell(`${name} goes on after a kill`)
    const killed = killedOf(stepsOf(name, short.steps), name)
    const resumed = await engines.measure(name, directory(), async (place) => {
      await runAndDie(name, { ...place, ...killed })
      return timedResume(name, { ...place, ...killed, patienceMs })
    })
    rows.push({ until: untilText(killed), peer: labelOf(name), ...against(own, resumed?.ms) })
  }
  return rows
}

/** `ms`: undefined where nothing came in time. */
export function against(own, ms) {
  if (ms === undefined) return { ms: `none within ${patienceMs / 1_000} s` }
  return { ms, 'holdfast ÷ peer': spread(own.map((round) => round.ms)).median / ms }
}

/** A run of at most so many steps, as much of it done as of ours. */
function killedOf(steps, name) {
  return { steps: stepsBehindKill(name, steps), killAt: steps * (short.killAt / short.steps) }
}

function untilText({ steps, killAt }) {
  return `step ${killAt + 1} of ${steps.toLocaleString('en-US')}`
}

/** `rows`: ours come first, in the order of the table. */
export function resumedTargets([, next, behind]) {
  return [
    atMost(`${next.until}, ms more than the start of a process`, next['ms − empty journal'].median, laterMsMax),
    atMost(`${behind.until}, ms more than the start of a process`, behind['ms − empty journal'].median, longMsMax),
    atMost(`${behind.until}, MB more than with an empty journal`, behind['grown by MB'], grownMbMax),
  ]
}
