import { expect, it } from 'vitest'
import { compareUtf8 } from '../../core/utf8-order.ts'
import { prefixEnd } from './text-range.ts'

it.each([
  ['a', 'b'],
  ['run/', 'run0'],
  ['\u{d7ff}', '\u{e000}'],
  ['\u{ffff}', '\u{10000}'],
  ['a\u{10ffff}', 'b'],
])('behind all that begin with %j comes %j', (prefix, end) => {
  expect(prefixEnd(prefix)).toBe(end)
  expect(compareUtf8(`${prefix}\u{10ffff}\u{10ffff}`, end)).toBeLessThan(0)
})

it.each(['', '\u{10ffff}'])('behind %j comes nothing', (prefix) => {
  expect(prefixEnd(prefix)).toBeUndefined()
})
