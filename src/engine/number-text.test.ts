import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRising, encodeRising } from './number-text.ts'

describe('rising numbers as text', () => {
  it('come back', () => {
    const rising = fc.array(fc.oneof(fc.nat(40), fc.nat(1_000_000), fc.nat({ max: 2 ** 31 - 1 }))).map((steps) => {
      let number = 0
      return steps.map((step) => {
        number += step
        return number
      })
    })
    fc.assert(
      fc.property(rising, (numbers) => {
        expect(decodeRising(encodeRising(numbers))).toEqual(numbers)
      }),
    )
    const largest = [0, 0, 31, 32, 1_023, 1_024, Number.MAX_SAFE_INTEGER]
    expect(decodeRising(encodeRising(largest))).toEqual(largest)
  })
  it('take as few letters as is said', () => {
    expect([encodeRising([391]), encodeRising([390_000]), encodeRising([])].map(({ length }) => length)).toEqual([
      2, 4, 0,
    ])
  })
  it.each(['g', 'A.', 'Aé', '[1]'])('are not read from other text: %s', (text) => {
    expect(decodeRising(text)).toBeUndefined()
  })
})
