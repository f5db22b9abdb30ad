// The engines that do durable steps, by the names under which tables know them. The packages of most are large: they stand
// in engines/package.json and are installed when they are first measured. Here is only what is known without them.
//
// Each module gives `engine.start(directory, { step, concurrency })`: a program with one kind of run, which does so many
// steps one after the other, each durable before the next begins, and gives the sum of what they returned. What starts has
// `run(id, steps)`, which gives the sum; `resume(id, steps)`, which waits for a run that a killed process left; `close()`.

import { readFileSync } from 'node:fs'

const versions = { ...dependenciesOf('../package.json'), ...dependenciesOf('engines/package.json') }

/** `isLarge`: its packages are apart. `needs`: the server that keeps what it stores. `stepsMax`: of one run, as many as it allows, or as one waits for;
 * `stepsAtOnceMax`: the same of many runs at once;
 * `stepsBehindKillMax`: of one that was killed, where the call that was cut off counts as well. */
export const engines = {
  holdfast: { load: () => import('./holdfast-runs.mjs') },
  openworkflow: {
    load: () => import('./openworkflow.mjs'),
    package: 'openworkflow',
    stepsMax: 1_000,
    stepsBehindKillMax: 999,
  },
  Restate: {
    load: () => import('./engines/restate.mjs'),
    package: '@restatedev/restate-server',
    isLarge: true,
    needs: 'Restate',
  },
  'Workflow SDK': {
    load: () => import('./engines/workflow-sdk.mjs'),
    package: '@workflow/core',
    isLarge: true,
    stepsMax: 100,
    stepsAtOnceMax: 10,
  },
  DBOS: {
    load: () => import('./engines/dbos.mjs'),
    package: '@dbos-inc/dbos-sdk',
    isLarge: true,
    needs: 'PostgreSQL',
  },
}

/** Those that Holdfast is measured against: with --quick the one that is soon installed. */
export function peersFor(scale) {
  return Object.keys(engines).filter((name) => name !== 'holdfast' && (scale !== 'quick' || !engines[name].isLarge))
}

/** The same of a run that is killed once. */
export function stepsBehindKill(name, steps) {
  return Math.min(steps, engines[name].stepsBehindKillMax ?? steps)
}

/** With its version. */
export function labelOf(name) {
  const version = versions[engines[name].package]
  return version === undefined ? name : `${name} ${version}`
}

/** How many of so many steps it does in one run. */
export function stepsOf(name, steps) {
  return Math.min(steps, engines[name].stepsMax ?? steps)
}

/** The same of many runs at once. */
export function stepsAtOnce(name, steps) {
  return Math.min(steps, engines[name].stepsAtOnceMax ?? steps)
}

function dependenciesOf(file) {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).dependencies
}
