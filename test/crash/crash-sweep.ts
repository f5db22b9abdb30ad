// Ends a scenario by a crash in every one of its disk operations, many times over, and looks at what the next process makes
// of it. All of a case follows from scenario, index and seed, which a failure names.
//
// Invariant: a disk is recovered once for each way in which that goes on. What comes of an operation is the same bytes more
// often than not, and the same bytes under the same promises are recovered in the same way.

import type { CrashOptions, SimulatedDisk } from '../../src/disks/simulated-disk.ts'
import { diskPrint } from './disk-print.ts'
import type { Scenario } from './scenarios.ts'
import { spread } from './spread.ts'
import { World } from './world.ts'

export interface SweepReport {
  /** Of the scenario, when nothing goes wrong. */
  operations: number
  /** Openings after a crash whose result was checked. */
  recovered: number
  /** Crashes that left, under the same promises, the very bytes that another had left, and was recovered from. */
  alike: number
}

export interface SweepOptions {
  /** Outcomes per operation. */
  readonly seeds: number
  /** One operation in so many. */
  readonly every?: number
  /** Crash in every operation of the recovery as well, for one in so many cases; 0 for none. */
  readonly insideRecoveryEvery?: number
}

type Model = CrashOptions['model']

/** The last outcome of a run goes on with the very same disk: nothing can come after it. */
const outcomesPerRun: readonly Model[] = ['adversarial', 'ext4', 'adversarial', 'process']

export async function sweep(scenario: Scenario, options: SweepOptions, report: SweepReport): Promise<void> {
  const world = newWorld(scenario, {})
  await scenario.run(world)
  report.operations = world.operations
  for (const index of spread({ last: report.operations, every: options.every ?? 1 })) {
    const met: Met = new Set()
    for (let seed = 0; seed < options.seeds; seed += outcomesPerRun.length)
      await crashAt(scenario, index, seed, options, report, met)
  }
}

/** Prints of the disks that were recovered after a crash in one operation: what was promised by then is always the same. */
type Met = Set<string>

function isMet(met: Met, disk: SimulatedDisk, howItGoesOn: string): boolean {
  const print = `${howItGoesOn} ${diskPrint(disk.state.root)}`
  if (met.has(print)) return true
  met.add(print)
  return false
}

/** All outcomes of one run that is ended in its operation `index`; `seed` is the first one's. */
export async function crashAt(
  scenario: Scenario,
  index: number,
  seed: number,
  options: SweepOptions,
  report: SweepReport,
  met: Met = new Set(),
): Promise<void> {
  const world = newWorld(scenario, { crashAt: index, seed })
  await runUntilDead(scenario, world, index, seed)
  for (const [outcome, model] of outcomesPerRun.entries()) {
    const caseSeed = seed + outcome
    const every = options.insideRecoveryEvery ?? 0
    const inside = every > 0 && model !== 'process' && (index * 31 + caseSeed) % every === 0
    try {
      if (inside) await crashInsideRecovery(world, caseSeed, model, report, met)
      await recoverOnce(nextWorld(world, caseSeed, model), caseSeed, model, report, met)
    } catch (error) {
      throw failed(error, scenario, index, caseSeed, model)
    }
  }
}

async function runUntilDead(scenario: Scenario, world: World, index: number, seed: number): Promise<void> {
  try {
    await scenario.run(world)
  } catch (error) {
    if (!world.simulated.dead) throw failed(error, scenario, index, seed, 'none')
  }
}

/** With the same names whatever the seed: so what two crashes left can be compared. */
function newWorld(scenario: Scenario, options: { readonly crashAt?: number; readonly seed?: number }): World {
  const { segmentBytes } = scenario
  const all = { ...options, names: 1_000_000 }
  return new World(segmentBytes === undefined ? all : { ...all, segmentBytes })
}

/** The world after the crash, as this model and seed have it. */
function nextWorld(world: World, seed: number, model: Model, crashAt?: number): World {
  const at = crashAt === undefined ? {} : { crashAt }
  const disk = world.simulated.crash({ seed, model, ...at })
  const now = world.clock.now() - 500 // the clock of the next process may be behind
  return new World({ seed }, { disk, history: world.history.copy(), journalId: world.journalId, now })
}

function endingOf(seed: number): number {
  return Math.floor(seed / outcomesPerRun.length) % 4
}

/** Where only the process died, it is not the bytes alone that matter, but also which of them are durable. */
async function recoverOnce(world: World, seed: number, model: Model, report: SweepReport, met: Met): Promise<void> {
  const { acknowledgements, submissions } = world.history
  const promised = `${acknowledgements} of ${submissions} in ${world.journalId}, at ${world.clock.now()}`
  const way = `${promised}, then ${endingOf(seed)}`
  if (model !== 'process' && isMet(met, world.simulated, way)) report.alike++
  else await recover(world, seed, report)
}

/** Opens, checks, appends, ends in one of several ways, opens again and checks again. */
async function recover(world: World, seed: number, report: SweepReport): Promise<void> {
  const store = await world.open()
  report.recovered++
  await world.check(store)
  const ending = endingOf(seed)
  if (ending > 0) {
    await world.append(store, { events: [world.event('a'), world.event('z', 300)], agenda: [{ id: 'again', due: 1 }] })
    await world.appendAll(store, ['a', 'z'])
  }
  if (ending === 1) {
    await store.close()
    await checkAgain(world, report)
    return
  }
  if (ending === 2) {
    const next = nextWorld(world, seed, 'process')
    const again = await next.open()
    report.recovered++
    await next.check(again)
    await next.appendAll(again, ['a'])
    await powerCut(next, seed, report)
    return
  }
  await powerCut(world, seed, report)
}

async function powerCut(world: World, seed: number, report: SweepReport): Promise<void> {
  const met: Met = new Set()
  for (const model of ['adversarial', 'minimal'] as const) {
    const next = nextWorld(world, seed, model)
    if (isMet(met, next.simulated, 'cut')) report.alike++
    else await checkAgain(next, report)
  }
}

async function checkAgain(world: World, report: SweepReport): Promise<void> {
  const store = await world.open()
  report.recovered++
  await world.check(store)
  await store.close()
}

/** The recovery itself is ended in each of its operations, and what that left is recovered. */
async function crashInsideRecovery(
  world: World,
  seed: number,
  model: Model,
  report: SweepReport,
  met: Met,
): Promise<void> {
  for (let at = 1; ; at++) {
    const next = nextWorld(world, seed, model, at)
    const opened = await next.open().then(
      () => true,
      (error: unknown) => {
        if (!next.simulated.dead) throw error
        return false
      },
    )
    for (const second of ['adversarial', 'ext4', 'process'] as const) {
      try {
        await recoverOnce(nextWorld(next, seed + at, second), seed + at, second, report, met)
      } catch (error) {
        const what = error instanceof Error ? error.message : String(error)
        throw new Error(`crashed in operation ${at} of the recovery (${second}): ${what}`, { cause: error })
      }
    }
    if (opened) return
  }
}

function failed(error: unknown, scenario: Scenario, index: number, seed: number, model: Model | 'none'): Error {
  const what = error instanceof Error ? `${error.message}` : String(error)
  return new Error(`SCENARIO=${JSON.stringify(scenario.name)} INDEX=${index} SEED=${seed} (${model}): ${what}`, {
    cause: error,
  })
}
