// The note that the state tables carry: which part of the log they cover, and what is too small for a table. It is
// what makes opening cheap: with it, only the segments behind `covers` are read.

import type { Seq } from '../core/numbers.ts'
import { assert } from '../errors.ts'
import { type SegmentFacts, sealedOf } from './segment.ts'
import type { Scalars } from './state.ts'
import type { TableDescription } from './tables/table-writer.ts'

/** Raised whenever the layout of the tables changes: those of another release are made anew from the log. */
const noteVersion = 2

export interface Note {
  readonly journal: string
  readonly epoch: string
  /** Sealed segments, oldest first. The tables cover all of them. */
  readonly sealed: readonly SegmentFacts[]
  readonly scalars: Scalars
}

type SegmentRow = readonly [
  name: string,
  number: number,
  first: number,
  bytes: number,
  sha256: string,
  index: TableDescription | null,
  residue: 0 | 1,
  events: number,
]

interface NoteJson {
  readonly version: number
  readonly journal: string
  readonly epoch: string
  readonly sealed: readonly SegmentRow[]
  readonly position: number
  readonly time: number
  readonly cut: number
  readonly keep: readonly (readonly [string, Seq])[]
  readonly truncating: readonly (readonly [string, Seq])[]
  readonly forgetBefore: number
}

export function encodeNote(note: Note): string {
  const { position, time, cut, keep, truncating, forgetBefore } = note.scalars
  const json: NoteJson = {
    version: noteVersion,
    journal: note.journal,
    epoch: note.epoch,
    sealed: note.sealed.map(rowOf),
    position,
    time,
    cut,
    keep: [...keep],
    truncating: [...truncating],
    forgetBefore,
  }
  return JSON.stringify(json)
}

function rowOf(facts: SegmentFacts): SegmentRow {
  const { name, number, first, index, isResidue, events } = facts
  const { bytes, sha256 } = sealedOf(facts)
  assert(events !== undefined, 'the events of a segment are counted before the tables cover it')
  return [name, number, first, bytes, sha256, index ?? null, isResidue === true ? 1 : 0, events]
}

/** undefined when the note is of another journal, another history or another release's layout. */
export function decodeNote(
  text: string,
  identity: { readonly journal: string; readonly epoch: string },
): Note | undefined {
  if (text === '') return undefined
  const json = JSON.parse(text) as NoteJson
  if (json.version !== noteVersion || json.journal !== identity.journal || json.epoch !== identity.epoch)
    return undefined
  const { position, time, cut, forgetBefore } = json
  return {
    journal: json.journal,
    epoch: json.epoch,
    sealed: json.sealed.map(([name, number, first, bytes, sha256, index, residue, events]) => ({
      name,
      number,
      first,
      sealed: { bytes, sha256 },
      index: index ?? undefined,
      isResidue: residue === 1,
      events,
    })),
    scalars: {
      position,
      time,
      cut,
      keep: new Map(json.keep),
      truncating: new Map(json.truncating),
      forgetBefore,
    },
  }
}

export function emptyScalars(): Scalars {
  return { position: 0, time: 0, cut: 0, keep: new Map(), truncating: new Map(), forgetBefore: 0 }
}
