// The events of a run, in its stream `run/<id>`. The first is run.created; who drives the run appends the rest, and the
// world appends signals, cancellation and what people decide. Their order in the stream is the run's one truth: which of
// two branches was first, whether a signal came before its timeout.
//
// Invariant: each event that the run's driver appends says what the function had asked for by then (`asked`) and which
// event was the last that it had seen (`seen`), so that a replay can tell whether the code still asks for the same.

import type { Seq, TimeMs } from '../core/numbers.ts'
import type { ForkBase } from './fork-base.ts'

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
  cancelRequested: 'run.cancel-requested',
  completed: 'run.completed',
  failed: 'run.failed',
  cancelled: 'run.cancelled',
  diverged: 'run.diverged',
  /** Code of another version goes on with the run. */
  version: 'run.version',
} as const

/** Types that end a run for good. */
export const endings: readonly string[] = [runEvents.completed, runEvents.failed, runEvents.cancelled]

/** Types that others than the driver append. */
export const fromOutside: readonly string[] = [runEvents.signal, runEvents.cancelRequested]

/** What was asked for, by the type of an event: 'step', 'sleep', 'wait' … */
export function kindOf(type: string): string {
  return kinds[type] ?? type.replace(/^run\./, '')
}

const kinds: Readonly<Record<string, string>> = {
  [runEvents.stepRetried]: 'step',
  [runEvents.woke]: 'sleep',
  [runEvents.waitTimedOut]: 'wait',
  [runEvents.emitted]: 'emit',
  [runEvents.annotated]: 'annotate',
}

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
  /** What it shares with the run that it was forked from. */
  readonly fork?: ForkBase
}

/** When an entry of the agenda is due that only an event brings to life. */
export const neverDue = 8_640_000_000_000_000

const streamPrefix = 'run/'
/** Of the agenda's entries of all unfinished runs. */
export const allRunsPrefix = 'run/'

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

/** The run that an entry of the agenda is for. */
export function runOfAgendaId(id: string): { readonly id: string; readonly name: string } | undefined {
  const slash = id.indexOf('/', allRunsPrefix.length)
  if (!id.startsWith(allRunsPrefix) || slash < 0) return undefined
  return { name: id.slice(allRunsPrefix.length, slash), id: id.slice(slash + 1) }
}
