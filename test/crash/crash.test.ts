// Crash at every operation of every scenario. RUNS_MULTIPLIER scales the number of outcomes; SCENARIO, INDEX and SEED, as a
// failure prints them, replay one case.

import { describe, expect, it } from 'vitest'
import { crashAt, type SweepReport, sweep } from './crash-sweep.ts'
import { scenarios } from './scenarios.ts'

const { SCENARIO, INDEX, SEED, RUNS_MULTIPLIER } = process.env
const seeds = 16 * Math.max(1, Number(RUNS_MULTIPLIER ?? 1))
const chosen = scenarios.filter(({ name }) => SCENARIO === undefined || name === SCENARIO)

describe('a crash in any disk operation', () => {
  it.each(chosen)('$name', { timeout: 600_000 * Math.max(1, Number(RUNS_MULTIPLIER ?? 1)) }, async (scenario) => {
    if (INDEX !== undefined) {
      const report: SweepReport = { operations: 0, recovered: 0 }
      const seed = Number(SEED ?? 0)
      await crashAt(scenario, Number(INDEX), seed - (seed % 4), { seeds, insideRecoveryEvery: 97 }, report)
      return
    }
    const began = performance.now()
    const report = await sweep(scenario, { seeds, insideRecoveryEvery: 97 })
    const seconds = (performance.now() - began) / 1_000
    process.stdout.write(
      `crash: ${scenario.name}: ${report.recovered} states recovered over ${report.operations} operations (${Math.round(report.recovered / seconds)}/s)\n`,
    )
    expect(report.recovered).toBeGreaterThan(report.operations)
  })
})
