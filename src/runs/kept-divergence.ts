// A run whose code has changed is kept: the report goes into its stream, its lease is let go, and nobody is told to go on
// with it until a person does.

import { type HoldfastError, isHoldfastError } from '../errors.ts'
import type { Fence } from '../journal/append-options.ts'
import type { PreparedAppend } from '../journal/prepared.ts'
import type { Journal } from '../journal.ts'
import { type Divergence, inWords } from './divergence.ts'
import { neverDue, type RunData, runEvents, streamOf } from './run-event.ts'
import { firstDifference } from './value-diff.ts'

export async function keepDivergence(
  journal: Journal,
  { id, fence }: { readonly id: string; readonly fence: Fence },
  { details, message }: HoldfastError,
): Promise<void> {
  const stream = streamOf(id)
  const report = details as unknown as Divergence
  const options = {
    fence,
    agenda: [{ id: fence.lease, due: neverDue, data: { state: 'diverged', why: message } }],
    leases: [{ lease: fence.lease, release: fence.token }],
  }
  const prepare = (data: Divergence): PreparedAppend =>
    journal.prepare(stream, { type: runEvents.diverged, data }, options)
  let prepared: PreparedAppend
  try {
    prepared = prepare(report)
  } catch (error) {
    // What the two inputs are may be what can't be stored, or more than an event holds.
    if (!isHoldfastError(error)) throw error
    prepared = prepare(inWords(report))
  }
  const [newest] = await journal.tail(1, stream)
  // The same code was tried once more: one report of it is enough.
  if (
    newest?.type === runEvents.diverged &&
    firstDifference(newest.data, prepared.data(0) as RunData, '') === undefined
  ) {
    await journal.append([], options)
    return
  }
  await prepared.append()
}
