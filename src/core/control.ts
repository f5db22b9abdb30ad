// Control records: what stands in a journal beside its events. They have no position, never reach the feed, and belong
// to the batch in which they were written. FORMAT.md lists them; this is the same list for the compiler.
// Every one of them holds results, not requests ("token 7", not "next token"), so replaying is assignment.

import type { Position, Seq, TimeMs } from './numbers.ts'

/** [stream, seq, position] */
export type PlaceTuple = readonly [stream: string, seq: Seq, position: Position]
/** [lease, token, until] */
export type GrantTuple = readonly [lease: string, token: number, until: TimeMs]
/** [stream, first seq, last seq] */
export type SeqRangeTuple = readonly [stream: string, from: Seq, to: Seq]

export type Control =
  | AgendaControl
  | LeaseControl
  | CommandControl
  | ForgetControl
  | PinControl
  | ReleasedControl
  | BlobControl
  | RetainControl
  | RemovedControl
  | RewriteControl
  | WitnessControl

/** Sets what is due, or clears it with due null. */
export interface AgendaControl {
  readonly control: 'agenda'
  readonly id: string
  readonly due: TimeMs | null
  readonly data?: unknown
}

export interface LeaseControl {
  readonly control: 'lease'
  readonly lease: string
  readonly owner: string
  readonly token: number
  readonly until: TimeMs
  readonly held: boolean
  /** It was released: from here on the journal doesn't have it. Its token stands in the floor (lease-floor.ts). */
  readonly gone?: true
}

export interface CommandControl {
  readonly control: 'command'
  readonly id: string
  readonly time: TimeMs
  readonly digest: string
  /** Newest position at the time, for a batch without events. */
  readonly position: Position
  readonly events: readonly PlaceTuple[]
  readonly leases?: readonly GrantTuple[]
}

/** Command ids from before this time are forgotten. */
export interface ForgetControl {
  readonly control: 'forget'
  readonly before: TimeMs
}

export interface PinControl {
  readonly control: 'pin'
  readonly pin: string
  readonly stream?: string
  readonly from: number | null
  readonly until?: TimeMs
}

export interface ReleasedControl {
  readonly control: 'released'
  readonly stream: string
  readonly through: Seq
}

/** A blob whose content stands here (data, base64), or is made of chunk files ([digest, bytes], in order). */
export interface BlobControl {
  readonly control: 'blob'
  readonly digest: string
  readonly bytes: number
  readonly data?: string
  readonly chunks?: readonly (readonly [digest: string, bytes: number])[]
  /** Nothing names it any more: from here on the journal doesn't have it. */
  readonly gone?: true
}

/** What is no longer part of the readable history from here on: events before a position, but for what pinned
 * streams keep (from these seqs), and per stream events before a seq. */
export interface RetainControl {
  readonly control: 'retain'
  readonly time: TimeMs
  readonly before?: Position
  readonly keep?: readonly (readonly [stream: string, from: Seq])[]
  readonly streams?: readonly (readonly [stream: string, before: Seq])[]
}

/** Stands where events stood: the positions, how many there were, and which seqs. */
export interface RemovedControl {
  readonly control: 'removed'
  readonly from: Position
  readonly to: Position
  readonly count: number
  readonly streams: readonly SeqRangeTuple[]
}

/** A sealed segment is or will be replaced: journaled before the file is. */
export interface RewriteControl {
  readonly control: 'rewrite'
  readonly time: TimeMs
  readonly reason: string
  /** File names and digests of what is replaced, oldest first; the replacement takes the first name. */
  readonly old: readonly (readonly [name: string, sha256: string])[]
  readonly sha256: string
  readonly bytes: number
  /** What the header of the segment behind says of the last of them: its state when it was sealed. */
  readonly sealed: readonly [name: string, bytes: number, sha256: string]
}

/** Carries nothing: its line says that all before it is durable. */
export interface WitnessControl {
  readonly control: 'witness'
  readonly time: TimeMs
}
