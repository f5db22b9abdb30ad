// The events of a run, in its stream `run/<id>`. The first is run.created; who drives the run appends the rest, and the
// world appends signals, cancellation and what people decide. Their order in the stream is the run's one truth: which of
// two branches was first, whether a signal came before its timeout.
//
// Invariant: each event that the run's driver appends says what the function had asked for by then (`asked`) and which
// event was the last that it had seen (`seen`), so that a replay can tell whether the code still asks for the same.

import { checkName, checkStreamName } from '../core/names.ts'
import type { Seq, TimeMs } from '../core/numbers.ts'
import { invalidArgument } from '../journal/argument.ts'
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
  /** A run of its own was started; its run.created is in the same batch. */
  child: 'run.child',
  /** It has ended; in one batch with its own end. */
  childEnded: 'run.child-ended',
  completed: 'run.completed',
  failed: 'run.failed',
  cancelled: 'run.cancelled',
  diverged: 'run.diverged',
  /** Code of another version goes on with the run. */
  version: 'run.version',
} as const

/** What a run broadcasts (run.emitLive): never an event, and not in its stream. */
export const liveType = 'run.live'

/** Types that end a run for good. */
export const endings: readonly string[] = [runEvents.completed, runEvents.failed, runEvents.cancelled]

/** Types that others than the driver append. */
export const fromOutside: readonly string[] = [
  runEvents.signal,
  runEvents.cancelRequested,
  runEvents.toolSettled,
  runEvents.raised,
  runEvents.childEnded,
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
  [runEvents.childEnded]: 'child',
  [runEvents.charged]: 'charge',
  ...Object.fromEntries(toolTypes.map((type) => [type, 'tool'])),
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
  /** Whose child it is, and how many runs are above it. */
  readonly parent?: ParentRef
  readonly depth?: number
  /** Limits on what it spends, by name; the time in milliseconds. */
  readonly budgets?: Readonly<Record<string, number>>
  /** What it shares with the run that it was forked from. */
  readonly fork?: ForkBase
}

export interface ParentRef {
  readonly id: string
  readonly name: string
  /** Of the parent's run.child. */
  readonly key: string
}

/** When an entry of the agenda is due that only an event brings to life. */
export const neverDue: TimeMs = 8_640_000_000_000_000

const streamPrefix = 'run/'
/** Of the agenda's entries of all unfinished runs. */
export const allRunsPrefix = 'run/'

export function streamOf(id: string): string {
  return streamPrefix + id
}

export function idOfStream(stream: string): string {
  return stream.slice(streamPrefix.length)
}

/** Throws INVALID_ARGUMENT, or INVALID_STREAM when it is too long. */
export function checkRunId(id: unknown): asserts id is string {
  checkName(id, 'id of a run')
  checkStreamName(streamOf(id))
}

/** Runs that are given as a function have no name that a worker could know them by. */
export const inlineName = '-'

/** Throws INVALID_ARGUMENT. Names stand between slashes in the agenda. */
export function checkRunName(name: unknown): asserts name is string {
  checkName(name, 'name of a run')
  if (name === inlineName || name.includes('/')) throw invalidArgument('the name of a run', 'a name without "/"')
}

/** The entry of the agenda, and the lease, of an unfinished run. By name, so that a worker claims what it can do. */
export function agendaIdOf(name: string, id: string): string {
  return `${agendaPrefixOf(name)}${id}`
}

export function agendaPrefixOf(name: string): string {
  return `run/${name}/`
}

/** The id of the run that an entry of runs with this name is for. */
export function idOfAgenda(name: string, entry: string): string {
  return entry.slice(agendaPrefixOf(name).length)
}

/** The run that an entry of the agenda is for. */
export function runOfAgendaId(id: string): { readonly id: string; readonly name: string } | undefined {
  const slash = id.indexOf('/', allRunsPrefix.length)
  if (!id.startsWith(allRunsPrefix) || slash < 0) return undefined
  return { name: id.slice(allRunsPrefix.length, slash), id: id.slice(slash + 1) }
}
