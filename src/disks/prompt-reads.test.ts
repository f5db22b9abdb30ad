import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { PromptReads, promptBytesMax } from './prompt-reads.ts'

/** How many reads in a row go to the pool. */
function refusals(reads: PromptReads): number {
  let count = 0
  while (reads.wayOf(1, 0) === 'pool') count++
  return count
}

describe('reads on the thread that asks', () => {
  it('are small', () => {
    const reads = new PromptReads()
    expect([reads.wayOf(promptBytesMax, 0), reads.wayOf(promptBytesMax + 1, 0)]).toEqual(['now', 'pool'])
  })
  it('are made only at the beginning of a turn of the event loop, whatever else it is spent on', async () => {
    const reads = new PromptReads()
    expect([100, 100.5, 100.99].map((now) => reads.wayOf(1, now))).toEqual(['now', 'now', 'now'])
    expect([101, 105].map((now) => reads.wayOf(1, now))).toEqual(['next turn', 'next turn'])
    await nextTurn()
    expect(reads.wayOf(1, 106)).toBe('now')
  })
  it('are given up for a while when the disk has to be waited for, for longer each time in a row', () => {
    const reads = new PromptReads()
    const rests: number[] = []
    for (let round = 0; round < 8; round++) {
      expect(reads.wayOf(1, 0)).toBe('now')
      reads.took(0.6)
      rests.push(refusals(reads))
    }
    expect(rests).toEqual([4, 8, 16, 32, 64, 128, 256, 256])
    reads.took(0.01)
    reads.took(0.6)
    expect(refusals(reads)).toBe(4)
  })
})
