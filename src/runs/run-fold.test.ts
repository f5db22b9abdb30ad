// Where a run stands, told from its events alone.

import { describe, expect, it } from 'vitest'
import type { RunData } from './run-event.ts'
import { RunFold } from './run-fold.ts'

function folded(...events: readonly (readonly [string, RunData])[]): RunFold {
  const fold = new RunFold()
  for (const [index, [type, data]] of events.entries()) fold.meet({ seq: index + 2, time: index, type, data })
  return fold
}

const own = { seen: 1 }

describe('RunFold', () => {
  it('takes for at work what was asked for and nothing is said of', () => {
    const fold = folded(['run.step', { ...own, key: 'a', asked: ['a', 'b', '#patched x'] }])
    expect([...fold.open.keys()]).toEqual(['b'])
    expect(fold.rest).toBeUndefined()
  })

  it('gives a signal to the first that waits for it, also one that came before', () => {
    const early = folded(['run.signal', { name: 'go' }], ['run.wait', { ...own, key: 'w', name: 'go' }])
    expect(early.open.size).toBe(0)
    const two = folded(
      ['run.wait', { ...own, key: 'go', name: 'go' }],
      ['run.wait', { ...own, key: 'go#2', name: 'go', until: 99 }],
      ['run.signal', { name: 'go' }],
    )
    expect(two.rest).toMatchObject({ key: 'go#2', state: 'waiting', signal: 'go', due: 99, seq: 3 })
    const timedOut = folded(
      ['run.wait', { ...own, key: 'go', name: 'go', until: 5 }],
      ['run.wait-timed-out', { ...own, key: 'go', asked: ['go#2'] }],
      ['run.wait', { ...own, key: 'go#2', name: 'go', asked: [] }],
      ['run.signal', { name: 'go' }],
    )
    expect(timedOut.open.size).toBe(0)
  })

  it('says what comes first of several that sleep, and what needs a person before all', () => {
    const sleeping = folded(
      ['run.sleep', { ...own, key: 'sleep', until: 70 }],
      ['run.step-retried', { ...own, key: 'a', attempt: 1, due: 60 }],
    )
    expect(sleeping.rest).toMatchObject({ key: 'a', state: 'sleeping', due: 60 })
    const tool = [
      ['run.sleep', { ...own, key: 'sleep', until: 70 }],
      ['run.tool-intended', { ...own, key: 'pay' }],
    ] as const
    expect(folded(...tool).rest).toBeUndefined()
    const parked = [...tool, ['run.tool-ambiguous', { ...own, key: 'pay', asked: [], why: 'cut off' }]] as const
    expect(folded(...parked).rest).toMatchObject({ key: 'pay', state: 'parked' })
    expect(folded(...parked, ['run.tool-settled', { key: 'pay', done: false }]).rest).toBeUndefined()
    expect(folded(...parked, ['run.tool-settled', { key: 'pay', done: true }]).rest).toMatchObject({ key: 'sleep' })
  })

  it('knows a compensation that waits for a person, of a tool that had ended, until it is settled', () => {
    const unwinding = [
      ['run.tool', { ...own, key: 'book', asked: ['book', 'hangs'], result: 1 }],
      ['run.unwinding', { ...own, ends: 'run.failed' }],
    ] as const
    expect(folded(...unwinding).rest).toBeUndefined()
    const retried = ['run.compensation-retried', { ...own, key: 'book', attempt: 1, failures: 1, due: 70 }] as const
    expect(folded(...unwinding, retried).rest).toMatchObject({ key: 'book', state: 'sleeping', due: 70 })
    const failed = ['run.compensation-failed', { ...own, key: 'book', attempt: 1, error: new Error('stuck') }] as const
    const parked = [...unwinding, retried, failed] as const
    expect(folded(...parked).rest).toMatchObject({ key: 'book', state: 'parked' })
    expect(folded(...parked, ['run.tool-settled', { key: 'book', done: false }]).rest).toBeUndefined()
    for (const settled of [{ done: true }, { error: new Error('gone') }]) {
      expect(folded(...parked, ['run.tool-settled', { key: 'book', ...settled }]).open.size).toBe(0)
    }
    expect(folded(...parked, ['run.compensated', { ...own, key: 'book', attempt: 1 }]).open.size).toBe(0)
  })

  it('knows a spent budget until it is raised', () => {
    const parked = [['run.parked', { ...own, asked: ['a'], why: 'tokens' }]] as const
    expect(folded(...parked).rest).toMatchObject({ state: 'parked' })
    expect(folded(...parked, ['run.raised', {}]).rest).toBeUndefined()
  })

  it('forgets a report of changed code when the driver goes on', () => {
    const diverged = [
      ['run.diverged', { recorded: ['a'] }],
      ['run.signal', { name: 'x' }],
    ] as const
    expect(folded(...diverged).diverged).toBeDefined()
    expect(folded(...diverged, ['run.step', { ...own, key: 'a' }]).diverged).toBeUndefined()
  })
})
