import { describe, expect, it } from 'vitest'
import type { VerifyProgress } from '../../stores/store.ts'
import { Pace } from './pace.ts'

describe('the pace of a verification', () => {
  it('gives the event loop its turn after each mebibyte, and not before', async () => {
    const pace = new Pace({})
    let turns = 0
    setImmediate(() => {
      turns++
    })
    await pace.step(1_048_575)
    expect(turns).toBe(0)
    await pace.step(1)
    expect(turns).toBe(1)
    setImmediate(() => {
      turns++
    })
    await pace.step(1_048_575)
    expect(turns).toBe(1)
  })

  it('tells how far it is; the whole is never less than what is done', async () => {
    const told: VerifyProgress[] = []
    const pace = new Pace({ progress: (progress) => told.push(progress) })
    pace.expect(10)
    await pace.step(4)
    await pace.step(8)
    expect(told).toEqual([
      { bytesDone: 4, bytesTotal: 10 },
      { bytesDone: 12, bytesTotal: 12 },
    ])
    expect(pace.bytesDone).toBe(12)
  })

  it('stops at the next step, also when told to within a turn', async () => {
    const stop = new AbortController()
    const pace = new Pace({ signal: stop.signal })
    await pace.step(1)
    stop.abort('enough')
    await expect(pace.step(1)).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' })
    expect(pace.bytesDone).toBe(1)
    const other = new AbortController()
    const turning = new Pace({ signal: other.signal, progress: () => setImmediate(() => other.abort()) })
    await expect(turning.step(1_048_576)).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
