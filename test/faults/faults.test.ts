// Every operation × once and for ever × EIO, ENOSPC and short counts, where it can fail so. RUNS_MULTIPLIER scales the number of seeds, below 1 that
// of the operations, unless FAULTS_EVERY says one in how many; SCENARIO, AT, TIMES, FAULT and SEED, as a failure prints them, replay one case.

import { describe, expect, it } from 'vitest'
import type { DiskCall } from '../../src/disks/disk-call.ts'
import { spread } from '../crash/spread.ts'
import { faultScenarios } from './fault-scenarios.ts'
import { baseline, canStrike, type FaultCase, type FaultReport, faultAt } from './fault-sweep.ts'

const { SCENARIO, AT, TIMES, FAULT, SEED, RUNS_MULTIPLIER, FAULTS_EVERY } = process.env
const multiplier = Number(RUNS_MULTIPLIER ?? 1)
const seeds = Math.max(1, multiplier)
/** One in so many operations. */
const every = Number(FAULTS_EVERY ?? Math.max(1, Math.round(1 / multiplier)))
const chosen = faultScenarios.filter(({ name }) => SCENARIO === undefined || name === SCENARIO)

/** What isn't known of the operation at this place can fail in every way. */
function casesAt(at: number, call: DiskCall | undefined): readonly FaultCase[] {
  const cases: FaultCase[] = []
  for (const fault of (['EIO', 'ENOSPC', 'short'] as const).filter(
    (kind) => call === undefined || canStrike(kind, call),
  )) {
    for (const times of ['once', 'forever'] as const) {
      for (let seed = 0; seed < seeds; seed++) cases.push({ at, times, fault, seed: seed * 7 + at })
    }
  }
  return cases
}

describe('an error in any disk operation', () => {
  it.each(chosen)('$name', { timeout: 600_000 * seeds }, async (scenario) => {
    const { calls, acknowledged } = await baseline(scenario)
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
    for (const at of spread({ last: calls.length, every })) {
      for (const plan of casesAt(at, calls[at - 1])) await faultAt(scenario, plan, acknowledged, report)
    }
    process.stdout.write(
      `faults: ${scenario.name}: ${report.runs} runs, ${report.faults} errors injected, ${calls.length} operations\n`,
    )
    expect(report.runs).toBeGreaterThan(calls.length / every)
  })
})
