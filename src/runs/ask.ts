// One thing that a run's function has asked for: a step, a sleep, a wait … What they share is here; what each does
// stands in its own file.

import type { RunEvent } from './run-event.ts'

export type Settlement = { readonly value: unknown } | { readonly error: unknown }

/** What is waited for, when nothing is at work: a time, something from outside, or both. */
export interface Waiting {
  readonly state: 'sleeping' | 'waiting' | 'parked'
  /** In words that follow "it": "waits for the signal "approval"". */
  readonly why: string
  readonly due?: number
}

export interface AskWork {
  /** Types of events that can have its key, its own kind's first: another one is of other code. */
  readonly answers: readonly string[]
  /** An event with its key, from history or just made durable: how the ask ends by it, if it does. */
  met(event: RunEvent): Settlement | undefined
  /** History has been met to its end and the ask isn't settled: goes on from what was met. Called once. */
  start(): void
  /** It is settled, or the run stops: ends timers, aborts what runs. */
  stop(reason: unknown): void
  /** Undefined while it works. */
  readonly waiting: Waiting | undefined
}

export interface Ask {
  readonly key: string
  /** It only writes down: a cancelled run still may, and what it is writing is not taken back. */
  readonly isNote: boolean
  readonly work: AskWork
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}
