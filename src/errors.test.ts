import { expect, test } from 'vitest'
import { assert, HoldfastError, isHoldfastError, never } from './errors.ts'

test('never throws, and says why it should not have been reached', () => {
  const error = thrownBy(() => never('a list that was just filled is empty'))
  expect(isHoldfastError(error, 'ASSERTION')).toBe(true)
  expect(error).toMatchObject({ message: expect.stringContaining('a list that was just filled is empty') })
})

test('assert lets the truth pass and throws otherwise', () => {
  expect(() => assert(true, 'it holds')).not.toThrow()
  expect(
    isHoldfastError(
      thrownBy(() => assert(false, 'it holds')),
      'ASSERTION',
    ),
  ).toBe(true)
})

test('isHoldfastError tells codes apart, and other errors', () => {
  const error = new HoldfastError('LOCKED', 'the journal is open elsewhere')
  expect([isHoldfastError(error), isHoldfastError(error, 'IO', 'LOCKED'), isHoldfastError(error, 'IO')]).toEqual([
    true,
    true,
    false,
  ])
  expect(isHoldfastError(new Error('LOCKED'))).toBe(false)
})

function thrownBy(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
