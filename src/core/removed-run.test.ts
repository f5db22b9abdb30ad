import { describe, expect, it } from 'vitest'
import { RemovedRun } from './removed-run.ts'

const noHeads = new Map<string, { seq: number; position: number }>()

describe('a run of removed events', () => {
  it('becomes one record with each stream by name, and is empty again', () => {
    const run = new RemovedRun()
    expect(run.isEmpty).toBe(true)
    run.addPositions(5, 9, 3)
    run.addSeqs('b', 4, 6)
    run.addPositions(2, 4, 2)
    run.addSeqs('b', 1, 3)
    run.addSeqs('a', 7, 7)
    expect(run.isEmpty).toBe(false)
    expect(run.take(noHeads)).toEqual([
      {
        control: 'removed',
        from: 2,
        to: 9,
        count: 5,
        streams: [
          ['a', 7, 7],
          ['b', 1, 6],
        ],
      },
    ])
    expect(run.isEmpty).toBe(true)
    run.addPositions(12, 12, 1)
    expect(run.take(noHeads)).toEqual([{ control: 'removed', from: 12, to: 12, count: 1, streams: [] }])
  })

  it('tells the place of a last event that nothing retains, when it is not the end of the run', () => {
    const run = new RemovedRun()
    run.addPositions(1, 10, 10)
    run.addSeqs('ended', 1, 3)
    run.addSeqs('single', 5, 5)
    run.addSeqs('at the end', 1, 2)
    run.addSeqs('goes on', 1, 4)
    const heads = new Map([
      ['ended', { seq: 3, position: 8 }],
      ['single', { seq: 5, position: 6 }],
      ['at the end', { seq: 2, position: 10 }],
      ['goes on', { seq: 9, position: 20 }],
    ])
    expect(run.take(heads)).toEqual([
      {
        control: 'removed',
        from: 1,
        to: 10,
        count: 8,
        streams: [
          ['at the end', 1, 2],
          ['ended', 1, 2],
          ['goes on', 1, 4],
        ],
      },
      { control: 'removed', from: 6, to: 6, count: 1, streams: [['single', 5, 5]] },
      { control: 'removed', from: 8, to: 8, count: 1, streams: [['ended', 3, 3]] },
    ])
  })

  it('of many streams becomes several records, which count each event once', () => {
    const run = new RemovedRun()
    run.addPositions(1, 2_500, 2_500)
    for (let number = 0; number < 2_500; number++) run.addSeqs(`s${String(number).padStart(4, '0')}`, 1, 1)
    const records = run.take(noHeads)
    expect(records.length).toBeGreaterThan(1)
    expect(records.flatMap(({ streams }) => streams).length).toBe(2_500)
    expect(records.reduce((sum, { count }) => sum + count, 0)).toBe(2_500)
    for (const { from, to } of records) expect([from, to]).toEqual([1, 2_500])
  })

  it('is full before it grows without bound', () => {
    const run = new RemovedRun()
    let added = 0
    for (; !run.isFull && added < 1_000_000; added++) run.addSeqs(`s${added}`, 1, 1)
    expect(run.isFull).toBe(true)
    expect(run.streams.size).toBe(added)
    run.take(noHeads)
    expect(run.isFull).toBe(false)
  })
})
