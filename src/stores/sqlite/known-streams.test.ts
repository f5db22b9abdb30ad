import { beforeEach, expect, it } from 'vitest'
import { KnownStreams } from './known-streams.ts'

const row = { stream: 'a', seq: 3, position: 9, earliest: 1, released: 0 }
let known: KnownStreams
beforeEach(() => {
  known = new KnownStreams()
  known.holdAgainst(1)
  known.note(row)
})

it('keeps rows while nobody else commits', () => {
  known.holdAgainst(1)
  expect(known.row('a')).toEqual(row)
  known.note({ ...row, seq: 4 })
  known.holdAgainst(1)
  expect(known.row('a')?.seq).toBe(4)
  expect(known.row('b')).toBeUndefined()
})

it('forgets them when somebody else did, or nobody can say', () => {
  known.holdAgainst(2)
  expect(known.row('a')).toBeUndefined()
  known.note(row)
  known.holdAgainst(null)
  known.note(row)
  known.holdAgainst(null)
  expect(known.row('a')).toBeUndefined()
})

it('forgets what was noted between a rollback and the next group', () => {
  known.forget()
  expect(known.row('a')).toBeUndefined()
  known.note(row)
  known.holdAgainst(1)
  expect(known.row('a')).toBeUndefined()
})

it('stays bounded', () => {
  for (let n = 0; n < 10_000; n++) known.note({ ...row, stream: `s${n}` })
  expect(known.row('a')).toBeUndefined()
  expect(known.row('s9999')?.stream).toBe('s9999')
})
