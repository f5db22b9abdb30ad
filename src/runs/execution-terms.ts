// What a run is executed with, from what the journal knows of it and what who executes it says; and how that can end.

import type { Seq, TimeMs } from '../core/numbers.ts'
import type { HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { Fence } from '../journal/append-options.ts'
import type { Journal } from '../journal.ts'
import type { Family, Lineage } from './family.ts'
import { pinsOf } from './fork-pins.ts'
import { Renames } from './renames.ts'
import { type RunData, streamOf } from './run-event.ts'
import { RunHistory } from './run-history.ts'
import type { RunRecord } from './run-record.ts'

export interface ExecutionHost {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  /** How long a replay waits for an ask that the record has and the function hasn't made, before it counts as other code. */
  readonly missingAskMs: number
  readonly family: Family
}

export interface ExecutionTerms {
  readonly id: string
  readonly stream: string
  readonly agendaId: string
  readonly fence: Fence
  readonly created: {
    readonly time: TimeMs
    readonly version: string | undefined
    readonly budgets: Readonly<Record<string, number>> | undefined
  }
  readonly lineage: Lineage
  /** What the run's entry of the agenda is known to say. */
  readonly entry: 'running' | undefined
  readonly driver: Driver
  readonly history: RunHistory
  /** Of the code that is executed. */
  readonly version: string | undefined
  /** Only meets history: nothing is begun, and nothing is recorded. */
  readonly isCheck: boolean
  /** What keeps the events that it shares: let go with its end. */
  readonly pins: readonly { readonly pin: string; readonly stream: string }[] | undefined
}

/** Who executes a run, and hears how it stands. */
export interface Driver {
  /** Nothing of it is on its way just now, or it has gone on for a while. */
  settled(): void
  /** Everything waits, and the agenda says so. */
  rested(): void
  /** It rested, and goes on. */
  woke(): void
}

/** How an execution ended. Only `ended` ends the run; after the others it can be executed again. */
export type ExecutionEnd =
  | {
      readonly is: 'ended'
      readonly type: string
      readonly data: RunData /** It stood in history. */
      readonly wasFound: boolean
    }
  /** It was put out of memory while it rested. `seq`: the last event that it has met. */
  | { readonly is: 'passive'; readonly due: TimeMs; readonly seq: Seq }
  | { readonly is: 'diverged'; readonly error: HoldfastError }
  /** It only was to be checked, and history is met to its end. */
  | { readonly is: 'checked'; readonly at: Seq }
  /** The journal refused or failed: nothing more could be recorded. */
  | { readonly is: 'halted'; readonly error: unknown }

export interface CodeTerms {
  readonly fence: Fence
  readonly entry: 'running' | undefined
  readonly version: string | undefined
  readonly renamed: Readonly<Record<string, string>> | undefined
  /** Where its record has none. */
  readonly limits?: Readonly<Record<string, number>> | undefined
  readonly isCheck?: boolean
}

// In one piece, with every name in it: an object that is put together from others is of a shape of its own, and V8 keeps a
// description of each shape, which is ten times as large as the object.
export function executionTerms(
  journal: Journal,
  { id, created, createdAt }: RunRecord,
  { fence, entry, version, renamed, limits, isCheck = false }: CodeTerms,
  driver: Driver,
): ExecutionTerms {
  const { fork } = created
  return {
    id,
    stream: streamOf(id),
    agendaId: fence.lease,
    fence,
    created: {
      time: fork?.createdAt ?? createdAt,
      version: created.version,
      budgets: limits === undefined ? created.budgets : { ...limits, ...created.budgets },
    },
    lineage: { name: created.name, parent: created.parent, depth: created.depth ?? 0 },
    entry,
    driver,
    history: new RunHistory(journal, id, { base: fork, renames: Renames.of(renamed) }),
    version,
    isCheck,
    pins: fork === undefined ? undefined : pinsOf(id, fork),
  }
}
