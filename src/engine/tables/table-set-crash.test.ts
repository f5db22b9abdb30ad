// The set under crashes and faults, at every operation of a script. The tables are caches, but rebuilding them costs the
// whole history: so a crash may cost the step under way, and never more.

import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../core/utf8-order.ts'
import type { Disk } from '../../disks/disk.ts'
import { type FaultPlan, faultyDisk } from '../../disks/faulty-disk.ts'
import { SimulatedDisk } from '../../disks/simulated-disk.ts'
import type { Entry } from './entry.ts'
import { TableSet } from './table-set.ts'

const pause = () => Promise.resolve()

function openSet(disk: Disk): Promise<TableSet> {
  return TableSet.open(disk, { folder: 'state', pause })
}

/** What the set holds after a step; undefined where it is absent. */
type State = { readonly note: string; readonly entries: readonly Entry[] } | undefined

interface Step {
  run(set: TableSet): Promise<unknown>
  readonly after: State
}

function flushed(version: number): Entry[] {
  const entries: Entry[] = []
  for (let key = 0; key < 120; key++) {
    const text = `command/${key * 7}`
    if ((key + version) % 3 === 0) entries.push([text, (key + version) % 2 === 0 ? `${version}`.repeat(90) : null])
  }
  return entries.sort((a, b) => compareUtf8(a[0], b[0]))
}

/** Flushes with merges in between and beside, a clear, and flushes again. */
function script(): readonly Step[] {
  const steps: Step[] = []
  let model = new Map<string, string>()
  let state: State
  const flush = (version: number, beside: (set: TableSet) => Promise<unknown>) => {
    const note = `note ${version}`
    model = new Map(model)
    for (const [key, value] of flushed(version)) {
      if (value === null) model.delete(key)
      else model.set(key, value)
    }
    state = { note, entries: [...model].sort((a, b) => compareUtf8(a[0], b[0])) }
    steps.push({
      run: async (set) => {
        await Promise.all([set.flush(flushed(version), note), beside(set)])
      },
      after: state,
    })
  }
  for (let version = 1; version <= 5; version++) flush(version, pause)
  steps.push({ run: (set) => set.merge(), after: state })
  for (let version = 6; version <= 8; version++) flush(version, (set) => set.merge())
  model = new Map()
  steps.push({ run: (set) => set.clear(), after: undefined })
  for (let version = 9; version <= 13; version++) flush(version, (set) => set.merge())
  return steps
}

async function stateOf(set: TableSet): Promise<State | 'damaged'> {
  if (set.outcome.state === 'damaged') return 'damaged'
  if (set.outcome.state === 'absent') return undefined
  const entries: Entry[] = []
  for await (const batch of set.scan()) entries.push(...batch)
  return { note: set.note, entries }
}

/** The last step that was done, and the last that was begun; 0 for none. */
interface Progress {
  done: number
  begun: number
}

async function runScript(disk: Disk, progress: Progress): Promise<void> {
  const set = await openSet(disk)
  for (const [index, step] of script().entries()) {
    progress.begun = index + 1
    await step.run(set)
    progress.done = index + 1
  }
  await set.close()
}

/** A crash while files are removed that nobody needs is not heard of by the script: it is at its end, or in its next step. */
async function runUntilDead(simulated: SimulatedDisk, progress: Progress): Promise<void> {
  await runScript(simulated.disk, progress).catch((error: unknown) => expect(error).toMatchObject({ code: 'ECRASHED' }))
  expect(simulated.dead).toBe(true)
}

function possible({ done, begun }: Progress): readonly State[] {
  return [undefined, ...script().map((step) => step.after)].slice(done, begun + 1)
}

async function operationsOf(run: (disk: Disk) => Promise<void>): Promise<number> {
  const simulated = new SimulatedDisk()
  await run(simulated.disk)
  return simulated.operations
}

/** What a step leaves behind in files that no manifest lists is gone at the next open. */
async function expectTidy(disk: Disk, set: TableSet): Promise<void> {
  const names = (await disk.list('state')).map((entry) => entry.name).filter((name) => name !== 'manifest.json')
  expect(names.sort()).toEqual(set.tables.map((table) => `${table.name}.table`).sort())
}

