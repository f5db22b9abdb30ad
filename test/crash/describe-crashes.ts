// Describes the crash tests of some scenarios. RUNS_MULTIPLIER scales the number of outcomes, and below a quarter that of the
// operations; SCENARIO, INDEX and SEED, as a failure prints them, replay one case.

import { describe, expect, it } from 'vitest'
import { crashAt, type SweepReport, sweep } from './crash-sweep.ts'
import type { Scenario } from './scenarios.ts'

const { SCENARIO, INDEX, SEED, RUNS_MULTIPLIER } = process.env
const asked = Number(RUNS_MULTIPLIER ?? 1)
const multiplier = Math.max(0.25, asked)
const options = { seeds: 16 * multiplier, every: Math.round(multiplier / asked), insideRecoveryEvery: 197 }

export function describeCrashes(scenarios: readonly Scenario[]): void {
  const chosen = scenarios.filter(({ name }) => SCENARIO === undefined || name === SCENARIO)
  describe('a crash in any disk operation', () => {
    // Where SCENARIO names one of another file, there is nothing to do here.
    it.runIf(chosen.length === 0)('nothing of this file was asked for', () => expect(SCENARIO).toBeDefined())
    it.each(chosen)('$name', { timeout: 600_000 * Math.ceil(multiplier) }, async (scenario) => {
      const report: SweepReport = { operations: 0, recovered: 0, alike: 0 }
      if (INDEX !== undefined) {
        const seed = Number(SEED ?? 0)
        await crashAt(scenario, Number(INDEX), seed - (seed % 4), options, report)
        return
      }
      const began = performance.now()
      await sweep(scenario, options, report)
      const { recovered, alike, operations } = report
      const perSecond = Math.round(recovered / ((performance.now() - began) / 1_000))
      process.stdout.write(
        `crash: ${scenario.name}: ${recovered} states recovered, ${alike} more were like one of them, ${operations} operations, ${perSecond}/s\n`,
      )
      expect(recovered).toBeGreaterThan(operations / options.every)
    })
  })
}
