// The order in which what is due is woken, held to a plain list that is sorted: in any order of adding, with equal dues, and
// with sleepers that come again while others are woken.

import { describe, expect, it } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { prng } from '../testing/prng.ts'
import { DueQueue, type Sleeper } from './due-queue.ts'
import { neverDue } from './run-event.ts'

interface Woken {
  readonly name: number
  readonly due: number
  readonly at: number
}

function scene() {
  const clock = fakeClock(1_000)
  const queue = new DueQueue(clock)
  const woken: Woken[] = []
  const sleeper = (name: number, then: (due: number) => void = () => undefined): Sleeper => ({
    wakeDue: (due) => {
      woken.push({ name, due, at: clock.now() })
      then(due)
    },
  })
  return { clock, queue, woken, sleeper }
}

const byDue = (left: { readonly due: number }, right: { readonly due: number }): number => left.due - right.due
const duesOf = (all: readonly { readonly due: number }[]): readonly number[] => all.map(({ due }) => due)
const namesOf = (all: readonly { readonly name: number }[]): readonly number[] => {
  return all.map(({ name }) => name).sort((left, right) => left - right)
}

describe.each([1, 2, 3, 4, 5])('what is due, in a random order (%i)', (seed) => {
  it('is woken once each, the earliest first, when all of it is past', () => {
    const { clock, queue, woken, sleeper } = scene()
    const chance = prng(seed)
    // Few times for so many: most dues are shared.
    const added = Array.from({ length: 500 }, (_, name) => ({ name, due: 1 + chance.below(120) }))
    for (const { name, due } of added) queue.add(due, sleeper(name))
    clock.advance(0)
    expect(duesOf(woken)).toEqual(duesOf([...added].sort(byDue)))
    expect(namesOf(woken)).toEqual(namesOf(added))
    expect(woken.every(({ name, due }) => added[name]?.due === due)).toBe(true)
    expect(clock.waiting).toBe(0)
  })

  it('is woken at its time, by one timer', () => {
    const { clock, queue, woken, sleeper } = scene()
    const chance = prng(seed)
    const added = Array.from({ length: 500 }, (_, name) => ({ name, due: 1_001 + chance.below(300) }))
    for (const { name, due } of added) {
      queue.add(due, sleeper(name))
      expect(clock.waiting).toBe(1)
    }
    for (let now = 1_001; now <= 1_301; now += 1) {
      clock.advance(1)
      expect(namesOf(woken)).toEqual(namesOf(added.filter(({ due }) => due <= now)))
    }
    expect(woken.every(({ due, at }) => due === at)).toBe(true)
    expect(clock.waiting).toBe(0)
  })

  it('comes again as often as it is added, before its next time as well', () => {
    const { clock, queue, woken, sleeper } = scene()
    const chance = prng(seed)
    const added: { readonly name: number; readonly due: number }[] = []
    const add = (name: number, due: number): void => {
      added.push({ name, due })
      const again = added.length < 1_000
      // At the very time at which it is woken, before it, or later.
      queue.add(
        due,
        sleeper(name, () => again && add(name, clock.now() - 5 + chance.below(60))),
      )
    }
    for (let name = 0; name < 100; name += 1) add(name, 1_001 + chance.below(100))
    let isOrdered = true
    for (let now = 1_001; woken.length < added.length && now < 5_000; now += 1) {
      const before = woken.length
      clock.advance(1)
      isOrdered &&= woken.slice(before).every(({ due, at }) => due <= at)
    }
    expect(isOrdered).toBe(true)
    expect(woken.length).toBeGreaterThanOrEqual(1_000)
    expect([...woken].sort(byDue).map(({ due }) => due)).toEqual(duesOf([...added].sort(byDue)))
    expect(namesOf(woken)).toEqual(namesOf(added))
    // One that was added for a time that was past is woken no later than what was due then.
    expect(woken.every(({ due, at }) => at === due || at - due <= 5)).toBe(true)
  })
})

describe('a queue of what is due', () => {
  it('wakes what comes earlier than the first of it, and what has no time never', () => {
    const { clock, queue, woken, sleeper } = scene()
    queue.add(neverDue, sleeper(0))
    expect(clock.waiting).toBe(0)
    queue.add(1_050, sleeper(1))
    queue.add(1_010, sleeper(2))
    queue.add(1_030, sleeper(3))
    clock.advance(10)
    expect(namesOf(woken)).toEqual([2])
    clock.advance(40)
    expect(woken.map(({ name }) => name)).toEqual([2, 3, 1])
  })

  it('wakes nobody once it was stopped, and those that come later', () => {
    const { clock, queue, woken, sleeper } = scene()
    for (const due of [1_020, 1_010, 1_030]) queue.add(due, sleeper(due))
    queue.stop()
    expect(clock.waiting).toBe(0)
    clock.advance(100)
    queue.add(1_200, sleeper(7))
    clock.advance(100)
    expect(namesOf(woken)).toEqual([7])
  })
})
