// An event that an execution is about to append, and everything that goes with it in its batch.

import type { AgendaInput, LeaseInput, PinInput } from '../journal/append-options.ts'
import type { PreparedAppend } from '../journal/prepared.ts'
import type { Receipt, Release } from '../stores/store.ts'
import type { AskMarks } from './ask-log.ts'
import { storableError } from './error-record.ts'
import { type RunData, runEvents } from './run-event.ts'

/** For the stream of another run. */
export interface OtherEvent {
  readonly stream: string
  readonly type: string
  readonly data: RunData
}

export interface DraftExtras {
  readonly agenda?: readonly AgendaInput[]
  readonly leases?: readonly LeaseInput[]
  readonly pins?: readonly PinInput[]
  readonly releases?: readonly Release[]
  /** Events of other streams in the same batch. */
  readonly also?: readonly OtherEvent[]
  /** Streams that must not be there yet. */
  readonly none?: readonly string[]
}

export interface Draft {
  readonly type: string
  readonly data: RunData
  /** A function is called with what is recorded in the end, which is an error where the data can't be stored. */
  readonly extras?: DraftExtras | ((form: { readonly type: string; readonly data: RunData }) => DraftExtras)
  /** Only when every event that the stream has was met before. */
  readonly awaitsAll?: boolean
  /** What its event says was asked for, when that was decided in an attempt before. */
  readonly told?: AskMarks
  readonly done?: (receipt: Receipt, prepared: PreparedAppend) => void
  /** What to append in its place when a stream that should not be there is. */
  readonly refused?: (error: unknown) => Draft
}

export function extrasOfDraft({ type, data, extras }: Draft): DraftExtras {
  return typeof extras === 'function' ? extras({ type, data }) : (extras ?? {})
}

/** What to record: the event as it is; or, where something in it can't be stored, with what can be kept of its error; or
 * the failure to store it, in place of the rest. */
export function* storableForms(draft: Draft, refusals: readonly unknown[]): Iterable<Draft> {
  const { type, data } = draft
  yield draft
  if ('error' in data) yield { ...draft, data: { ...data, error: storableError(data.error) } }
  const error = storableError(refusals[0])
  const kept = Object.fromEntries(Object.entries(data).filter(([name]) => storableNames.includes(name)))
  yield { ...draft, type: substitutes[type] ?? type, data: { ...kept, error } }
}

/** What the run itself has put there, in few words. */
const storableNames: readonly string[] = ['key', 'attempt', 'ends', 'abandoned', 'ambiguous', 'compensated', 'left']

/** What is recorded instead of what can't be stored: a result is a failure, a tool isn't called. */
const substitutes: Readonly<Record<string, string>> = {
  [runEvents.completed]: runEvents.failed,
  [runEvents.toolIntended]: runEvents.tool,
}
