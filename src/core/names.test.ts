import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import { checkName, checkStreamName } from './names.ts'

const kinds = [
  { check: (name: unknown) => checkStreamName(name), code: 'INVALID_STREAM', bytesMax: limits.streamNameBytesMax },
  { check: (name: unknown) => checkName(name, 'command id'), code: 'INVALID_ARGUMENT', bytesMax: limits.nameBytesMax },
] as const

describe.each(kinds)('names refused with $code', ({ check, code, bytesMax }) => {
  it.each(['a', 'run/research-42', '../x', '/', 'con', ' ', '\\', '__proto__', 'é', '日本', '😀', '\u2028', '\uffff'])(
    '%j is fine',
    (name) => {
      expect(() => check(name)).not.toThrow()
    },
  )

  it.each([
    ['a\0', 1],
    ['\n', 0],
    ['é\x1f', 1],
    ['ab\x7f', 2],
    ['\x80', 0],
    ['\x9f', 0],
    ['a\ud83d', 1],
    ['\ude00', 0],
    ['😀\ude00', 2],
    ['\ud83d\ud83d\ude00', 0],
  ])('%j is refused for what stands at index %d', (name, index) => {
    expect(() => check(name)).toThrow(
      expect.objectContaining({ code, details: expect.objectContaining({ index }) as unknown }),
    )
  })

  it.each(['', undefined, null, 7, {}])('%j is refused', (name) => {
    expect(() => check(name)).toThrow(expect.objectContaining({ code }))
  })

  it('counts bytes, not characters', () => {
    expect(() => check('x'.repeat(bytesMax))).not.toThrow()
    expect(() => check('é'.repeat(bytesMax / 2))).not.toThrow()
    for (const long of ['x'.repeat(bytesMax + 1), `${'é'.repeat(bytesMax / 2)}x`]) {
      expect(() => check(long)).toThrow(expect.objectContaining({ code }))
    }
  })

  it('accepts exactly what UTF-8 gives back and what has no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string(), (name, more) => {
        for (const text of [name, `${name}${more}`, `${more}${name}`]) {
          const faithful = Buffer.from(text, 'utf8').toString('utf8') === text && !/\p{Cc}/u.test(text)
          expect(passes(() => check(text))).toBe(faithful)
        }
      }),
    )
  })
})

function passes(run: () => void): boolean {
  try {
    run()
    return true
  } catch (error) {
    expect(isHoldfastError(error)).toBe(true)
    return false
  }
}
