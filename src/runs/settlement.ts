// What a person says of a tool that nobody knows of whether it took effect, or of a compensation that failed.
//
// Invariant: only what waits for it can be settled, and once: whoever settles appends behind the very event at which he
// found it waiting.

import { HoldfastError, isHoldfastError } from '../errors.ts'
import { checkObject, invalidArgument } from '../journal/argument.ts'
import type { Journal } from '../journal.ts'
import { endings, type RunData, runEvents, streamOf, toolTypes } from './run-event.ts'
import { RunHistory } from './run-history.ts'
import { type RunRecord, readRecord, unknownRun } from './run-record.ts'
import type { Telling } from './run-teller.ts'

/** Of a tool: it took effect, with this result; it had no effect, and may be called again; it counts as failed.
 * Of a compensation: it is undone by now; it isn't, and is to be tried again; it is left as it is. */
export type Settling =
  | { readonly done: true; readonly result?: unknown }
  | { readonly done: false }
  | { readonly error: unknown }

const open: readonly unknown[] = [runEvents.toolAmbiguous, runEvents.compensationFailed]

/** The data of the event. Throws INVALID_ARGUMENT. */
function settlingData(key: string, outcome: Settling): RunData {
  checkObject(outcome, 'the outcome')
  if (typeof key !== 'string' || key === '') throw invalidArgument('key', 'the key of a tool')
  if ('error' in outcome) return { key, error: outcome.error }
  if (outcome.done === true) return { key, done: true, ...('result' in outcome ? { result: outcome.result } : {}) }
  if (outcome.done === false) return { key, done: false }
  throw invalidArgument('the outcome', '{ done: true, result }, { done: false } or { error }')
}

export interface ToSettle {
  readonly id: string
  readonly key: string
  readonly commandId: string | undefined
}

/** Tells until it stands where it has to, or can't any more: `tell` says where that is each time (findToSettle). `mayTellAgain`:
 * not where a refusal is the answer for good, under a command id of the caller's choice. */
export async function settle(
  key: string,
  outcome: Settling,
  tell: (telling: Telling) => Promise<void>,
  { mayTellAgain }: { readonly mayTellAgain: boolean },
): Promise<void> {
  const telling = { type: runEvents.toolSettled, data: settlingData(key, outcome) }
  for (;;) {
    try {
      await tell(telling)
      return
    } catch (error) {
      // Another branch of the run went on, somebody else settled it, or it has ended: look again.
      const isOvertaken = isHoldfastError(error, 'SEQ_CONFLICT') || isHoldfastError(error, 'RUN_ENDED')
      if (!isOvertaken || !mayTellAgain) throw error
    }
  }
}

/** The run, and the seq behind which the settlement has to stand; none for what has that command id already, which is the
 * store's to judge. Rejects with RUN_UNKNOWN and RUN_NOT_PARKED. */
export async function findToSettle(
  journal: Journal,
  { id, key, commandId }: ToSettle,
): Promise<{ readonly record: RunRecord; readonly expect: number | undefined }> {
  const record = await readRecord(journal, id)
  if (record === undefined) throw unknownRun(id)
  const isRepeated = commandId !== undefined && (await journal.command(commandId)) !== undefined
  return { record, expect: isRepeated ? undefined : await seqToSettle(journal, record, key) }
}

async function seqToSettle(journal: Journal, { id, created: { fork } }: RunRecord, key: string): Promise<number> {
  const { seq } = await journal.head(streamOf(id))
  // What is open of a fork may be so in what it shares.
  const events =
    fork === undefined
      ? journal.read(streamOf(id), { to: seq, types: [...toolTypes, ...endings] })
      : new RunHistory(journal, id, { base: fork }).events(2)
  let last: string | undefined
  for await (const { type, data } of events) {
    if (endings.includes(type)) throw notParked(id, `run ${JSON.stringify(id)} has ended`, { key })
    if ((data as RunData).key === key && toolTypes.includes(type)) last = type
  }
  if (open.includes(last)) return seq
  throw notParked(id, `${JSON.stringify(key)} of run ${JSON.stringify(id)} doesn't wait to be settled`, { key, last })
}

function notParked(id: string, message: string, details: RunData = {}): HoldfastError {
  return new HoldfastError('RUN_NOT_PARKED', message, {
    hint: 'Look at the run: it may have gone on, or have been settled by somebody else, or the key is another.',
    details: { id, ...details },
  })
}
