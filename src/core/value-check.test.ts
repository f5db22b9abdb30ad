import { describe, expect, it } from 'vitest'
import { isFlag, isText, isWhole, listOf, optional, orNull, passes, tuple } from './value-check.ts'

describe('checks of values', () => {
  it.each([
    ['text', isText, [''], [1, null, undefined]],
    ['a flag', isFlag, [true, false], [0, 'true', null]],
    ['a whole number', isWhole, [0, 1, Number.MAX_SAFE_INTEGER], [-1, 0.5, Number.NaN, 2 ** 53, '1']],
    ['a value or null', orNull(isWhole), [null, 1], [undefined, '1']],
    ['a value or nothing', optional(isWhole), [undefined, 1], [null, '1']],
    ['a list', listOf(isWhole), [[], [1, 2]], [[1, '2'], 'ab', { length: 0 }]],
    ['a tuple', tuple(isText, isWhole), [['a', 1]], [['a'], ['a', 1, 2], [1, 'a'], 'a1']],
    ['what a function takes', passes((value) => JSON.parse(String(value))), ['{}'], ['{']],
  ])('tell %s from all else', (_name, check, good, bad) => {
    for (const value of good) expect(check(value)).toBe(true)
    for (const value of bad) expect(check(value)).toBe(false)
  })
})
