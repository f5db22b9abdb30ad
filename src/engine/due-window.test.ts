import { expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { type DuePlace, DueWindow } from './due-window.ts'

const size = limits.dueWindowEntries

function places(from: number, to: number): DuePlace[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({ due: from + index, id: `e${from + index}` }))
}

function held(window: DueWindow): readonly string[] {
  return window.entries.map(({ id }) => id)
}

it('stays empty until something is read into it', () => {
  const window = new DueWindow()
  window.set(0, 'a')
  window.leased('a', { lease: 'a', owner: 'o', token: 1, until: 1, held: true })
  window.clear('a')
  expect([held(window), window.bound, window.reaches(0)]).toEqual([[], 'none', false])
  expect(window.version).toBe(3)
})

it('follows changes up to its bound, and none behind it', () => {
  const window = new DueWindow()
  window.extend(places(1, 3), { due: 3, id: 'e3' })
  window.set(3, 'e30') // behind: later by its id
  window.set(3, 'e2')
  window.set(9, 'e1')
  window.set(0, 'new')
  window.set(2, 'é')
  window.set(2, 'z')
  expect(held(window)).toEqual(['new', 'z', 'é', 'e2', 'e3'])
  window.clear('z')
  window.clear('unknown')
  expect(held(window)).toEqual(['new', 'é', 'e2', 'e3'])
  expect([window.reaches(2), window.reaches(3)]).toEqual([true, false])
  window.extend(places(4, 5), 'all')
  window.set(1_000, 'far')
  expect([held(window).at(-1), window.reaches(Number.MAX_SAFE_INTEGER)]).toEqual(['far', true])
})

it('keeps what it knows of a lease when its entry is moved', () => {
  const window = new DueWindow()
  window.extend(places(1, 2), 'all')
  const lease = { lease: 'e1', owner: 'o', token: 1, until: 1, held: true }
  window.leased('e1', lease)
  window.set(7, 'e1')
  expect(window.entries.map(({ id, lease: known }) => [id, known])).toEqual([
    ['e2', undefined],
    ['e1', lease],
  ])
})

it('is cut when it grows, but not below what claims walk over', () => {
  const window = new DueWindow()
  window.extend([], 'all')
  for (const { due, id } of places(1, 2 * size)) window.set(due, id)
  expect(window.bound).toBe('all')
  window.set(0, 'first')
  expect(window.entries.length).toBe(size)
  expect(window.bound).toEqual({ due: size - 1, id: `e${size - 1}` })
  window.set(size, 'behind')
  expect(window.entries.length).toBe(size)
  window.walked(3 * size)
  window.extend(places(size, 4 * size), 'all')
  window.set(0, 'one more')
  expect(window.entries.length).toBe(4 * size + 2)
})
