// How a case is written: a group of named cases, each given a scene of its own (a new store and its clock). What a case needs of a store is declared, so that a store without it is skipped with a reason.

import { ok } from 'node:assert/strict'
import type { Store, StoreManifest } from '../../stores/store.ts'
import type { FakeClock } from '../fake-clock.ts'
import type { StoreHandle, StoreUnderTest } from '../store-under-test.ts'

/** When every scene begins. */
export const sceneStartMs = 1_790_000_000_000

export interface Scene {
  readonly handle: StoreHandle
  readonly store: Store
  readonly clock: FakeClock
  /** A second store, with nothing to do with the first. */
  another(): Promise<Store>
}

/** A reason to skip, or undefined when the store has what it takes. */
export type Requirement = (target: StoreUnderTest) => string | undefined

export interface CaseDefinition {
  readonly group: string
  readonly name: string
  readonly row: string | undefined
  readonly requires: Requirement | undefined
  readonly play: (scene: Scene) => Promise<void>
}

export interface CaseOptions {
  /** The row of the capability list that the case proves, e.g. C2.1. */
  readonly row?: string
  readonly requires?: Requirement
}

export type DefineCase = (name: string, play: (scene: Scene) => Promise<void>, options?: CaseOptions) => void

export function caseGroup(group: string, define: (test: DefineCase) => void): readonly CaseDefinition[] {
  const cases: CaseDefinition[] = []
  define((name, play, options = {}) => {
    cases.push({ group, name, play, row: options.row, requires: options.requires })
  })
  return cases
}

function lacks(has: (manifest: StoreManifest) => boolean, what: string): Requirement {
  return ({ manifest }) => (has(manifest) ? undefined : what)
}

export const persistent: Requirement = lacks((manifest) => manifest.persistent, 'the store keeps nothing after close')
export const readers: Requirement = lacks(
  (manifest) => manifest.readersInOtherProcesses,
  'the store has no readers in other processes',
)
export const segments: Requirement = lacks((manifest) => manifest.segments, 'the store has no segments')
export const backups: Requirement = lacks((manifest) => manifest.backup, 'the store makes no backups')
export const noBackups: Requirement = lacks((manifest) => !manifest.backup, 'the store makes backups')
export const crashes: Requirement = (target) =>
  persistent(target) ?? (target.crashes === true ? undefined : 'the store cannot be dropped without closing here')

export async function reopened(scene: Scene): Promise<Store> {
  ok(scene.handle.reopen, 'the handle of a persistent store has reopen()')
  return scene.handle.reopen()
}

export async function crashed(scene: Scene): Promise<Store> {
  ok(scene.handle.crash, 'the target says that its handles have crash()')
  return scene.handle.crash()
}

/** Knows of all that was acknowledged before. */
export async function readerOf(scene: Scene): Promise<Store> {
  ok(scene.handle.openReader, 'the handle of a store with readers has openReader()')
  await scene.store.flush()
  return scene.handle.openReader()
}

/** A reader learns of what is durable a little later than whoever appended it, unless that one waits. */
export async function refreshed(scene: Scene, reader: Store): Promise<void> {
  await scene.store.flush()
  await reader.refresh()
}
