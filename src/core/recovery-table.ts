// What recovery does with the end of a log: the table of FORMAT.md, section 7, as data. Pure. The rows are tried in order
// and exactly one applies; engine/active-end.ts gathers the facts and engine/take-over.ts carries out the consequence.

import { never } from '../errors.ts'
import type { ByteOffset } from './numbers.ts'

/** What was found at the end of the active segment. */
export interface TailFacts {
  readonly fileBytes: ByteOffset
  /** Everything below was durable when something that is there was written. */
  readonly witness: ByteOffset
  /** End of the last complete batch of valid, linked lines. */
  readonly complete: ByteOffset
  /** What stands in complete batches above the witness. */
  readonly above: 'nothing' | 'witnesses' | 'records'
}

export type TailCase = 'short' | 'damaged' | 'clean' | 'resting' | 'resting-torn' | 'carry' | 'carry-torn'

export interface Consequence {
  /** Stop and change nothing. */
  readonly refuse: boolean
  /** Copy what is behind `complete` to set-aside. */
  readonly setAside: boolean
  /** Shorten the file to the witness. */
  readonly cut: boolean
  /** Write what is between witness and `complete` anew into a new segment, synced, before the cut. */
  readonly carry: boolean
}

interface Row {
  readonly name: TailCase
  readonly why: string
  readonly when: (facts: TailFacts) => boolean
  readonly then: Consequence
}

const refuse: Consequence = { refuse: true, setAside: false, cut: false, carry: false }

export const tailTable: readonly Row[] = [
  {
    name: 'short',
    why: 'the file ends below a witness: durable data is gone',
    when: (facts) => facts.fileBytes < facts.witness,
    then: refuse,
  },
  {
    name: 'damaged',
    why: 'a line below a witness is not what was written',
    when: (facts) => facts.complete < facts.witness,
    then: refuse,
  },
  {
    name: 'clean',
    why: 'all that is there is durable',
    when: (facts) => facts.fileBytes === facts.witness,
    then: { refuse: false, setAside: false, cut: false, carry: false },
  },
  {
    name: 'resting',
    why: 'only bare witnesses may not be durable, and they say nothing that is still needed',
    when: (facts) => facts.above !== 'records' && facts.complete === facts.fileBytes,
    then: { refuse: false, setAside: false, cut: true, carry: false },
  },
  {
    name: 'resting-torn',
    why: 'an unfinished write stands above the last witness',
    when: (facts) => facts.above !== 'records',
    then: { refuse: false, setAside: true, cut: true, carry: false },
  },
  {
    name: 'carry',
    why: 'valid records above the last witness may stand in the page cache only',
    when: (facts) => facts.complete === facts.fileBytes,
    then: { refuse: false, setAside: false, cut: true, carry: true },
  },
  {
    name: 'carry-torn',
    why: 'as before, and an unfinished write behind them',
    when: () => true,
    then: { refuse: false, setAside: true, cut: true, carry: true },
  },
]

export function judgeTail(facts: TailFacts): Row {
  return tailTable.find((row) => row.when(facts)) ?? never('the last row always applies')
}
