import { describe, expect, it } from 'vitest'
import { parseDuration } from './duration.ts'

describe('parseDuration', () => {
  it.each([
    [0, 0],
    [-0, 0],
    [1500, 1500],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['300ms', 300],
    ['15s', 15_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['1h30m', 5_400_000],
    ['5m7ms', 300_007],
    ['1w1d1h1m1s1ms', 694_861_001],
    ['0s', 0],
  ])('%j is %d ms', (value, ms) => {
    expect(parseDuration(value, 'ttl')).toBe(ms)
  })

  it.each([
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.MAX_SAFE_INTEGER + 1,
    '',
    '5',
    '-5m',
    '1.5h',
    '1h 30m',
    '30m1h',
    '1h1h',
    '5M',
    '5m\n',
    'soon',
    '99999999999999999w',
  ])('refuses %j', (value) => {
    expect(() => parseDuration(value, 'ttl')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { what: 'ttl' } }),
    )
  })

  it('refuses what is no duration at all', () => {
    expect(() => parseDuration(undefined as unknown as number, 'ttl')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  })
})
