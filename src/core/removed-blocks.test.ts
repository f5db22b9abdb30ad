import { describe, expect, it } from 'vitest'
import { blockOf, clipSpans, hull, joinBlocks, removedRecords } from './removed-blocks.ts'

const block = (from: number, to: number, streams: Record<string, readonly [number, number, number, number]> = {}) => ({
  from,
  to,
  streams: new Map(
    Object.entries(streams).map(([name, [start, end, first, last]]) => [name, { from: start, to: end, first, last }]),
  ),
})

describe('removed blocks', () => {
  it('begin as one event', () => {
    expect(blockOf({ position: 7, stream: 'a', seq: 3 })).toEqual(block(7, 7, { a: [7, 7, 3, 3] }))
  })

  it('that touch or overlap become one, with the hull of what each stream lost', () => {
    const joined = joinBlocks([
      block(5, 6, { a: [5, 6, 2, 3] }),
      block(1, 2, { a: [1, 2, 1, 1] }),
      block(3, 4, { b: [3, 4, 1, 2] }),
      block(8, 9),
    ])
    expect(joined).toEqual([block(1, 6, { a: [1, 6, 1, 3], b: [3, 4, 1, 2] }), block(8, 9)])
    expect(joinBlocks([])).toEqual([])
  })

  it('keep a hull in any order', () => {
    const [one, other] = [
      { from: 5, to: 6, first: 2, last: 3 },
      { from: 1, to: 9, first: 1, last: 2 },
    ]
    expect(hull(undefined, one)).toBe(one)
    expect(hull(one, other)).toEqual({ from: 1, to: 9, first: 1, last: 3 })
  })

  it('are cut to a window', () => {
    const ranges = [
      { from: 1, to: 3 },
      { from: 5, to: 9 },
      { from: 11, to: 12 },
    ]
    expect(clipSpans(ranges, { from: 3, to: 6 })).toEqual([
      { from: 3, to: 3 },
      { from: 5, to: 6 },
    ])
  })
})

describe('removed blocks as records', () => {
  const none = new Map<string, { seq: number; position: number }>()

  it('say positions, count and seqs', () => {
    expect(removedRecords(block(1, 3, { a: [1, 3, 1, 2], b: [2, 2, 1, 1] }), none)).toEqual([
      {
        control: 'removed',
        from: 1,
        to: 3,
        count: 3,
        streams: [
          ['a', 1, 2],
          ['b', 1, 1],
        ],
      },
    ])
  })

  it('give the head of a stream that is gone a record of its own', () => {
    const gone = new Map([['a', { seq: 2, position: 2 }]])
    expect(removedRecords(block(1, 3, { a: [1, 2, 1, 2] }), gone)).toEqual([
      { control: 'removed', from: 1, to: 3, count: 2, streams: [['a', 1, 1]] },
      { control: 'removed', from: 2, to: 2, count: 1, streams: [['a', 2, 2]] },
    ])
  })

  it('tell a span that reaches beyond its block once, where it begins', () => {
    const wide = { a: [2, 9, 1, 4] } as const
    expect(removedRecords(block(2, 3, wide), none)).toEqual([
      { control: 'removed', from: 2, to: 3, count: 2, streams: [] },
      { control: 'removed', from: 2, to: 9, count: 4, streams: [['a', 1, 4]] },
    ])
    expect(removedRecords(block(6, 7, wide), none)).toEqual([
      { control: 'removed', from: 6, to: 7, count: 2, streams: [] },
    ])
  })
})
