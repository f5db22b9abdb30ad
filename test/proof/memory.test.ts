// The run of test/proof in the memory store, cut off before and behind every append of it; and cut off several times, at random
// (CUT_CHAINS, SEED).

import { describe, expect, it } from 'vitest'
import { prng } from '../../src/testing/prng.ts'
import { type Cut, cutRun, type Variation } from './cut-run.ts'
import { judge, undisturbed } from './judge.ts'

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const chains = Number(process.env.CUT_CHAINS ?? 40)
const whens = ['before', 'behind'] as const
const variations: readonly Variation[] = [
  { fails: false, by: 'run' },
  { fails: true, by: 'worker' },
]

describe.each(variations)('a run of more than 50 steps, fails: $fails, by a $by', { timeout: 300_000 }, (variation) => {
  it.each(whens)('is the same when it is cut off %s each of its appends', async (when) => {
    const whole = await cutRun(variation, [])
    const expected = undisturbed(whole)
    expect(judge(whole, expected)).toEqual([])
    expect(whole.events.filter(({ type }) => type === 'run.step' || type === 'run.tool').length).toBeGreaterThan(50)
    let cuts = 0
    for (let isCut = true; isCut; ) {
      const lives = await cutRun(variation, [{ at: cuts + 1, when }])
      expect(judge(lives, expected), `cut off ${when} append ${cuts + 1}`).toEqual([])
      isCut = lives.cuts > 0
      if (isCut) cuts += 1
    }
    // A batch can have several events, and a person appends some of them.
    expect(cuts).toBeGreaterThan(whole.events.length * 0.8)
    process.stdout.write(`proof, memory: ${cuts} cuts ${when} appends, ${whole.events.length} events each\n`)
  })

  it(`is the same when it is cut off again and again (SEED=${seed})`, async () => {
    const chance = prng(seed)
    const whole = await cutRun(variation, [])
    const expected = undisturbed(whole)
    let cuts = 0
    for (let chain = 0; chain < chains; chain += 1) {
      const some: Cut[] = Array.from({ length: 2 + chance.below(5) }, () => ({
        at: 1 + chance.below(Math.ceil(whole.events.length / 2)),
        when: whens[chance.below(2)] ?? 'before',
      }))
      const lives = await cutRun(variation, some)
      expect(judge(lives, expected), `SEED=${seed}, cut off at ${JSON.stringify(some)}`).toEqual([])
      cuts += lives.cuts
    }
    expect(cuts).toBeGreaterThan(chains)
  })
})
