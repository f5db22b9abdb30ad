// Which of the runs that rest stay in memory, and which are put out of it.

import { describe, expect, it } from 'vitest'
import { limits } from '../limits.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { RestingRuns } from './resting-runs.ts'

function restingRuns(max: number) {
  const clock = fakeClock()
  const left: string[] = []
  const runs = new RestingRuns(max, clock)
  const run = (name: string) => ({ passivate: () => left.push(name) })
  return { clock, left, runs, run }
}

describe('runs that rest in memory', () => {
  it('make room for who comes, who has rested longest first', () => {
    const { clock, left, runs, run } = restingRuns(2)
    runs.add(run('a'))
    clock.advance(1)
    runs.add(run('b'))
    clock.advance(limits.runsRestMinMs - 1)
    runs.add(run('c'))
    expect(left).toEqual(['a'])
  })

  it('stay while so many come that all have come just now: then it is the newcomers that leave', () => {
    const { clock, left, runs, run } = restingRuns(2)
    for (const name of ['a', 'b', 'c', 'd']) runs.add(run(name))
    expect(left).toEqual(['c', 'd'])
    clock.advance(limits.runsRestMinMs)
    runs.add(run('e'))
    expect(left).toEqual(['c', 'd', 'a'])
  })

  it('give their place back when they go on', () => {
    const { left, runs, run } = restingRuns(1)
    const a = run('a')
    runs.add(a)
    runs.delete(a)
    runs.add(run('b'))
    expect(left).toEqual([])
  })

  it('leave at once where there is no room at all', () => {
    const { left, runs, run } = restingRuns(0)
    runs.add(run('a'))
    expect(left).toEqual(['a'])
  })
})
