// What the history checker can find wrong.

export type FindingKind =
  /** An acknowledged event is not there. */
  | 'lost'
  /** It is there, but not in the order of the calls. */
  | 'reordered'
  | 'invented'
  | 'duplicated'
  /** A part of a batch. */
  | 'torn'
  /** An acknowledgement named another place than the one that the order of calls gives. */
  | 'misplaced'
  | 'altered'
  /** Positions or seqs are not contiguous. */
  | 'gap'
  /** Of a batch that was refused. */
  | 'refused'
  /** Removed by retention, and there again. */
  | 'returned'
  /** Agenda, leases, pins or command ids are not those of the events. */
  | 'state'
  /** Two ways of reading give different events. */
  | 'disagreement'

export interface HistoryFinding {
  readonly kind: FindingKind
  readonly message: string
}
