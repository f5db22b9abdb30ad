// Telling a run something from outside: its event, and its entry of the agenda set due, in one batch. So whoever drives the run,
// or takes it on next, goes by it, also when everybody dies in between.
//
// Invariant: the same telling is the same content whenever it is sent, so that with a command id it takes effect once.

import { checkName } from '../core/names.ts'
import { HoldfastError } from '../errors.ts'
import type { AgendaInput } from '../journal/append-options.ts'
import type { Journal } from '../journal.ts'
import { type Budgets, checkBudgets } from './budget.ts'
import { toldDue } from './rest.ts'
import { agendaIdOf, type RunData, type RunEvent, runEvents, streamOf } from './run-event.ts'
import { type RunRecord, readEnding, readRecord, unknownRun } from './run-record.ts'

export interface TellOptions {
  /** The caller's name for this: told again with the same id, it takes effect once. */
  readonly commandId?: string
}

export interface TellTerms extends TellOptions {
  /** It is told only as the next of its events. */
  readonly expect?: number | undefined
}

export interface Telling {
  readonly type: string
  readonly data: RunData
}

export function signalTelling(name: string, data: unknown): Telling {
  checkName(name, 'name of a signal')
  return { type: runEvents.signal, data: data === undefined ? { name } : { name, data } }
}

export function cancelTelling(reason: string | undefined): Telling {
  return { type: runEvents.cancelRequested, data: reason === undefined ? {} : { reason } }
}

export function raiseTelling(budgets: Budgets): Telling {
  return { type: runEvents.raised, data: { budgets: checkBudgets(budgets) } }
}

/** What brings a run to life that rests. */
export function toldEntry({ id, created }: RunRecord): AgendaInput {
  return { id: agendaIdOf(created.name, id), due: toldDue, data: { state: 'queued' } }
}

/** The record of a run that can be told something. Rejects with RUN_UNKNOWN or RUN_ENDED; not with that when the command id
 * has taken effect, which is what the telling will find. */
export async function findTold(journal: Journal, id: string, { commandId }: TellOptions): Promise<RunRecord> {
  const record = await readRecord(journal, id)
  if (record === undefined) throw unknownRun(id)
  const ending = await readEnding(journal, id)
  if (ending === undefined) return record
  if (commandId !== undefined && (await journal.command(commandId)) !== undefined) return record
  throw new HoldfastError('RUN_ENDED', `run ${JSON.stringify(id)} has ended`, {
    hint: 'Nothing can be told to it any more. Its result is what journal.result() gives.',
    details: { id, type: ending.type },
  })
}

export class RunTeller {
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Undefined when it had taken effect before. */
  async tell(id: string, telling: Telling, options: TellTerms): Promise<Omit<RunEvent, 'time'> | undefined> {
    const record = await findTold(this.#journal, id, options)
    const entry = toldEntry(record)
    const { commandId, expect } = options
    const prepared = this.#journal.prepare(streamOf(id), telling, {
      agenda: [entry],
      ...(commandId === undefined ? {} : { commandId }),
      ...(expect === undefined ? {} : { expect }),
    })
    const { seq, duplicate } = await prepared.append()
    if (duplicate) return undefined
    // It may have ended in between: then nothing is due.
    const ending = await readEnding(this.#journal, id)
    if (ending !== undefined) await this.#journal.append([], { agenda: [{ id: entry.id, due: null }] })
    return { seq, type: telling.type, data: prepared.data(0) as RunData }
  }
}
