// The append of a draft: its event with the marks of its time, the events of other runs that go with it, and what the agenda
// says from then on.

import type { Seq, TimeMs } from '../core/numbers.ts'
import type { AgendaInput, AppendOptions, Fence } from '../journal/append-options.ts'
import type { PreparedAppend } from '../journal/prepared.ts'
import type { Journal } from '../journal.ts'
import { type Draft, extrasOfDraft, type OtherEvent, storableForms } from './draft.ts'
import type { RunData } from './run-event.ts'

export interface DraftGround {
  readonly journal: Journal
  readonly stream: string
  readonly agendaId: string
  readonly fence: Fence
}

/** What the event says beside the draft. */
export interface DraftMarks {
  /** Not said where it is the event's own key alone. */
  readonly asked: readonly string[] | undefined
  /** Not said where there are none. */
  readonly late: readonly string[]
  readonly seen: Seq
  readonly at: TimeMs
}

export interface DraftTerms {
  readonly marks: DraftMarks
  /** The newest event of the stream, when it holds only if that is so. */
  readonly known: number | undefined
  /** The run's entry of the agenda; not asked for where the draft itself changes it. */
  readonly says: () => AgendaInput | undefined
}

export interface PreparedDraft {
  readonly type: string
  readonly prepared: PreparedAppend
  readonly also: readonly OtherEvent[]
}

/** In the first form that can be stored. */
export function prepareDraft(ground: DraftGround, draft: Draft, terms: DraftTerms): PreparedDraft {
  const refusals: unknown[] = []
  // Asked once: an entry that is on its way is not there to be changed again.
  let own: { readonly entry: AgendaInput | undefined } | undefined
  const says = (): AgendaInput | undefined => {
    own ??= { entry: terms.says() }
    return own.entry
  }
  for (const form of storableForms(draft, refusals)) {
    try {
      return prepareForm(ground, form, { marks: terms.marks, known: terms.known, says })
    } catch (refusal) {
      refusals.push(refusal)
    }
  }
  throw refusals.at(-1)
}

type OptionsInMaking = { -readonly [Name in keyof AppendOptions]: AppendOptions[Name] }

const none: readonly never[] = Object.freeze([])

function prepareForm(
  { journal, stream, agendaId, fence }: DraftGround,
  form: Draft,
  { marks, known, says }: DraftTerms,
): PreparedDraft {
  const { type } = form
  const event = { type, data: marked(form.data, marks) }
  if (form.extras === undefined) {
    const own = says()
    // As every step has it: one name after the other, so that all of them are of a few shapes.
    const options: OptionsInMaking = { fence }
    if (own !== undefined) options.agenda = [own]
    if (known !== undefined) options.expect = known
    return { type, prepared: journal.prepare(stream, event, options), also: none }
  }
  const { also = none, none: absent = none, agenda = none, ...extras } = extrasOfDraft(form)
  const own = agenda.some(({ id }) => id === agendaId) ? undefined : says()
  const entries = own === undefined ? agenda : [...agenda, own]
  const options = { ...extras, fence, ...(entries.length === 0 ? {} : { agenda: entries }) }
  if (also.length === 0) {
    const alone = known === undefined ? options : { ...options, expect: known }
    return { type, prepared: journal.prepare(stream, event, alone), also }
  }
  const expect = { ...(known === undefined ? {} : { [stream]: known }), ...noneOf(absent) }
  return { type, prepared: journal.prepare([{ stream, ...event }, ...also], { ...options, expect }), also }
}

function marked(data: RunData, { asked, late, seen, at }: DraftMarks): RunData {
  // What every step has. To spread the data would take four times as long here: each result would be of a shape of its own.
  if (asked === undefined && late.length === 0) return Object.assign({}, data, { seen, at })
  return { ...data, ...(asked === undefined ? {} : { asked }), ...(late.length === 0 ? {} : { late }), seen, at }
}

function noneOf(streams: readonly string[]): Readonly<Record<string, 'none'>> {
  return Object.fromEntries(streams.map((stream) => [stream, 'none']))
}
