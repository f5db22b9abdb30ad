// What is said of a journal that has gone elsewhere, and of a copy that is not finished: the same words for every store.

import { HoldfastError } from '../errors.ts'
import type { CopyNote } from '../stores/copy-port.ts'
import type { Relocation } from '../stores/store.ts'

/** `name`: the journal that can't be written, as a person would name it. */
export function movedError(name: string, { state, to, copy, time }: Relocation): HoldfastError {
  const when = new Date(time).toISOString()
  const isDone = state === 'moved'
  return new HoldfastError(
    'MOVED',
    isDone ? `${name} was moved to ${to} at ${when}` : `${name} is being moved to ${to}, since ${when}`,
    {
      hint: isDone
        ? 'Open it there. Here it can still be read (readOnly: true).'
        : 'If that was interrupted, run holdfast copy again with the same two names, or with --abandon to go on here.',
      details: { state, to, copy, time },
    },
  )
}

/** A mark gives way to one of the same copy, or to none: two copies of one journal would end as two journals. */
export function mustBeSameCopy(name: string, set: Relocation | undefined, to: Relocation | undefined): void {
  if (set !== undefined && to !== undefined && set.copy !== to.copy) throw movedError(name, set)
}

/** Nobody may take for a journal what is only a part of one. */
export function copyUnfinished(name: string, { id, from }: CopyNote): HoldfastError {
  return new HoldfastError('COPY_UNFINISHED', `${name} is an unfinished copy of ${from}`, {
    hint: 'Run holdfast copy again with the same two names: it goes on where it was. With --abandon it is removed.',
    details: { copy: id, from },
  })
}
