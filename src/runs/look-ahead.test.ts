// Looking ahead in a history that comes page by page: what is given when, and how far is read for it.

import { describe, expect, it } from 'vitest'
import { LookAhead } from './look-ahead.ts'
import type { RunEvent } from './run-event.ts'

/** An event of the driver, made when it had seen `seen`; without, one that came from outside. */
function event(seq: number, seen?: number, asked?: readonly string[]): RunEvent {
  const data = { ...(seen === undefined ? {} : { seen }), ...(asked === undefined ? {} : { asked }) }
  return { seq, type: seen === undefined ? 'run.signal' : 'run.step', time: 1_000 + seq, data }
}

/** A history in pages, and how many of them were asked for. */
function history(...pages: readonly (readonly RunEvent[])[]) {
  const read = { pages: 0 }
  async function* source(): AsyncGenerator<readonly RunEvent[], void, undefined> {
    for (const page of pages) {
      read.pages += 1
      yield page
    }
  }
  return { ahead: new LookAhead([], source()), read }
}

/** The seqs that are given before the next page has to be waited for. */
function givenAtOnce(ahead: LookAhead): number[] {
  const given: number[] = []
  for (let next = ahead.next(); next !== undefined; next = ahead.next()) given.push(next.seq)
  return given
}

describe('a history that is looked ahead in', () => {
  it('gives the events of a page without waiting, up to the last whose turn is not known', async () => {
    const { ahead, read } = history([event(2, 1), event(3, 2), event(4, 3)], [event(5, 4)])
    expect(givenAtOnce(ahead)).toEqual([])
    expect(await ahead.readOn()).toBe(true)
    expect(givenAtOnce(ahead)).toEqual([2, 3])
    expect(read.pages).toBe(1)
    expect(await ahead.readOn()).toBe(true)
    expect(givenAtOnce(ahead)).toEqual([4])
  })

  it('gives the rest when the end is known, and then says that there is no more', async () => {
    const { ahead } = history([event(2, 1), event(3)])
    await ahead.readOn()
    expect(givenAtOnce(ahead)).toEqual([])
    expect(await ahead.readOn()).toBe(true)
    expect(givenAtOnce(ahead)).toEqual([2, 3])
    expect(await ahead.readOn()).toBe(false)
    expect(ahead.next()).toBeUndefined()
  })

  it('reads for a turn only as far as there is an event that was made when it had ended', async () => {
    const { ahead, read } = history([event(2, 1, ['a']), event(3, 2, ['b'])], [event(4, 3)])
    await ahead.reach(1)
    expect(read.pages).toBe(1)
    // The page has more, but nothing of it counts for this turn.
    expect(ahead.hasMark('a', 1)).toBe(true)
    expect(ahead.hasMark('b', 1)).toBe(false)
    await ahead.reach(3)
    expect(read.pages).toBe(2)
    expect(ahead.hasMark('c', 4)).toBeUndefined()
  })

  it('of events that were all known before waits for nothing', async () => {
    const ahead = new LookAhead([event(2, 1), event(3)])
    await ahead.reach(9)
    expect(givenAtOnce(ahead)).toEqual([2, 3])
    expect(await ahead.readOn()).toBe(false)
  })
})
