import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor } from './cursor.ts'

const epoch = '0123456789abcdef0123456789abcdef'
const hexText = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })

describe('cursors', () => {
  it('come back as they were, URL-safe and short', () => {
    fc.assert(
      fc.property(hexText(32), fc.maxSafeNat(), hexText(8), (epoch, position, anySum) => {
        const sum = position === 0 ? '00000000' : anySum
        const text = encodeCursor({ epoch, position, sum })
        expect(encodeURIComponent(text)).toBe(text)
        expect(text.length).toBeLessThanOrEqual(80)
        expect(decodeCursor(text)).toEqual({ epoch, position, sum })
      }),
    )
  })

  it('keep their form', () => {
    expect(encodeCursor({ epoch, position: 42, sum: 'deadbeef' })).toBe(`1-${epoch}-42-deadbeef`)
  })

  it.each([
    '',
    'now',
    `2-${epoch}-1-deadbeef`,
    `1-${epoch.toUpperCase()}-1-deadbeef`,
    `1-${epoch}-01-deadbeef`,
    `1-${epoch}--1-deadbeef`,
    `1-${epoch}-1e3-deadbeef`,
    `1-${epoch}-9007199254740992-deadbeef`,
    `1-${epoch}-0-deadbeef`,
    `1-${epoch}-1-deadbee`,
    `1-${epoch}-1-deadbeef\n`,
    ` 1-${epoch}-1-deadbeef`,
    'x'.repeat(10_000),
  ])('%j is refused', (text) => {
    expect(() => decodeCursor(text)).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }))
  })

  it('must be text', () => {
    expect(() => decodeCursor(7 as unknown as string)).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }))
  })

  it.each([
    { epoch: 'short', position: 1, sum: 'deadbeef' },
    { epoch, position: -1, sum: 'deadbeef' },
    { epoch, position: 0.5, sum: 'deadbeef' },
    { epoch, position: 0, sum: 'deadbeef' },
    { epoch, position: 1, sum: 'DEADBEEF' },
  ])('are never made of %j', (place) => {
    expect(() => encodeCursor(place)).toThrow(expect.objectContaining({ code: 'ASSERTION' }))
  })
})
