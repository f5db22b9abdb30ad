// The events of a run, in its stream `run/<id>`. The first is run.created; who drives the run appends the rest, and the
// world appends signals, cancellation and what people decide. Their order in the stream is the run's one truth: which of
// two branches was first, whether a signal came before its timeout.
//
// Invariant: each event that the run's driver appends says what the function had asked for by then (`asked`) and which
// event was the last that it had seen (`seen`), so that a replay can tell whether the code still asks for the same.

import type { Seq, TimeMs } from '../core/numbers.ts'

export const runEvents = {
  created: 'run.created',
  /** A step's function returned (`result`), or failed for good (`error`). */
  step: 'run.step',
  /** An attempt failed and another follows. */
  stepRetried: 'run.step-retried',
  sleep: 'run.sleep',
  woke: 'run.woke',
  wait: 'run.wait',
  waitTimedOut: 'run.wait-timed-out',
  signal: 'run.signal',
  emitted: 'run.emitted',
  annotated: 'run.annotated',
  /** A tool is about to be called: durable before it is. */
  toolIntended: 'run.tool-intended',
  /** How a tool ended: `result`, or `error`. */
  tool: 'run.tool',
  /** An attempt surely had no effect, and another follows. */
  toolRetried: 'run.tool-retried',
  /** Nobody knew whether an attempt had an effect, and `verify` said that it had none. */
  toolVerified: 'run.tool-verified',
  /** Nobody knows whether an attempt had an effect, until it is settled. */
  toolAmbiguous: 'run.tool-ambiguous',
  /** From outside: what a person found out about an ambiguous tool, or a compensation that failed. */
  toolSettled: 'run.tool-settled',
  /** The function has failed or was cancelled, and what its tools did is undone. */
  unwinding: 'run.unwinding',
  compensated: 'run.compensated',
  compensationRetried: 'run.compensation-retried',
  compensationFailed: 'run.compensation-failed',
  charged: 'run.charged',
  /** A budget is spent: what asks next is held. */
  parked: 'run.parked',
  /** From outside: new limits. */
  raised: 'run.raised',
  cancelRequested: 'run.cancel-requested',
  completed: 'run.completed',
  failed: 'run.failed',
  cancelled: 'run.cancelled',
  diverged: 'run.diverged',
} as const

/** Types that end a run for good. */
export const endings: readonly string[] = [runEvents.completed, runEvents.failed, runEvents.cancelled]

/** Types that others than the driver append. */
export const fromOutside: readonly string[] = [
  runEvents.signal,
  runEvents.cancelRequested,
  runEvents.toolSettled,
  runEvents.raised,
]

/** What happens to what a reversible tool did. */
export const compensationTypes: readonly string[] = [
  runEvents.compensated,
  runEvents.compensationRetried,
  runEvents.compensationFailed,
]

/** Types of which a tool's story is told. */
export const toolTypes: readonly string[] = [
  runEvents.tool,
  runEvents.toolIntended,
  runEvents.toolRetried,
  runEvents.toolVerified,
  runEvents.toolAmbiguous,
  runEvents.toolSettled,
  ...compensationTypes,
]

export type RunData = Readonly<Record<string, unknown>>

export interface RunEvent {
  readonly seq: Seq
  readonly type: string
  readonly data: RunData
  readonly time: TimeMs
}

/** What `run.created` says. */
export interface RunCreated {
  readonly name: string
  readonly input?: unknown
  /** Random bytes in hexadecimal: what run.random() and run.uuid() are drawn from. */
  readonly seed: string
  /** The version of the code, where its author gives one. */
  readonly version?: string
  /** Limits on what it spends, by name; the time in milliseconds. */
  readonly budgets?: Readonly<Record<string, number>>
}

const streamPrefix = 'run/'

export function streamOf(id: string): string {
  return streamPrefix + id
}

export function idOfStream(stream: string): string {
  return stream.slice(streamPrefix.length)
}

/** The entry of the agenda, and the lease, of an unfinished run. By name, so that a worker claims what it can do. */
export function agendaIdOf(name: string, id: string): string {
  return `${agendaPrefixOf(name)}${id}`
}

export function agendaPrefixOf(name: string): string {
  return `run/${name}/`
}
