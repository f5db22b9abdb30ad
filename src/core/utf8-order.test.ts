import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareUtf8, isUtf8Text } from './utf8-order.ts'

const edges = ['', 'a', '\u{d7ff}', '\u{e000}', '\u{fffd}', '\u{ffff}', '\u{10000}', '\u{10ffff}', '\0', 'é', '\u{7ff}']
/** Dense in what is hard: common prefixes and characters at the borders of the encodings. */
const text = fc
  .array(fc.oneof(fc.constantFrom(...edges), fc.string({ unit: 'binary', maxLength: 2 })))
  .map((p) => p.join(''))

describe('compareUtf8', () => {
  it('orders like the bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2_000 },
    )
  })

  it('orders astral characters after U+FFFF, where < does not', () => {
    expect('\u{10000}' < '\u{ffff}').toBe(true)
    expect(compareUtf8('\u{10000}', '\u{ffff}')).toBeGreaterThan(0)
  })

  it('is a total order even over halves of surrogate pairs', () => {
    const any = fc.string({ unit: fc.constantFrom('a', '\ud800', '\udc00', '\ue000', '\uffff'), maxLength: 4 })
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(-Math.sign(compareUtf8(b, a)) + 0)
        expect(compareUtf8(a, b) === 0).toBe(a === b)
        if (compareUtf8(a, b) <= 0 && compareUtf8(b, c) <= 0) expect(compareUtf8(a, c)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('isUtf8Text', () => {
  it('refuses exactly what UTF-8 would change', () => {
    const any = fc.string({ unit: fc.constantFrom('a', '\ud800', '\udc00', '\ufffd'), maxLength: 4 })
    fc.assert(
      fc.property(any, (text) => {
        expect(isUtf8Text(text)).toBe(Buffer.from(text).toString() === text)
      }),
    )
  })
})
