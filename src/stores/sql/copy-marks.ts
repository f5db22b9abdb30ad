// What copying has noted in the head row: that this is no journal yet, where the journal goes, and what it was made from.
// One JSON text, so that each step of a copy is one change of one row, under the lock that all who write take.

import { copyUnfinished, movedError } from '../../core/moved.ts'
import type { CopyNote } from '../copy-port.ts'
import type { Ancestor, Relocation } from '../store.ts'
import type { HeadRow } from './rows.ts'

export interface CopyMarks {
  /** This is a copy in the making. `holder` is whoever is at it: with another one in its place, it has lost its hold. */
  readonly unfinished?: { readonly note: CopyNote; readonly holder: string }
  readonly relocation?: Relocation
  /** This journal was made by a copy. */
  readonly origin?: { readonly copy: string; readonly ancestors: readonly Ancestor[] }
}

export function copyMarksOf({ copying }: HeadRow): CopyMarks {
  // The row's checksum was right: it is what was written.
  return copying === undefined ? {} : (JSON.parse(copying) as CopyMarks)
}

/** As the row has it; undefined where there is nothing to note. */
export function copyMarksText({ unfinished, relocation, origin }: CopyMarks): string | undefined {
  const marks = {
    ...(unfinished === undefined ? {} : { unfinished }),
    ...(relocation === undefined ? {} : { relocation }),
    ...(origin === undefined ? {} : { origin }),
  }
  return Object.keys(marks).length === 0 ? undefined : JSON.stringify(marks)
}

/** Nobody takes for a journal what is a part of one. */
export function mustBeJournal(head: HeadRow, label: string): void {
  const { unfinished } = copyMarksOf(head)
  if (unfinished !== undefined) throw copyUnfinished(label, unfinished.note)
}

/** Judged behind the head row's lock by whoever writes: so nothing is written behind the mark. */
export function mustStay(head: HeadRow, label: string): void {
  const { relocation } = copyMarksOf(head)
  if (relocation !== undefined) throw movedError(label, relocation)
  mustBeJournal(head, label)
}
