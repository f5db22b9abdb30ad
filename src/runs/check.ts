// Holding code against the records of runs without running anything: what of it would go on, and what would diverge.
//
// Invariant: nothing is appended, no lease is taken, no function of a step is called. So it works on a journal that is open
// for reading only, also while another process drives the run.

import { parseDuration } from '../core/duration.ts'
import { assert } from '../errors.ts'
import { keepAlive } from '../host/keep-alive.ts'
import type { Duration } from '../journal/append-options.ts'
import type { Divergence } from './divergence.ts'
import { Execution } from './execution.ts'
import type { ExecutionHost } from './execution-terms.ts'
import { type Driver, executionTerms } from './execution-terms.ts'
import { Run } from './run.ts'
import { RunChance } from './run-chance.ts'
import { agendaIdOf, agendaPrefixOf, allRunsPrefix, runOfAgendaId } from './run-event.ts'
import { type RunRecord, readRecord, unknownRun } from './run-record.ts'
import type { RunFunction } from './runs.ts'

export interface CheckOptions {
  /** The version of the code, for the report. */
  readonly version?: string
  /** Steps that have another name since the run began: { old: 'new' }. */
  readonly renamed?: Readonly<Record<string, string>>
  /** How long the function may wait for something of its own before what it doesn't ask for counts as missing; '5s' by
   * default. */
  readonly patience?: Duration
}

export type CheckReport =
  /** The record was met up to this event. */
  { readonly ok: true; readonly at: number } | { readonly ok: false; readonly report: Divergence }

export interface RunName {
  readonly id: string
  readonly name: string
}

export interface CheckAllReport {
  readonly ok: boolean
  /** How many runs were checked. */
  readonly checked: number
  readonly diverged: readonly Divergence[]
}

/** Rejects with RUN_UNKNOWN. */
export async function checkRun(
  host: ExecutionHost,
  id: string,
  call: RunFunction,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const record = await readRecord(host.journal, id)
  if (record === undefined) throw unknownRun(id)
  return check(host, record, call, options)
}

/** All unfinished runs of a name, or those for which a function says so. */
export async function checkAllRuns(
  host: ExecutionHost,
  which: string | ((run: RunName) => boolean),
  call: RunFunction,
  options: CheckOptions = {},
): Promise<CheckAllReport> {
  const prefix = typeof which === 'string' ? agendaPrefixOf(which) : allRunsPrefix
  const diverged: Divergence[] = []
  let checked = 0
  for (const entry of await host.journal.agenda.list({ prefix })) {
    const run = runOfAgendaId(entry.id)
    if (run === undefined || (typeof which === 'function' && !which(run))) continue
    const record = await readRecord(host.journal, run.id)
    // It may have ended since, and its events may have been removed.
    if (record === undefined) continue
    const found = await check(host, record, call, options)
    checked += 1
    if (!found.ok) diverged.push(found.report)
  }
  return { ok: diverged.length === 0, checked, diverged }
}

const nothing = (): void => undefined
const deaf: Driver = { settled: nothing, rested: nothing, woke: nothing }

async function check(
  host: ExecutionHost,
  record: RunRecord,
  call: RunFunction,
  { patience, version, renamed }: CheckOptions,
): Promise<CheckReport> {
  const { id, created } = record
  const code = {
    // Nothing is appended, so nothing is fenced.
    fence: { lease: agendaIdOf(created.name, id), token: 0 },
    entry: undefined,
    version,
    renamed,
    isCheck: true,
  }
  const terms = executionTerms(host.journal, record, code, deaf)
  const missingAskMs = patience === undefined ? host.missingAskMs : parseDuration(patience, 'patience')
  const execution = new Execution({ ...host, missingAskMs }, terms)
  const run = new Run(execution, new RunChance(created.seed))
  const letGo = keepAlive()
  try {
    execution.begin(async () => call(run, created.input))
    const end = await execution.end
    if (end.is === 'halted') throw end.error
    if (end.is === 'diverged') return { ok: false, report: end.error.details as unknown as Divergence }
    assert(end.is === 'checked', 'a check ends where history does')
    return { ok: true, at: end.at }
  } finally {
    letGo()
  }
}
