import { expect, it } from 'vitest'
import { Numbering } from './numbering.ts'

it('gives what is known its number, and what is new the next, once', () => {
  const shared = new Map([['a', 1]])
  const numbers = new Numbering(shared, 4)
  expect([numbers.of('a'), numbers.of('b'), numbers.of('c'), numbers.of('b')]).toEqual([1, 5, 6, 5])
  expect(numbers.last).toBe(6)
  expect([...numbers.added]).toEqual([
    ['b', 5],
    ['c', 6],
  ])
  // A transaction that fails leaves nothing behind.
  expect(shared.has('b')).toBe(false)
  numbers.keep()
  expect(shared.get('c')).toBe(6)
})

it('has nothing to add in the next piece of a transaction, and goes on with the numbers', () => {
  const first = new Numbering(new Map(), 0)
  first.of('a')
  const next = first.next()
  expect([next.of('a'), next.of('b')]).toEqual([1, 2])
  expect([...next.added.keys()]).toEqual(['b'])
})
