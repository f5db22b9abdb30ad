// What users and authors of stores can test with: the conformance suite of the store port, the cases that every disk
// must pass, the disks that lose power and fail on order, and time and randomness that a test holds in its hand.

export type { Disk, DiskEntry, DiskFile, DiskLock, DiskWatch } from '../disks/disk.ts'
export type { DiskCase } from '../disks/disk-case.ts'
export { diskCases } from '../disks/disk-conformance.ts'
export { type FaultPlan, type FaultyDisk, faultyDisk } from '../disks/faulty-disk.ts'
export { memoryDisk } from '../disks/memory-disk.ts'
export {
  type CrashOptions,
  SimulatedDisk,
  type SimulatedDiskOptions,
  type SimulatedState,
  type TraceEntry,
} from '../disks/simulated-disk.ts'
export type * from '../stores/store.ts'
export { type ConformanceCase, registerConformance, storeConformance, type TestRunner } from './conformance.ts'
export { type FakeClock, fakeClock } from './fake-clock.ts'
export { History, type Removal, type Submission } from './history.ts'
export type { FindingKind, HistoryFinding } from './history-finding.ts'
export { type JournalContents, readContents } from './journal-contents.ts'
export { type JournalOnOptions, journalOn } from './journal-on.ts'
export { type MemoryJournal, memoryJournal } from './memory-journal.ts'
export { memoryTarget } from './memory-target.ts'
export { type Prng, prng } from './prng.ts'
export { type ScratchTools, scratchTools } from './scratch-tools.ts'
export {
  type ModelScript,
  type ScriptedModelOptions,
  type ScriptedReply,
  scriptedModel,
} from './scripted-model.ts'
export { seededRandom } from './seeded-random.ts'
export type { CreateOptions, StoreHandle, StoreUnderTest } from './store-under-test.ts'
