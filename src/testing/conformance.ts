// The store conformance suite: everything that the store port promises, as cases that any test runner can run.
//
// Each case plays on a store of its own with a fake clock and seeded randomness, asserts with node:assert, and depends
// on no other. What a store's manifest says it lacks is skipped, and the skip carries its reason. The cases stand by
// subject in the folder beside this file.
//
//   registerConformance(target, { describe, it, skip: it.skip })

import { deepEqual } from 'node:assert/strict'
import { agendas } from './conformance/agenda.ts'
import { agendaClaims } from './conformance/agenda-claims.ts'
import { appending } from './conformance/appending.ts'
import { atomicity } from './conformance/atomicity.ts'
import { blobCollection } from './conformance/blob-collection.ts'
import { blobs } from './conformance/blobs.ts'
import { commands } from './conformance/commands.ts'
import { durability } from './conformance/durability.ts'
import { expectedSeqs } from './conformance/expected-seqs.ts'
import { fences } from './conformance/fences.ts'
import { journalHeads } from './conformance/heads.ts'
import { large } from './conformance/large.ts'
import { leases } from './conformance/leases.ts'
import { lifecycle } from './conformance/lifecycle.ts'
import { moves } from './conformance/moving.ts'
import { numbersKept } from './conformance/numbers-kept.ts'
import { paging } from './conformance/paging.ts'
import { payloads } from './conformance/payloads.ts'
import { pinning } from './conformance/pins.ts'
import { readersElsewhere } from './conformance/readers.ts'
import { reading } from './conformance/reading.ts'
import { receipts } from './conformance/receipts.ts'
import { releases } from './conformance/releases.ts'
import { removals } from './conformance/removed-ranges.ts'
import { retentionReports } from './conformance/retention-reports.ts'
import { retentionRules } from './conformance/retention-rules.ts'
import { type CaseDefinition, sceneStartMs } from './conformance/scene.ts'
import { streamNaming } from './conformance/stream-names.ts'
import { time } from './conformance/time.ts'
import { upkeep } from './conformance/upkeep.ts'
import { watches } from './conformance/watching.ts'
import { fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'
import type { StoreHandle, StoreUnderTest } from './store-under-test.ts'

const definitions: readonly CaseDefinition[] = [
  ...appending,
  ...receipts,
  ...atomicity,
  ...expectedSeqs,
  ...commands,
  ...durability,
  ...time,
  ...streamNaming,
  ...payloads,
  ...reading,
  ...paging,
  ...journalHeads,
  ...watches,
  ...agendas,
  ...agendaClaims,
  ...leases,
  ...fences,
  ...pinning,
  ...retentionRules,
  ...releases,
  ...retentionReports,
  ...numbersKept,
  ...removals,
  ...blobs,
  ...blobCollection,
  ...upkeep,
  ...moves,
  ...lifecycle,
  ...readersElsewhere,
  ...large,
]

export interface ConformanceCase {
  readonly group: string
  /** Unique within its group. */
  readonly name: string
  /** The row of the capability list that the case proves, if it proves one. */
  readonly row: string | undefined
  /** Why the case does not apply to this store; undefined when it does. */
  readonly skipped: string | undefined
  /** Rejects when the store is wrong. */
  run(): Promise<void>
}

export function storeConformance(target: StoreUnderTest): readonly ConformanceCase[] {
  return definitions.map((definition, index) => ({
    group: definition.group,
    name: definition.name,
    row: definition.row,
    skipped: definition.requires?.(target),
    run: () => play(target, definition, index),
  }))
}

/** What a test runner offers; vitest's, node's and jest's functions fit. */
export interface TestRunner {
  describe(name: string, define: () => void): void
  it(name: string, run: () => Promise<void>): void
  skip(name: string, run: () => Promise<void>): void
}

export function registerConformance(target: StoreUnderTest, runner: TestRunner): void {
  for (const [group, cases] of groupCases(storeConformance(target))) {
    runner.describe(`${target.name}: ${group}`, () => {
      for (const one of cases) {
        const title = one.row === undefined ? one.name : `${one.name} (${one.row})`
        if (one.skipped === undefined) runner.it(title, one.run)
        else runner.skip(`${title}: skipped, ${one.skipped}`, one.run)
      }
    })
  }
}

function groupCases(cases: readonly ConformanceCase[]): ReadonlyMap<string, readonly ConformanceCase[]> {
  const groups = new Map<string, ConformanceCase[]>()
  for (const one of cases) {
    const group = groups.get(one.group)
    if (group === undefined) groups.set(one.group, [one])
    else group.push(one)
  }
  return groups
}

async function play(target: StoreUnderTest, definition: CaseDefinition, index: number): Promise<void> {
  const clock = fakeClock(sceneStartMs)
  const handles: StoreHandle[] = []
  const create = async (seed: number): Promise<StoreHandle> => {
    const handle = await target.create({ clock, random: seededRandom(seed) })
    handles.push(handle)
    return handle
  }
  try {
    const handle = await create(index)
    const { store } = handle
    deepEqual(store.manifest, target.manifest, 'the store has the manifest that its target promises')
    const another = async () => (await create(index + definitions.length)).store
    await definition.play({ handle, store, clock, another })
  } finally {
    for (const handle of handles) await handle.dispose()
  }
}
