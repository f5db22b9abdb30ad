// What a run that was forked says of it, in its run.created: which events it shares with which runs, and what is other.
//
// Invariant: the parts follow one another without a gap, from number 2 to `through`; each names the run whose own stream
// holds the events, however many forks lie in between.

import type { Seq } from '../core/numbers.ts'

/** Events `from` to `to` of a run's own stream, `shift` less than the numbers by which they are met. */
export interface SharedPart {
  readonly run: string
  readonly from: Seq
  readonly to: Seq
  readonly shift: number
}

/** What `run.created` of a fork says. */
export interface ForkBase {
  readonly run: string
  /** The last event that is shared. */
  readonly through: Seq
  readonly parts: readonly SharedPart[]
  /** When the first of the runs was created: what run.now() begins with. */
  readonly createdAt: number
  /** Results in place of those that are recorded, by key. */
  readonly steps?: Readonly<Record<string, unknown>>
}
