// Every operation × once and for ever × EIO, ENOSPC and short counts. RUNS_MULTIPLIER scales the number of seeds;
// SCENARIO, AT, TIMES, FAULT and SEED, as a failure prints them, replay one case.

import { describe, expect, it } from 'vitest'
import { faultScenarios } from './fault-scenarios.ts'
import { baseline, type FaultCase, type FaultReport, faultAt } from './fault-sweep.ts'

const { SCENARIO, AT, TIMES, FAULT, SEED, RUNS_MULTIPLIER } = process.env
const seeds = Math.max(1, Number(RUNS_MULTIPLIER ?? 1))
const chosen = faultScenarios.filter(({ name }) => SCENARIO === undefined || name === SCENARIO)

function casesAt(at: number): readonly FaultCase[] {
  const cases: FaultCase[] = []
  for (const fault of ['EIO', 'ENOSPC', 'short'] as const) {
    for (const times of ['once', 'forever'] as const) {
      for (let seed = 0; seed < seeds; seed++) cases.push({ at, times, fault, seed: seed * 7 + at })
    }
  }
  return cases
}

describe('an error in any disk operation', () => {
  it.each(chosen)('$name', { timeout: 600_000 * seeds }, async (scenario) => {
    const { operations, acknowledged } = await baseline(scenario)
    const report: FaultReport = { runs: 0, faults: 0 }
    if (AT !== undefined) {
      const plan = {
        at: Number(AT),
        times: TIMES ?? 'once',
        fault: FAULT ?? 'EIO',
        seed: Number(SEED ?? 0),
      } as FaultCase
      await faultAt(scenario, plan, acknowledged, report)
      return
    }
    for (let at = 1; at <= operations; at++) {
      for (const plan of casesAt(at)) await faultAt(scenario, plan, acknowledged, report)
    }
    process.stdout.write(`faults: ${scenario.name}: ${report.runs} runs, ${report.faults} errors injected\n`)
    expect(report.runs).toBeGreaterThan(operations)
  })
})
