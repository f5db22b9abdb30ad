// What the runs of a process share, and how a run that it has in hand is seen by those around it.

import { HoldfastError } from '../errors.ts'
import type { Journal } from '../journal.ts'
import type { DueQueue, Sleeper } from './due-queue.ts'
import type { ExecutionHost } from './execution-terms.ts'
import type { HaltedRuns } from './halted-runs.ts'
import type { RestingRuns } from './resting-runs.ts'
import type { RunEnds } from './run-ends.ts'
import type { RunLeases } from './run-leases.ts'
import type { WakingRoom } from './waking-room.ts'

export interface RunGround {
  readonly journal: Journal
  readonly host: ExecutionHost
  readonly leases: RunLeases
  readonly ends: RunEnds
  readonly due: DueQueue
  readonly resting: RestingRuns
  readonly room: WakingRoom
  readonly halted: HaltedRuns
  readonly isClosed: boolean
  /** Keeps the process from ending. Returns how to let go. */
  keepAlive(): () => void
  /** It is no longer in hand. */
  left(run: RunInHand): void
}

export interface RunInHand {
  readonly id: string
  /** Its employer goes. Who has joined it keeps it here; else it is due for others when this resolves. */
  letGo(): Promise<void>
}

/** Who has taken the run on. */
export interface Employer extends Sleeper {
  rested(run: RunInHand): void
  woke(run: RunInHand): void
  left(run: RunInHand, error: unknown): void
}

export function closed(): HoldfastError {
  return new HoldfastError('CLOSED', 'the journal was closed while the run was at work', {
    hint: 'Open it again and run it: it goes on where it was.',
  })
}

export function owned(id: string, cause: unknown): HoldfastError {
  return new HoldfastError('RUN_OWNED', `run ${JSON.stringify(id)} is driven by another process`, {
    hint: "Wait for its end with ifOwned: 'wait', or try again when that process has let go of it.",
    cause,
    details: { id },
  })
}

/** Its employer goes. */
export function letGo(): HoldfastError {
  return new HoldfastError('CLOSED', 'the worker was stopped while the run was at work', {
    hint: 'It goes on where it was, with the next worker.',
  })
}
