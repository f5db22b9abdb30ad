// Telling a run something from a process that doesn't drive it: a person at another terminal, who approves or cancels while the
// agent is at work. In a database the journal is opened beside whoever has it open. A directory has one writer: it is read
// beside that, and what is told goes through the writer's inbox (submit.ts); where nobody has it open, it is opened here.

import { randomBytes } from 'node:crypto'
import { systemClock } from './host/clock.ts'
import { open, parseTarget } from './open.ts'
import type { Budgets } from './runs/budget.ts'
import { streamOf } from './runs/run-event.ts'
import type { RunRecord } from './runs/run-record.ts'
import { cancelTelling, findTold, raiseTelling, signalTelling, type Telling, toldEntry } from './runs/run-teller.ts'
import { findToSettle, type Settling, settle } from './runs/settlement.ts'
import { type SubmitOptions, submit } from './submit.ts'

export interface RunControlOptions extends Pick<SubmitOptions, 'codecs' | 'redact' | 'timeout' | 'signal' | 'clock'> {
  /** The caller's name for this: told again with the same id, it takes effect once. Made up if not given. */
  readonly commandId?: string
}

/** Tells a run of the journal at `target` something that it waits for, or will wait for. Resolves when that is durable; rejects
 * with RUN_UNKNOWN, RUN_ENDED, JOURNAL_MISSING, or OWNER_SILENT when the process that has the directory open doesn't answer. */
export function signalRun(
  target: string | URL,
  id: string,
  name: string,
  data?: unknown,
  options: RunControlOptions = {},
): Promise<void> {
  return tell(target, id, signalTelling(name, data), options)
}

/** Asks a run of the journal at `target` to end, and its children. Rejects as signalRun() does. */
export function cancelRun(
  target: string | URL,
  id: string,
  { reason, ...options }: RunControlOptions & { readonly reason?: string } = {},
): Promise<void> {
  return tell(target, id, cancelTelling(reason), options)
}

/** Says what became of a tool that nobody knows of whether it took effect, as journal.settle() does. Rejects with
 * RUN_NOT_PARKED when nobody waits for it. */
export async function settleRun(
  target: string | URL,
  id: string,
  key: string,
  outcome: Settling,
  options: RunControlOptions = {},
): Promise<void> {
  // What was refused is answered for good under its command id, so each telling has its own, unless the caller chose it.
  const mayTellAgain = options.commandId === undefined
  await settle(key, outcome, (telling) => tell(target, id, telling, options, key), { mayTellAgain })
}

/** Sets new limits for a run, as journal.raise() does: those that aren't named stay. */
export function raiseRun(
  target: string | URL,
  id: string,
  budgets: Budgets,
  options: RunControlOptions = {},
): Promise<void> {
  return tell(target, id, raiseTelling(budgets), options)
}

function madeUpId(): string {
  return `told-${randomBytes(16).toString('hex')}`
}

async function tell(
  target: string | URL,
  id: string,
  telling: Telling,
  options: RunControlOptions,
  settles?: string,
): Promise<void> {
  const { commandId = madeUpId(), clock = systemClock, ...rest } = options
  // What can't be reached from another process is refused by submit, before it is looked at.
  const found = parseTarget(target).kind === 'memory' ? undefined : await find(target, id, { commandId, settles })
  const agenda = found === undefined ? [] : [toldEntry(found.record)]
  const expect = found?.expect === undefined ? {} : { expect: found.expect }
  await submit(target, streamOf(id), telling, { ...rest, ...expect, clock, agenda, commandId })
}

async function find(
  target: string | URL,
  id: string,
  { commandId, settles }: { readonly commandId: string; readonly settles: string | undefined },
): Promise<{ readonly record: RunRecord; readonly expect?: number | undefined }> {
  await using journal = await open(target, { readOnly: true, create: 'never' })
  const { untyped } = journal
  if (settles === undefined) return { record: await findTold(untyped, id, { commandId }) }
  // Awaited: it reads before the journal is closed.
  return await findToSettle(untyped, { id, key: settles, commandId })
}
