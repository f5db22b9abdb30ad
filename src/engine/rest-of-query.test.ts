import { describe, expect, it } from 'vitest'
import type { RawEvent, ReadQuery } from '../stores/store.ts'
import { RestOfQuery } from './rest-of-query.ts'

const event = (position: number, seq: number): RawEvent => ({
  position,
  stream: 's',
  seq,
  time: 1,
  type: 't',
  version: 1,
  data: 1,
  meta: undefined,
  blobs: [],
  sum: '00000000',
  tagged: false,
  more: false,
})

const all: ReadQuery = { select: { kind: 'all' }, direction: 'forward' }
const ofStream: ReadQuery = { select: { kind: 'stream', stream: 's' }, direction: 'forward' }

describe('what is left of a query', () => {
  it('is the query, when nothing was given', () => {
    const rest = new RestOfQuery(all)
    expect(rest.query).toBe(all)
    expect(rest.isEmpty).toBe(false)
  })
  it.each<[string, ReadQuery, Partial<ReadQuery>]>([
    ['by position', all, { from: 9 }],
    ['by seq', ofStream, { from: 4 }],
    ['backward', { ...all, direction: 'backward' }, { to: 7 }],
    ['within a limit', { ...all, limit: 5 }, { from: 9, limit: 3 }],
  ])('goes on behind the last event: %s', (_, query, rest) => {
    const left = new RestOfQuery(query)
    left.gave([event(7, 2)])
    left.gave([event(8, 3)])
    expect(left.query).toEqual({ ...query, ...rest })
  })
  it('goes on behind what was told to be removed, which no limit counts', () => {
    const left = new RestOfQuery({ ...all, limit: 2 })
    left.gave([event(3, 1), { removed: { from: 4, to: 6 } }])
    expect(left.query).toEqual({ ...all, limit: 1, from: 7 })
    left.gave([event(7, 2)])
    expect(left.isEmpty).toBe(true)
  })
})
