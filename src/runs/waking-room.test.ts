import { describe, expect, it } from 'vitest'
import { WakingRoom } from './waking-room.ts'

describe('WakingRoom', () => {
  it('lets so many in at once, and the others in the order in which they came, however often it was empty', () => {
    const room = new WakingRoom(2)
    const begun: number[] = []
    for (let round = 0; round < 3; round += 1) {
      begun.length = 0
      for (const one of [1, 2, 3, 4, 5]) room.enter({ admitted: () => begun.push(one) > 0 })
      expect(begun).toEqual([1, 2])
      room.leave()
      expect(begun).toEqual([1, 2, 3])
      room.leave()
      room.leave()
      expect(begun).toEqual([1, 2, 3, 4, 5])
      room.leave()
      room.leave()
    }
  })

  it('gives the place of one that has no use for it any more to the next, however many of them there are', () => {
    const room = new WakingRoom(1)
    const begun: string[] = []
    const gone = { admitted: () => false }
    room.enter(gone)
    room.enter({ admitted: () => begun.push('a') > 0 })
    for (let at = 0; at < 50_000; at += 1) room.enter(gone)
    room.enter({ admitted: () => begun.push('b') > 0 })
    expect(begun).toEqual(['a'])
    room.leave()
    expect(begun).toEqual(['a', 'b'])
  })
})
