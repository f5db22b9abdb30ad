// What the SQL stores keep, table by table, as the one SqlStore and its backends hand it to each other. How a backend
// lays it out is its own business (a stream's name may stand once and be referred to by number); what it gives back
// must be what it was given.
//
//   head      one row      numbers and times of the whole journal; its lock orders all who write
//   events    per event    position → stream, seq, time, type, sum, text
//   streams   per stream   name → last seq and position, earliest retained seq, released
//   commands, agenda, leases, pins   state beside the events
//   blobs, chunks, claims            content, its pieces, and who protects what no event names yet
//   removed, spans                   where events stood, and of which streams
//
// Invariants: positions are gapless in order of commit (but for what retention removed); the retained events of a stream
// are a contiguous run of seqs that ends with its newest, or nothing; a stream's row outlives its events.

import type { Position, Seq, TimeMs } from '../../core/numbers.ts'

/** The journal's one row. Whoever holds its lock is the only one who appends. */
export interface HeadRow {
  readonly journalId: string
  readonly epoch: string
  /** When the journal was made. */
  readonly created: TimeMs
  /** Newest position given out. */
  readonly position: Position
  /** Newest position that a synced commit covered: what readers may see. A commit without sync (`eventual`) leaves it where
   * it was, so that a reader in another process never sees what a power cut could take back. */
  readonly durable: Position
  /** Of the newest record: never decreases. */
  readonly time: TimeMs
  /** Of the newest event. */
  readonly eventTime: TimeMs
  /** Oldest retained position; position + 1 when nothing is. */
  readonly earliest: Position
  /** Retained events, and what they cost in a log (event-bytes.ts): counted here, so that nothing scans for it. */
  readonly events: number
  readonly bytes: number
  /** Command ids from before this time are forgotten. */
  readonly forgetBefore: TimeMs
  /** What copying noted (copy-marks.ts). */
  readonly copying: string | undefined
}

/** What a group or a piece of upkeep may change of the head; all other fields stay. */
export type HeadChange = Partial<
  Pick<
    HeadRow,
    'position' | 'durable' | 'time' | 'eventTime' | 'earliest' | 'events' | 'bytes' | 'forgetBefore' | 'copying'
  >
>

/** An event as stored. Position, stream, seq, time and type stand in the text too: the columns are for queries, and every
 * read holds them against the text. */
export interface EventRow {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
  readonly time: TimeMs
  readonly type: string
  /** Eight hexadecimal digits over the text without its closing brace. */
  readonly sum: string
  /** The encoded event (core/record.ts), verbatim: never a type that a database reads or reorders, such as jsonb. */
  readonly text: string
}

export interface NewEventRow extends EventRow {
  /** Digests of the blobs that it names, each once. */
  readonly blobs: readonly string[]
}

/** An event without its content: what retention plans with. */
export interface EventSize {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
  /** UTF-8 bytes of the text. */
  readonly textBytes: number
}

export interface StreamRow {
  readonly stream: string
  /** Last seq given out, and its position. */
  readonly seq: Seq
  readonly position: Position
  /** Oldest retained seq; seq + 1 when nothing is retained. */
  readonly earliest: Seq
  /** Through which seq batches released it; 0 when they did not. A row with seq 0 exists where a stream was released
   * (or pinned) before its first event, and is no stream for streams(). */
  readonly released: Seq
}

export interface CommandRow {
  readonly id: string
  readonly time: TimeMs
  /** The whole record (core/control.ts) as JSON text. */
  readonly text: string
}

export interface AgendaRow {
  readonly id: string
  readonly due: TimeMs
  /** JSON text. */
  readonly data: string | undefined
}

export interface LeaseRow {
  readonly lease: string
  readonly owner: string
  readonly token: number
  readonly until: TimeMs
  readonly held: boolean
}

export interface PinRow {
  readonly pin: string
  readonly stream: string | undefined
  readonly from: number
  readonly until: TimeMs | undefined
}

/** A blob. Small content stands in `data`; larger content in chunks, which blobs share. */
export interface BlobRow {
  readonly digest: string
  readonly bytes: number
  readonly data: Uint8Array | undefined
  /** An event names it. What none names is there for its claims only, and no part of the journal. */
  readonly named: boolean
}

export interface ChunkRow {
  /** SHA-256, as of blobs. */
  readonly digest: string
  readonly data: Uint8Array
}

/** A run of positions without a retained event, both ends inclusive. Blocks are disjoint and never touch. */
export interface RemovedRow {
  readonly from: Position
  readonly to: Position
}

/** Events of one stream that are gone: from the position of the first to that of the last, with their seqs. `part` is a
 * position inside the block that it belongs to, so blocks can be joined without touching their spans. One stream may
 * have several spans in a block: what is told of it is their hull. */
export interface SpanRow {
  readonly part: Position
  readonly stream: string
  readonly from: Position
  readonly to: Position
  readonly first: Seq
  readonly last: Seq
}
