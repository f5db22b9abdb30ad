// What a simulated run does, as data: it is generated from a seed first and interpreted then, so that a failing run can be
// made smaller by leaving things out, and kept as a file. Numbers name streams, leases and so on; what depends on the run
// itself (seqs, tokens) is named by how it is to be chosen.

import type { CrashModel } from '../../src/disks/surviving-state.ts'

export interface Plan {
  /** Of all chance that is not in the plan: who goes on next, how torn a write is. */
  readonly seed: number
  readonly segmentBytes: number
  readonly schedule: Schedule
  /** One process after the other. A last one without crashes and faults is added when it runs. */
  readonly lives: readonly Life[]
}

/** In so many of 100 cases the newest, or the oldest, of what waits goes on; otherwise any. */
export interface Schedule {
  readonly newest: number
  readonly oldest: number
  /** In so many of 1,000 cases time passes although somebody could go on. */
  readonly tick: number
}

export interface Life {
  readonly followers: readonly Follower[]
  /** Another process opens the journal for reading, if none has it open. */
  readonly reader?: boolean
  readonly faults: readonly Fault[]
  readonly waves: readonly Wave[]
  readonly end: Ending
}

/** A subscription; it goes on by cursor in the next life. */
export interface Follower {
  readonly select: Selection
  /** How many times it lets others go first between two events. */
  readonly slow: number
}

export type Selection = 'all' | { readonly stream: number } | { readonly prefix: number }

export interface Fault {
  /** Of the operations of this kind, counted from the opening on. */
  readonly at: number
  readonly times: 'once' | 'forever'
  readonly fault: 'EIO' | 'ENOSPC' | 'short'
  readonly only: 'any' | 'changing' | 'reading' | 'segments' | 'syncs'
}

/** What goes on at the same time. Before the next one all of it has ended. */
export interface Wave {
  /** The wall clock leaps as it begins. */
  readonly clockMs?: number
  /** Flush, read everything and compare before it begins. */
  readonly check?: boolean
  readonly operations: readonly Operation[]
}

/** close: cleanly. kill: the process alone; takeover: it is stopped, and goes on when its successor has opened the journal;
 * otherwise the machine loses power. Those come at step `at` of the life, or behind its waves. */
export interface Ending {
  readonly how: 'close' | 'kill' | 'takeover' | CrashModel
  readonly at?: number
  readonly seed: number
}

/** `wait`: how many times it lets others go first. */
export type Operation = { readonly wait: number } & (
  | ({ readonly do: 'append' } & AppendSpec)
  | ({ readonly do: 'submit' } & AppendSpec)
  | { readonly do: 'flush' | 'intrude' | 'verify' | 'backup' | 'export' | 'probe' | 'stats' }
  | { readonly do: 'read'; readonly select: Selection; readonly backward?: boolean; readonly limit?: number }
  | { readonly do: 'retain'; readonly rule: RetainSpec; readonly dryRun?: boolean }
  | { readonly do: 'stage'; readonly blob: number }
)

export interface AppendSpec {
  readonly eventual?: boolean
  readonly events: readonly EventSpec[]
  readonly expect?: { readonly stream: number; readonly seq: 'right' | 'stale' | 'none' }
  readonly command?: { readonly id: number; readonly variant: number }
  readonly agenda?: readonly { readonly id: number; readonly due: number | null }[]
  readonly lease?: LeaseSpec
  readonly fence?: { readonly lease: number; readonly token: 'newest' | 'stale' }
  readonly pin?: {
    readonly pin: number
    readonly stream?: number
    readonly from: number | null
    readonly ttlMs?: number
  }
  readonly release?: { readonly stream: number; readonly through?: number }
}

export interface EventSpec {
  readonly stream: number
  readonly bytes: number
  /** Which content it names; -1: one that nobody has. */
  readonly blob?: number
}

export type LeaseSpec = { readonly lease: number } & (
  | { readonly change: 'acquire'; readonly owner: number }
  | { readonly change: 'renew' | 'release'; readonly token: 'newest' | 'stale' }
)

export type RetainSpec =
  | { readonly by: 'stream'; readonly stream: number; readonly before: number | 'all' }
  /** What is older than the event at this hundredth of the journal. */
  | { readonly by: 'age'; readonly hundredth: number }
  | { readonly by: 'release' }

export const streamNames: readonly string[] = ['a', 'b', 'run/1', 'run/2', 'z/é🦊']
export const prefixes: readonly string[] = ['run/', 'z', 'nobody/']
export const blobBytes: readonly number[] = [10, 900, 5_000, 40_000]
