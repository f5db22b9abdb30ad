// The works in the order in which they run, and those that wait for what they measure.

import { durableAppend } from './append.mjs'
import { manyRuns } from './many-runs.mjs'
import { opening } from './opening.mjs'
import { postgresAppends } from './postgres.mjs'
import { reading } from './reading.mjs'
import { resumedRuns } from './resumed-runs.mjs'
import { retentionBeside } from './retention.mjs'
import { runSteps } from './run-steps.mjs'
import { growth } from './scale.mjs'
import { storedBytes } from './stored-bytes.mjs'
import { sideBySide } from './stores.mjs'

export const works = [
  durableAppend,
  opening,
  reading,
  storedBytes,
  runSteps,
  manyRuns,
  resumedRuns,
  retentionBeside,
  postgresAppends,
  sideBySide,
  growth,
]

/** By the name under which it will run: what it will measure, and with which feature it comes. */
export const toCome = new Map([
  ['W5', { measures: 'subscribers and appends over HTTP', feature: 'the HTTP feed' }],
  ['W7', { measures: 'the checkpoints of a long conversation', feature: 'checkpoints' }],
])

/** As people write them. */
const shown = { STORES: 'stores', SCALE: 'scale', W6A: 'W6a', W6B: 'W6b', W6C: 'W6c' }

/** The works of these names, in the order of the table. Throws for what isn't there. */
export function worksNamed(names) {
  const wanted = names.map((name) => name.trim().toUpperCase()).filter((name) => name !== '')
  if (wanted.length === 0) throw new Error(`--works names no work; there are ${worksText()}`)
  for (const name of wanted) {
    const later = toCome.get(name)
    if (later !== undefined) throw new Error(`${name} (${later.measures}) is to come, with ${later.feature}`)
    if (!works.some(({ id }) => id === name)) throw new Error(`no work is called ${name}; there are ${worksText()}`)
  }
  return works.filter(({ id }) => wanted.includes(id))
}

export function worksText() {
  return works.map(({ id }) => shown[id] ?? id).join(', ')
}
