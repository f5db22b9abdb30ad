// Simulated runs at CI size. SIM_SEEDS sets how many, SIM_FROM where they begin; SEED=<n> npm run sim tells one of them.

import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { generatePlan } from './generate.ts'
import type { Plan } from './plan.ts'
import { simulate } from './run.ts'
import { shrink } from './shrink.ts'

const { SIM_SEEDS, SIM_FROM } = process.env
const seeds = Number(SIM_SEEDS ?? 2_000)
const from = Number(SIM_FROM ?? 1)
const folder = fileURLToPath(new URL('regressions/', import.meta.url))
const regressions = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()

describe('a simulated run', () => {
  it(`keeps every promise, ${seeds} times`, { timeout: 600_000 + seeds * 1_000 }, async () => {
    const began = performance.now()
    const totals = { steps: 0, acknowledged: 0, faults: 0 }
    for (let seed = from; seed < from + seeds; seed++) {
      const plan = generatePlan(seed)
      const outcome = await simulate(plan)
      if (outcome.violation !== undefined) {
        const least = await shrink(plan, outcome)
        const told = JSON.stringify({ found: least.violation?.message, plan: least.plan }, undefined, 1)
        throw new Error(`SEED=${seed} npm run sim: ${outcome.violation.message}\nmade smaller: ${told}`)
      }
      for (const key of ['steps', 'acknowledged', 'faults'] as const) totals[key] += outcome[key]
    }
    const perSecond = Math.round(seeds / ((performance.now() - began) / 1_000))
    process.stdout.write(`sim: ${seeds} seeds, ${JSON.stringify(totals)}, ${perSecond}/s\n`)
    expect(totals.acknowledged).toBeGreaterThan(seeds)
  })

  it('is the same each time: what happened, and every byte on the disk', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const [one, other] = [await simulate(generatePlan(seed)), await simulate(generatePlan(seed))]
      expect({ trace: other.trace, disk: other.disk }).toEqual({ trace: one.trace, disk: one.disk })
    }
  })

  it('leaves nothing behind that keeps this process from ending, whoever was killed', async () => {
    const holding = vi.spyOn(globalThis, 'setInterval')
    for (let seed = 1; seed <= 5; seed++) await simulate(generatePlan(seed))
    expect(holding).not.toHaveBeenCalled()
    holding.mockRestore()
  })

  it('is another one with another seed', async () => {
    const traces = new Set<string>()
    for (const seed of [1, 2, 3]) traces.add((await simulate(generatePlan(seed))).trace)
    expect(traces.size).toBe(3)
  })

  it.each(regressions)('that once broke a promise keeps it: %s', async (name) => {
    const { plan } = JSON.parse(await readFile(`${folder}${name}`, 'utf8')) as { readonly plan: Plan }
    expect((await simulate(plan)).violation?.message).toBeUndefined()
  })
})
