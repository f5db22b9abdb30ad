// Who waits for ends of runs is told, and is forgotten when it waits no more, however its wait ended.

import { describe, expect, it, vi } from 'vitest'
import { noProcesses } from '../host/processes.ts'
import { turns } from '../testing/cut-off-scene.ts'
import { runsScene } from '../testing/runs-scene.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { RunEnds } from './run-ends.ts'
import { resultWhenEnded } from './run-results.ts'
import { takeRun } from './run-taking.ts'
import { RunsInHand } from './runs-in-hand.ts'

/** Of which runs it still keeps somebody: telling all tells these. */
function watched(ends: RunEnds): readonly string[] {
  const tell = vi.spyOn(ends, 'tell').mockImplementation(() => undefined)
  try {
    ends.tellAll()
    return tell.mock.calls.map(([id]) => id)
  } finally {
    tell.mockRestore()
  }
}

describe('those who wait for ends', () => {
  it('are told of the run that they wait for, as long as they do', () => {
    const ends = new RunEnds()
    const told: string[] = []
    const [a, other] = ['a', 'other'].map((name) => ends.watch('r', () => told.push(name)))
    ends.watch('s', () => told.push('s'))
    ends.tell('r')
    expect(told.splice(0)).toEqual(['a', 'other'])
    a?.()
    ends.tell('r')
    expect(told.splice(0)).toEqual(['other'])
    ends.tellAll()
    expect(told.splice(0)).toEqual(['other', 's'])
    other?.()
    ends.tell('r')
    expect(told).toEqual([])
  })

  it('leave nothing behind when they have gone', () => {
    const ends = new RunEnds()
    for (let n = 0; n < 100; n += 1) {
      const both = [ends.watch(`r${n}`, () => undefined), ends.watch(`r${n}`, () => undefined)]
      both[0]?.()
      expect(watched(ends)).toEqual([`r${n}`])
      both[1]?.()
      expect(watched(ends)).toEqual([])
    }
  })

  it('take nobody along who has come since, when they go twice', () => {
    const ends = new RunEnds()
    const gone = ends.watch('r', () => undefined)
    gone()
    let told = 0
    ends.watch('r', () => {
      told += 1
    })
    gone()
    ends.tell('r')
    expect(told).toBe(1)
  })

  it('may go, and others come, while they are told', () => {
    const ends = new RunEnds()
    const told: string[] = []
    const stop = ends.watch('r', () => {
      told.push('a')
      stop()
      const next = ends.watch('r', () => {
        told.push('b')
        next()
      })
    })
    ends.tell('r')
    expect(told).toEqual(['a'])
    ends.tell('r')
    expect(told).toEqual(['a', 'b'])
    expect(watched(ends)).toEqual([])
  })
})

describe('a wait for a run', () => {
  function scene() {
    const { process, clock, settled } = runsScene()
    // So that the lease of a run is another's than this process's.
    const journal = process({ manyWriters: true })
    const options = { clock, random: seededRandom(9), processes: noProcesses }
    const { ground } = new RunsInHand(journal, options, { follow: () => undefined, cancel: () => Promise.resolve() })
    return { journal, ground, ends: ground.ends, process, settled }
  }

  it('is forgotten when the run has ended, when there is none, and when it was given up', async () => {
    const { journal, ground, ends } = scene()
    await expect(resultWhenEnded(ground, 'none', undefined)).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    expect(watched(ends)).toEqual([])

    const running = journal.run('r', (run) => run.wait('approval'))
    await turns(20)
    const abort = new AbortController()
    const given = resultWhenEnded(ground, 'r', abort.signal)
    await turns(20)
    expect(watched(ends)).toEqual(['r'])
    abort.abort()
    await expect(given).rejects.toMatchObject({ code: 'ABORTED' })
    expect(watched(ends)).toEqual([])

    const waiting = resultWhenEnded(ground, 'r', undefined)
    await turns(20)
    // It looks, finds no end, and waits on.
    ends.tell('r')
    await turns(20)
    expect(watched(ends)).toEqual(['r'])
    await journal.signal('r', 'approval', 'yes')
    await running
    ends.tell('r')
    expect(await waiting).toBe('yes')
    expect(watched(ends)).toEqual([])
  })

  it('for its lease is forgotten when that is free', async () => {
    const { journal, ground, ends, settled } = scene()
    const running = journal.run('r', (run) => run.wait('approval'))
    await turns(20)
    const options = { ifOwned: 'wait' } as const
    const taken = takeRun(ground, { id: 'r', options, claimed: undefined, waits: () => undefined })
    await turns(20)
    expect(watched(ends)).toEqual(['r'])
    await journal.signal('r', 'approval', 'yes')
    await running
    ends.tell('r')
    expect(await settled(taken)).toMatchObject({ is: 'over' })
    expect(watched(ends)).toEqual([])
  })
})
