// Whether what is asked for is asked for with the input that the record has of it.
//
// The record may have it in another form: what the journal's redaction took out, and what its codec writes in another way.
// So, what differs at first sight is compared once more, both as stored.

import type { Seq } from '../core/numbers.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { Journal } from '../journal.ts'
import { diverged } from './divergence.ts'
import { type RunCreated, type RunData, runEvents } from './run-event.ts'
import { firstDifference, type ValueDifference } from './value-diff.ts'

export interface InputPlace {
  readonly journal: Journal
  readonly stream: string
  readonly id: string
  readonly key: string
}

/** Throws RUN_DIVERGED when the input that the event has is another one. Without one in either of them nothing is said. */
export function checkInput(
  place: InputPlace,
  event: { readonly seq: Seq; readonly type: string; readonly data: RunData },
  input: { readonly value: unknown } | undefined,
): void {
  const { type, data, seq } = event
  if (input === undefined || !('input' in data)) return
  const found = inputDifference(place, { type, data }, input.value)
  if (found === undefined) return
  throw diverged({
    id: place.id,
    seq,
    recorded: [place.key],
    attempted: [place.key],
    input: { path: found.path, recorded: found.left, attempted: found.right },
  })
}

/** Where the recorded `data.input` and this one differ. */
export function inputDifference(
  { journal, stream }: Pick<InputPlace, 'journal' | 'stream'>,
  { type, data }: { readonly type: string; readonly data: RunData },
  given: unknown,
): ValueDifference | undefined {
  const found = firstDifference(data.input, given, 'input')
  if (found === undefined) return undefined
  try {
    const stored = journal.prepare(stream, { type, data: { ...data, input: given } }).data(0) as RunData
    return firstDifference(data.input, stored.input, 'input')
  } catch (error) {
    // It can't be stored, so it isn't what was.
    if (isHoldfastError(error)) return found
    throw error
  }
}

/** Of a run that was started before. Throws RUN_CONFLICT. */
export function checkSameInput(
  { journal, stream, id }: Pick<InputPlace, 'journal' | 'stream' | 'id'>,
  created: RunCreated,
  given: unknown,
): void {
  if (given === undefined) return
  const found = inputDifference({ journal, stream }, { type: runEvents.created, data: { ...created } }, given)
  if (found !== undefined) throw otherInput(id, found)
}

/** The run is there already, and was started with something else. */
export function otherInput(id: string, { path, left, right }: ValueDifference): HoldfastError {
  return new HoldfastError('RUN_CONFLICT', `run ${JSON.stringify(id)} was started with another input, at ${path}`, {
    hint: 'Leave the input out to go on with the run, or give the new one another id.',
    details: { id, path, recorded: left, given: right },
  })
}