describe('a crash at any operation', () => {
  it.each(['process', 'ext4', 'adversarial'] as const)(
    'of the %s kind leaves the old or the new state',
    async (model) => {
      const operations = await operationsOf((disk) => runScript(disk, { done: 0, begun: 0 }))
      expect(operations).toBeGreaterThan(150)
      for (let crashAt = 1; crashAt <= operations; crashAt++) {
        const progress = { done: 0, begun: 0 }
        const simulated = new SimulatedDisk({ crashAt, seed: crashAt })
        await runUntilDead(simulated, progress)
        // A process leaves one disk, which the next one changes; of a power cut there are as many outcomes as seeds.
        for (let seed = 0; seed < (model === 'process' ? 1 : 4); seed++) {
          const { disk } = simulated.crash({ seed: seed * 1_000 + crashAt, model })
          const set = await openSet(disk)
          expect(possible(progress), `crash at ${crashAt}, seed ${seed}`).toContainEqual(await stateOf(set))
          await expectTidy(disk, set)
          await set.flush(flushed(20), 'after')
          expect(await stateOf(await openSet(disk))).toMatchObject({ note: 'after' })
        }
      }
    },
    120_000,
  )

  it('and another in the next process, with the power, leaves one of the states between', async () => {
    const operations = await operationsOf((disk) => runScript(disk, { done: 0, begun: 0 }))
    for (let crashAt = 1; crashAt <= operations; crashAt += 3) {
      const progress = { done: 0, begun: 0 }
      const first = new SimulatedDisk({ crashAt, seed: crashAt })
      await runUntilDead(first, progress)
      let second = first.crash({ seed: 0, model: 'process' })
      const found = await stateOf(await openSet(second.disk))
      second = second.crash({ seed: crashAt, model: 'adversarial' })
      expect(possible(progress)).toContainEqual(found)
      // What the second process was shown, it may have acted on: it must not go away any more.
      expect(await stateOf(await openSet(second.disk)), `crash at ${crashAt}`).toEqual(found)
    }
  }, 120_000)
})

describe('a fault at any operation', () => {
  const faults = ['EIO', 'ENOSPC', 'short'] as const

  /** Opens and runs the script; what fails is tried again. */
  async function persistently(disk: Disk): Promise<void> {
    const again = <T>(run: () => Promise<T>): Promise<T> => run().catch(run)
    const set = await again(() => openSet(disk))
    for (const step of script()) await again(() => step.run(set))
    await set.close()
  }

  it.each(faults)(
    '%s, once: the same step works when tried again',
    async (fault) => {
      const last = script().at(-1)?.after
      const counting = faultyDisk(new SimulatedDisk().disk)
      await persistently(counting)
      for (let at = 1; at <= counting.operations; at++) {
        const simulated = new SimulatedDisk()
        const plan: FaultPlan = {
          at,
          times: 'once',
          fault,
          seed: at,
          onFault: (call) => {
            if (call.op === 'sync') simulated.dropUnsynced(call.path)
          },
        }
        await persistently(faultyDisk(simulated.disk, plan))
        const { disk } = simulated.crash({ seed: at, model: 'adversarial' })
        const set = await openSet(disk)
        expect(await stateOf(set), `fault at ${at}`).toEqual(last)
        await expectTidy(disk, set)
      }
    },
    120_000,
  )

  it.each(['EIO', 'ENOSPC'] as const)(
    '%s, for ever: what was done stays',
    async (fault) => {
      const operations = await operationsOf((disk) => runScript(disk, { done: 0, begun: 0 }))
      for (let at = 1; at <= operations; at++) {
        const progress = { done: 0, begun: 0 }
        const simulated = new SimulatedDisk()
        const faulty = faultyDisk(simulated.disk, { at, times: 'forever', fault, seed: at })
        await runScript(faulty, progress).catch((error: unknown) => expect(error).toMatchObject({ code: fault }))
        const { disk } = simulated.crash({ seed: at, model: 'adversarial' })
        expect(possible(progress), `faults from ${at}`).toContainEqual(await stateOf(await openSet(disk)))
      }
    },
    120_000,
  )
})
