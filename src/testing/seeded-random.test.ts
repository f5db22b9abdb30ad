import { describe, expect, it } from 'vitest'
import { prng } from './prng.ts'
import { seededRandom } from './seeded-random.ts'

describe('seeded random', () => {
  it('gives the same for the same seed, and something else for the next', () => {
    expect(seededRandom(7).hex(16)).toBe(seededRandom(7).hex(16))
    expect(seededRandom(7).hex(16)).not.toBe(seededRandom(8).hex(16))
  })

  it('gives as many bytes as asked, and new ones each time', () => {
    const random = seededRandom(1)
    expect(random.hex(12)).toMatch(/^[0-9a-f]{24}$/)
    expect(random.hex(0)).toBe('')
    expect(random.hex(8)).not.toBe(random.hex(8))
  })
})

describe('prng', () => {
  // A printed seed must replay in years: these numbers never change.
  it('gives these numbers for ever', () => {
    const numbers = prng(42)
    expect([numbers.next(), numbers.next(), numbers.next()]).toEqual([4233865845, 3631121831, 3345491182])
  })

  it('stays below the bound, reaches all of it, and is about even', () => {
    const numbers = prng(3)
    const counts = new Array<number>(10).fill(0)
    for (let round = 0; round < 10_000; round++) {
      const index = numbers.below(10)
      counts[index] = (counts[index] ?? 0) + 1
    }
    expect(counts.length).toBe(10)
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(200)
  })

  it('gives chances of about the share asked for, 0 and 1 included', () => {
    const numbers = prng(4)
    const share = (asked: number) => Array.from({ length: 10_000 }, () => numbers.chance(asked)).filter(Boolean).length
    expect(share(0)).toBe(0)
    expect(share(1)).toBe(10_000)
    expect(Math.abs(share(0.25) - 2_500)).toBeLessThan(250)
  })

  it('has neighbouring seeds start apart', () => {
    const firsts = new Set(Array.from({ length: 1_000 }, (_, seed) => prng(seed).below(1_000_000)))
    expect(firsts.size).toBeGreaterThan(990)
  })
})
