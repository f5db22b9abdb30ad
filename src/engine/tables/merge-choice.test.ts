import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseMerge } from './merge-choice.ts'

const mib = 1_048_576

describe('which tables are merged', () => {
  it.each([
    ['none', [], undefined],
    ['three of a size', [1, 1, 1], undefined],
    ['four of a size', [1, 1, 1, 1], { start: 0, end: 4 }],
    ['four of a size before a large one', [1, 1, 1, 1, 8], { start: 0, end: 4 }],
    ['four of a size behind a few small ones', [1, 1, 8, 8, 8, 8], { start: 2, end: 6 }],
    ['each larger than the next newer', [1, 3, 9, 27, 81], undefined],
    ['tiny ones, whatever their proportions', [0.001, 0.002, 0.03, 0.01, 5], { start: 0, end: 4 }],
  ])('%s', (_, sizes, run) => {
    expect(chooseMerge(sizes.map((size) => size * mib))).toEqual(run)
  })

  it('keeps tables few and rewriting rare, when all flushes are of about one size', () => {
    const flush = fc.integer({ min: mib, max: 1.5 * mib })
    fc.assert(
      fc.property(fc.array(flush, { minLength: 400, maxLength: 400 }), (flushes) => {
        let tables: number[] = []
        let rewritten = 0
        for (const bytes of flushes) {
          tables = [bytes, ...tables]
          for (let run = chooseMerge(tables); run !== undefined; run = chooseMerge(tables)) {
            const merged = tables.slice(run.start, run.end).reduce((sum, size) => sum + size, 0)
            rewritten += merged
            tables.splice(run.start, run.end - run.start, merged)
          }
        }
        expect(tables.length).toBeLessThanOrEqual(16)
        expect(rewritten / flushes.reduce((sum, size) => sum + size, 0)).toBeLessThan(5)
      }),
      { numRuns: 20 },
    )
  })
})
