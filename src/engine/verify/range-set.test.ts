import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RangeSet } from './range-set.ts'

describe('a set of ranges', () => {
  it('covers what a set of all its numbers would', () => {
    const range = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 8 }))
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), (added) => {
        const ranges = new RangeSet()
        const numbers = new Set<number>()
        for (const [from, more] of added) {
          ranges.add(from, from + more)
          for (let number = from; number <= from + more; number++) numbers.add(number)
        }
        for (let from = 1; from <= 50; from++) {
          let isCovered = true
          for (let to = from; to <= 50; to++) {
            isCovered &&= numbers.has(to)
            expect(ranges.covers(from, to)).toBe(isCovered)
          }
        }
      }),
    )
  })

  it('makes one of those that touch, and nothing of one that ends before it begins', () => {
    const ranges = new RangeSet()
    ranges.add(5, 4)
    expect(ranges.covers(4, 5)).toBe(false)
    expect(ranges.covers(5, 5)).toBe(false)
    ranges.add(1, 4)
    ranges.add(6, 9)
    expect(ranges.covers(1, 9)).toBe(false)
    ranges.add(5, 5)
    expect(ranges.covers(1, 9)).toBe(true)
    expect(ranges.covers(1, 10)).toBe(false)
  })
})
