import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { PromptReads, promptBytesMax } from './prompt-reads.ts'

/** How many reads in a row go to the pool. */
function refusals(reads: PromptReads): number {
  let count = 0
  while (!reads.mayRead(1)) count++
  return count
}

describe('reads on the thread that asks', () => {
  it('are small', () => {
    const reads = new PromptReads()
    expect([reads.mayRead(promptBytesMax), reads.mayRead(promptBytesMax + 1)]).toEqual([true, false])
  })
  it('take only so much of a turn of the event loop', async () => {
    const reads = new PromptReads()
    let taken = 0
    for (; reads.mayRead(1); taken++) reads.took(0.1)
    expect(taken).toBe(20)
    await nextTurn()
    expect(reads.mayRead(1)).toBe(true)
  })
  it('are given up for a while when the disk has to be waited for, for longer each time in a row', async () => {
    const reads = new PromptReads()
    const rests: number[] = []
    for (let round = 0; round < 8; round++) {
      expect(reads.mayRead(1)).toBe(true)
      reads.took(0.6)
      rests.push(refusals(reads))
      await nextTurn()
    }
    expect(rests).toEqual([4, 8, 16, 32, 64, 128, 256, 256])
    reads.took(0.01)
    reads.took(0.6)
    expect(refusals(reads)).toBe(4)
  })
})
