// Lets every disk operation of a script fail, once and from then on, and holds the journal to what it said meanwhile. A
// fault may end the script with a typed error; what was acknowledged must be there all the same when the next process opens
// the journal without faults, and nothing may have been acknowledged behind a failed write (G6).

import type { Disk } from '../../src/disks/disk.ts'
import type { DiskCall, DiskOperation } from '../../src/disks/disk-call.ts'
import { type FaultPlan, type FaultyDisk, faultyDisk } from '../../src/disks/faulty-disk.ts'
import { HoldfastError } from '../../src/errors.ts'
import type { Scenario } from '../crash/scenarios.ts'
import { World } from '../crash/world.ts'

export interface FaultReport {
  /** Runs, each with at least one fault. */
  runs: number
  faults: number
}

export interface FaultCase {
  readonly at: number
  readonly times: FaultPlan['times']
  readonly fault: FaultPlan['fault']
  readonly seed: number
}

const hungAfterMs = 20_000

/** The operations that a fault can strike when nothing goes wrong (undefined where a dead process asked for one more), and how many appends are then acknowledged. */
export async function baseline(
  scenario: Scenario,
): Promise<{ readonly calls: readonly (DiskCall | undefined)[]; readonly acknowledged: number }> {
  const world = newWorld(scenario, 0)
  const calls: (DiskCall | undefined)[] = []
  plannedDisks(world, (before) => {
    let own = before
    // What a dead process still asks for has no place: the next one's first operation has it.
    const noted = (call: DiskCall): boolean => {
      calls[own++] = call
      return true
    }
    return { at: Number.POSITIVE_INFINITY, times: 'once', fault: 'EIO', only: noted }
  })
  await scenario.run(world)
  return { calls, acknowledged: world.history.acknowledgements }
}

/** What only looks needs no room. */
const looking: ReadonlySet<DiskOperation> = new Set(['read', 'size', 'list', 'existsNow', 'lock'])

/** Whether this operation can fail so. A fault that lasts and begins where it strikes nothing is the one that begins later. */
export function canStrike(fault: FaultCase['fault'], { op, bytes = 0 }: DiskCall): boolean {
  if (fault === 'short') return bytes > 1
  return fault !== 'ENOSPC' || !looking.has(op)
}

/** Runs the scenario with this fault and checks what comes of it. */
export async function faultAt(
  scenario: Scenario,
  plan: FaultCase,
  acknowledged: number,
  report: FaultReport,
): Promise<void> {
  try {
    await inTime(runFault(scenario, plan, acknowledged, report))
  } catch (error) {
    const { at, times, fault, seed } = plan
    const what = error instanceof Error ? error.message : String(error)
    const where = `SCENARIO=${JSON.stringify(scenario.name)} AT=${at} TIMES=${times} FAULT=${fault} SEED=${seed}`
    throw new Error(`${where}: ${what}`, { cause: error })
  }
}

async function runFault(scenario: Scenario, plan: FaultCase, acknowledged: number, report: FaultReport): Promise<void> {
  const world = newWorld(scenario, plan.seed)
  const disks = plannedDisks(world, (before) => {
    if (plan.times === 'once' && plan.at <= before) return undefined
    const disk = world.simulated
    const onFault = ({ op, path }: DiskCall): void => {
      // As the page cache does: what could not be synced is taken for clean.
      if (op === 'sync') disk.dropUnsynced(path)
    }
    return { ...plan, at: Math.max(1, plan.at - before), onFault }
  })
  const end = await scenario.run(world).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (disks.faults() === 0) return // it would have struck a process that is dead
  report.runs++
  report.faults += disks.faults()
  if (end !== undefined) mustBeHonest(end, plan)
  if (plan.fault === 'short') {
    if (end !== undefined) throw end
    if (world.history.acknowledgements !== acknowledged) throw new Error('a short count was not invisible')
  }
  // The next process: after a kill with the system's caches in place, or after a power cut.
  const model = (['process', 'adversarial', 'ext4'] as const)[plan.seed % 3] ?? 'process'
  world.wrap = (disk) => disk
  world.crash({ seed: plan.seed, model })
  await lifeGoesOn(world)
}

/** What a fault gives the caller: a typed error, and never one that blames the data for it. */
function mustBeHonest(error: unknown, { fault }: FaultCase): void {
  if (!(error instanceof HoldfastError))
    throw new Error(`an error without a code came out: ${String(error)}`, { cause: error })
  if (error.code === 'ASSERTION' || (error.code === 'DAMAGED' && fault !== 'short')) {
    throw new Error(`a failing disk was taken for something else: ${error.code} ${error.message}`, { cause: error })
  }
}

async function lifeGoesOn(world: World): Promise<void> {
  const store = await world.open()
  await world.check(store)
  await world.append(store, { events: [world.event('a'), world.event('z', 300)] })
  await store.close()
  const again = await world.open()
  await world.check(again)
  await again.close()
}

/** With the same names whatever the seed: so that it does the same operations as without a fault. */
function newWorld({ segmentBytes }: Scenario, seed: number): World {
  return new World(segmentBytes === undefined ? { seed, names: 0 } : { seed, names: 0, segmentBytes })
}

/** Each process of the world gets a faulty disk; the plan counts on from one to the next, from how many there were before. */
function plannedDisks(world: World, planFrom: (before: number) => FaultPlan | undefined): { faults(): number } {
  const made = new Map<Disk, FaultyDisk>()
  const sum = (of: (disk: FaultyDisk) => number): number =>
    [...made.values()].reduce((total, disk) => total + of(disk), 0)
  world.wrap = (disk) => {
    const faulty = made.get(disk) ?? faultyDisk(disk, planFrom(sum(({ operations }) => operations)))
    made.set(disk, faulty)
    return faulty
  }
  return { faults: () => sum(({ faults }) => faults) }
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('it hangs')), hungAfterMs)
  })
  try {
    await Promise.race([work, hung])
  } finally {
    clearTimeout(timer)
  }
}
