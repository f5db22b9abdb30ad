import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonString } from './json-string.ts'

it.each(['', 'plain', '"', 'a\\b', '\n', '\u0000', '\u001f', '\u007f', '\u2028', 'é', '€', '😀', '\ud800', 'x\udc00'])(
  'writes %j as JSON.stringify does',
  (text) => {
    expect(jsonString(text)).toBe(JSON.stringify(text))
  },
)

it('writes every string as JSON.stringify does', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => jsonString(text) === JSON.stringify(text)))
  for (let unit = 0; unit <= 0xffff; unit++) {
    const text = `a${String.fromCharCode(unit)}b`
    if (jsonString(text) !== JSON.stringify(text)) expect.fail(`U+${unit.toString(16)}`)
  }
})
