// What the benchmark calculates from the runs that it measures.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { engines, processes, resumedRuns, runSteps, steps } from './pure-parts.ts'

describe('the clock of a run', () => {
  /** Marks a step at each of these times. */
  function clockAt(times: readonly number[]) {
    let now = 0
    const clock = new steps.StepClock(times.length, () => now)
    for (const time of times) {
      now = time
      clock.mark()
    }
    return clock
  }

  it('tells what a step takes, of all, of the first tenth, of the last', () => {
    const slower = Array.from({ length: 21 }, (_, at) => at + (at > 18 ? (at - 18) * 3 : 0))
    expect(clockAt(slower).figures()).toEqual({ stepUs: 1_300, firstUs: 1_000, lastUs: 4_000 })
  })

  it('stands while others work', () => {
    let now = 0
    const clock = new steps.StepClock(3, () => now)
    clock.mark()
    now = 2
    clock.mark()
    clock.stop()
    now = 100
    clock.go()
    now = 102
    clock.mark()
    expect(clock.figures()).toMatchObject({ stepUs: 2_000, lastUs: 2_000 })
  })

  it('counts what is called once too often', () => {
    let now = 0
    const clock = new steps.StepClock(2, () => ++now)
    for (let at = 0; at < 3; at++) clock.mark()
    expect(clock.count).toBe(3)
  })
})

describe('W6a', () => {
  const round = (stepUs: number, grown = 1) => ({ stepUs, firstUs: stepUs, lastUs: stepUs * grown })
  const figures = new Map([
    ['holdfast', [{ ...round(100, 1.2), raw: round(80, 1.5) }]],
    ['DBOS', [round(300)]],
    ['Restate', [round(900)]],
  ])
  const rows = runSteps.rowsOf(1_000, figures)
  const alone = runSteps.rowsOf(10_000, new Map([['holdfast', [{ ...round(120), raw: round(80) }]]]))

  it('has a row for each, with the disk behind ours, and ratios of steps a second', () => {
    expect(rows.map((row) => [row.peer, row['holdfast ÷ peer']])).toMatchObject([
      ['holdfast', undefined],
      ['raw disk (O_DSYNC)', { median: 0.8 }],
      [engines.labelOf('DBOS'), { median: 3 }],
      [engines.labelOf('Restate'), { median: 9 }],
    ])
  })

  it('sets ours against the disk, the fastest peer, and its own beginning', () => {
    expect(runSteps.stepTargets(rows).map(({ found }) => found)).toEqual([1.25, 3, expect.closeTo(0.8, 9)])
  })

  it('does so for each size, with no peer where none was measured', () => {
    const found = runSteps.stepTargets([...rows, ...alone])
    expect(found.map(({ isMet }) => isMet)).toEqual([true, true, true, false, true])
  })

  it('takes the peer that is the closest as the fastest', () => {
    expect(runSteps.fastestOf(rows.slice(2))).toMatchObject({ peer: engines.labelOf('DBOS') })
    expect(runSteps.fastestOf([])).toBeUndefined()
  })
})

describe('W6c', () => {
  const rows = [
    { until: 'empty', ms: { median: 200 } },
    { until: 'next', 'ms − empty journal': { median: 51 } },
    { until: 'far', 'ms − empty journal': { median: 900 }, 'grown by MB': 30 },
  ]

  it('allows so much more than the start of a process', () => {
    const found = resumedRuns.resumedTargets(rows).map(({ found, isMet }) => [found, isMet])
    expect(found).toEqual([
      [51, false],
      [900, true],
      [30, true],
    ])
  })

  it('sets a peer against the middle of ours, or says that nothing came', () => {
    const own = [{ ms: 100 }, { ms: 300 }, { ms: 200 }]
    expect(resumedRuns.against(own, 400)).toEqual({ ms: 400, 'holdfast ÷ peer': 0.5 })
    expect(resumedRuns.against(own, undefined)).toEqual({ ms: 'none within 60 s' })
  })
})

describe('the engines', () => {
  it('do as many steps as they allow, and a run that was killed one less', () => {
    expect([500, 5_000].map((count) => engines.stepsOf('openworkflow', count))).toEqual([500, 1_000])
    expect(engines.stepsBehindKill('openworkflow', 1_000)).toBe(999)
    expect(engines.stepsOf('Workflow SDK', 1_000)).toBe(100)
    expect(engines.stepsAtOnce('Workflow SDK', 100)).toBe(10)
    expect(engines.stepsOf('holdfast', 100_000)).toBe(100_000)
  })

  it('are told with their version', () => {
    expect(engines.labelOf('holdfast')).toBe('holdfast')
    expect(engines.labelOf('DBOS')).toMatch(/^DBOS \d+\.\d+\.\d+$/)
  })

  it('are all measured but with --quick, which takes the one that is soon installed', () => {
    expect(engines.peersFor('quick')).toEqual(['openworkflow'])
    expect(engines.peersFor('normal')).toEqual(['openworkflow', 'Restate', 'Workflow SDK', 'DBOS'])
  })
})

describe('a process that does one task', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-task-'))
  const parts = new URL('../../bench/task-process.mjs', import.meta.url).href
  function program(name: string, work: string) {
    const file = join(folder, name)
    writeFileSync(
      file,
      `import { doTask, sayReady, othersReady } from '${parts}'\nawait doTask(async () => {${work}})\n`,
    )
    return file
  }
  afterAll(() => rmSync(folder, { recursive: true }))

  it('gives its last line, whatever else it prints, and is told once that it is ready', async () => {
    let times = 0
    const talks = program(
      'talks.mjs',
      `console.log('ready or not'); await othersReady(); console.log('more'); return { at: 7 }`,
    )
    const ready = async () => {
      times++
    }
    expect(await processes.inProcess(talks, { task: 'any' }, { ready })).toEqual({ at: 7 })
    expect(times).toBe(1)
  })

  it('gives nothing where it kills itself in a task of that kind, or is never ready', async () => {
    const dies = program('dies.mjs', `process.kill(process.pid, 'SIGKILL')`)
    expect(await processes.inProcess(dies, { task: 'die' })).toBeUndefined()
    const waits = program('waits.mjs', 'setInterval(() => {}, 1_000); await new Promise(() => {})')
    expect(await processes.inProcess(waits, { task: 'any' }, { patienceMs: 1 })).toBeUndefined()
  })

  it('is a failure where it throws, with what it said', async () => {
    const throws = program('throws.mjs', `throw new Error('no room')`)
    await expect(processes.inProcess(throws, { task: 'any' })).rejects.toThrow('no room')
  })
})
