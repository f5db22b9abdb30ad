// Makes a failing plan smaller: leaves out lives, waves, operations and their parts for as long as the same kind of
// violation still shows.

import type { Life, Operation, Plan, Wave } from './plan.ts'
import { type Outcome, simulate } from './run.ts'
import type { Violation } from './violation.ts'

export interface Shrunk {
  readonly plan: Plan
  readonly violation: Violation | undefined
  readonly runs: number
}

const runsMax = 600

export async function shrink(plan: Plan, outcome: Pick<Outcome, 'violation'>): Promise<Shrunk> {
  let least: Shrunk = { plan, violation: outcome.violation, runs: 0 }
  let runs = 0
  for (let isSmaller = true; isSmaller && runs < runsMax; ) {
    isSmaller = false
    for (const smaller of smallerPlans(least.plan)) {
      if (runs++ >= runsMax) break
      const { violation } = await simulate(smaller)
      if (violation?.kind !== least.violation?.kind) continue
      least = { plan: smaller, violation, runs }
      isSmaller = true
      break
    }
  }
  return { ...least, runs }
}

/** The greatest cuts first. */
function* smallerPlans(plan: Plan): Generator<Plan> {
  for (const lives of without(plan.lives)) yield { ...plan, lives }
  for (const [index, life] of plan.lives.entries()) {
    for (const smaller of smallerLives(life)) yield { ...plan, lives: plan.lives.with(index, smaller) }
  }
  const { newest, oldest, tick } = plan.schedule
  if (newest + oldest + tick > 0) yield { ...plan, schedule: { newest: 0, oldest: 0, tick: 0 } }
}

function* smallerLives(life: Life): Generator<Life> {
  for (const waves of without(life.waves)) yield { ...life, waves }
  for (const faults of without(life.faults)) yield { ...life, faults }
  for (const followers of without(life.followers)) yield { ...life, followers }
  const { reader, ...alone } = life
  if (reader === true) yield alone
  for (const [index, wave] of life.waves.entries()) {
    for (const smaller of smallerWaves(wave)) yield { ...life, waves: life.waves.with(index, smaller) }
  }
  if (life.end.how !== 'close') yield { ...life, end: { how: 'close', seed: 0 } }
  const { at, ...end } = life.end
  if (at !== undefined) yield { ...life, end }
}

function* smallerWaves(wave: Wave): Generator<Wave> {
  for (const operations of without(wave.operations)) yield { ...wave, operations }
  const { clockMs, check, ...rest } = wave
  if (clockMs !== undefined) yield check === undefined ? rest : { ...rest, check }
  for (const [index, operation] of wave.operations.entries()) {
    for (const smaller of smallerOperations(operation)) {
      yield { ...wave, operations: wave.operations.with(index, smaller) }
    }
  }
}

function* smallerOperations(operation: Operation): Generator<Operation> {
  if (operation.do !== 'append' && operation.do !== 'submit') return
  for (const events of without(operation.events)) yield { ...operation, events }
  for (const name of ['expect', 'fence', 'lease', 'agenda', 'pin', 'release', 'command', 'eventual'] as const) {
    if (operation[name] === undefined || (name === 'command' && operation.do === 'submit')) continue
    const { [name]: _left, ...rest } = operation
    yield rest as Operation
  }
}

/** The list without its second half, its first half, and without each of its elements. */
function* without<T>(list: readonly T[]): Generator<readonly T[]> {
  const half = Math.floor(list.length / 2)
  if (half > 1) {
    yield list.slice(0, half)
    yield list.slice(half)
  }
  for (let index = list.length - 1; index >= 0; index--) yield list.toSpliced(index, 1)
}
