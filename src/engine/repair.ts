// Repair: carries out what an operator chose among the findings of verification, and nothing else. Every action is
// planned, and so checked, before the first changes anything; what is cut or replaced is copied aside before; and the
// report ends with what verification says then. A damaged journal is repaired without being opened.

import type { Disk } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { VerifyReport } from '../stores/store.ts'
import { becomeOwner, type Ownership, type ProcessFacts } from './owner.ts'
import { type CutAction, planCut } from './repair/cut.ts'
import { type ExciseAction, planExcise } from './repair/excise.ts'
import { doesNotApply, type PlannedRepair, type RepairScene } from './repair/repair-scene.ts'
import { planBlob, planCaches, planForeign, planIdentity } from './repair/small-repairs.ts'
import { verifyDirectory } from './verify.ts'

export type RepairAction =
  /** Drop index/ and state/: they are made anew from the log. */
  | { readonly do: 'caches' }
  /** Write journal.json anew from a segment's header. */
  | { readonly do: 'identity' }
  /** Give up everything from this line on. */
  | CutAction
  /** Give up only what is damaged there; each damaged place of the file must be named by an action. */
  | ExciseAction
  /** Move a file that is not the journal's to set-aside/. */
  | { readonly do: 'foreign'; readonly file: string }
  /** Put a blob's damaged content aside, so that putting the same content again restores it. */
  | { readonly do: 'blob'; readonly digest: string }

export interface RepairOptions {
  readonly actions: readonly RepairAction[]
  readonly clock: Clock
  /** Who repairs; the writer's lock is held meanwhile. */
  readonly ownership: { readonly process: ProcessFacts; readonly takeover?: boolean }
  /** Plan and report only. Takes no lock and changes nothing. */
  readonly dryRun?: boolean
}

export interface RepairReport {
  readonly actions: readonly RepairOutcome[]
  readonly verifyAfter: VerifyReport
}

export interface RepairOutcome {
  readonly do: RepairAction['do']
  readonly file: string
  readonly message: string
  /** Copies of what was cut, replaced or moved. */
  readonly setAside: readonly string[]
  readonly eventsLost: number
}

/** Throws INVALID_ARGUMENT, and has changed nothing, when an action does not apply; LOCKED when a writer is at work. */
export async function repairDirectory(disk: Disk, options: RepairOptions): Promise<RepairReport> {
  if (options.dryRun === true) return repair({ disk, clock: options.clock, fence: 0 }, options)
  const { process, takeover = false } = options.ownership
  const owner: Ownership = await becomeOwner(disk, { takeover, process, now: options.clock.now() })
  try {
    return await repair({ disk, clock: options.clock, fence: owner.fence }, options)
  } finally {
    await owner.lock.release()
  }
}

async function repair(scene: RepairScene, { actions, dryRun = false }: RepairOptions): Promise<RepairReport> {
  checkTogether(actions)
  const before = await verifyDirectory(scene.disk, {})
  const plans: { readonly group: readonly RepairAction[]; readonly planned: PlannedRepair }[] = []
  const excised = new Set(actions.flatMap((action) => (action.do === 'excise' ? [action.file] : [])))
  for (const group of grouped(actions)) {
    plans.push({ group, planned: await plan(scene, group, { before, excised }) })
  }
  const outcomes: RepairOutcome[] = []
  for (const { group, planned } of plans) {
    const { file, message, eventsLost, carryOut } = planned
    const setAside = dryRun ? [] : await carryOut()
    for (const action of group) outcomes.push({ do: action.do, file, message, setAside, eventsLost })
  }
  return { actions: outcomes, verifyAfter: dryRun ? before : await verifyDirectory(scene.disk, {}) }
}

/** A cut moves the log's end: what else is planned for the log may not be there any more. */
function checkTogether(actions: readonly RepairAction[]): void {
  const cut = actions.find((action) => action.do === 'cut')
  const rest = actions.filter((action) => action.do === 'cut' || action.do === 'excise')
  if (cut !== undefined && rest.length > 1) {
    throw doesNotApply(
      cut,
      'it was chosen together with another cut or an excise',
      'Choose one at a time, and verify in between.',
    )
  }
}

/** Excisions of one file are one piece of work, at the place of the first. The newest file comes first: only a log whose end is sound
 * can be told of a rewrite. */
function grouped(actions: readonly RepairAction[]): readonly (readonly RepairAction[])[] {
  const byFile = new Map<string, ExciseAction[]>()
  for (const action of actions) {
    if (action.do === 'excise') byFile.set(action.file, [...(byFile.get(action.file) ?? []), action])
  }
  const excisions = [...byFile].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, group]) => group)
  return [...actions.filter((action) => action.do !== 'excise').map((action) => [action]), ...excisions]
}

function plan(
  scene: RepairScene,
  group: readonly RepairAction[],
  known: { readonly before: VerifyReport; readonly excised: ReadonlySet<string> },
): Promise<PlannedRepair> {
  const [action] = group
  switch (action?.do) {
    case 'caches':
      return planCaches(scene)
    case 'identity':
      return planIdentity(scene, action)
    case 'cut':
      return planCut(scene, action)
    case 'excise':
      return planExcise(
        scene,
        group.filter((each) => each.do === 'excise'),
        known.excised,
      )
    case 'foreign':
      return planForeign(scene, action, known.before.findings)
    case 'blob':
      return planBlob(scene, action)
    default:
      throw new HoldfastError('INVALID_ARGUMENT', `there is no repair ${JSON.stringify(action)}`, {
        hint: 'Repairs are caches, identity, cut, excise, foreign and blob.',
      })
  }
}
