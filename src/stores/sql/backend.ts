// The port from the one SqlStore to a database engine. SqlStore (written once) judges batches, plans retention, checks
// every event that it reads, and keeps callers' promises; a backend keeps rows and transactions, in its own SQL dialect.
// Operations are semantic and take many rows at once, so that a backend answers each in one or few statements.
//
// A group commit, as SqlStore drives it:
//   begin(wanted)   locks the head row, then reads it and all that judging the group needs (one or two round trips)
//   …               SqlStore judges the batches in order against that and against each other: no call to the backend
//   commit(write)   multi-row writes, the head row, COMMIT (one or two round trips)
//   …               only now are callers told, also those that were refused or turned out to be duplicates
// Since the head row is locked from before the first read until the commit, positions are gapless and become visible in
// order of commit, and time never decreases, however many processes write.
//
// Failures. Everything here rejects with a HoldfastError (final: CLOSED, DAMAGED, a defect) or with a SqlFailure, which
// says what may have happened and whether the same again can succeed. After a rejection the transaction is over: the
// backend has rolled it back or dropped its connection; SqlStore never calls it again. A backend whose COMMIT was cut off
// finds out what became of it, where it can, before it rejects (PostgreSQL: pg_xact_status by transaction id over a new
// connection; resolving is right when it turns out committed). Only when it can't, it rejects with outcome 'unknown'.
// Waiting for locks: a backend waits by itself for about `busyMs`, then rejects with a transient failure; SqlStore tries
// again, with growing pauses by the injected clock, a bounded number of times.

import type { Position, Seq, TimeMs } from '../../core/numbers.ts'
import type { HoldfastError } from '../../errors.ts'
import type { AgendaQuery, Finding, LeaseQuery, LongWork, StoreManifest, VerifyProgress } from '../store.ts'
import type {
  AgendaRow,
  BlobRow,
  ChunkRow,
  CommandRow,
  EventRow,
  EventSize,
  HeadChange,
  HeadRow,
  LeaseRow,
  NewEventRow,
  PinRow,
  RemovedRow,
  SpanRow,
  StreamRow,
} from './rows.ts'

// ── Failures ─────────────────────────────────────────────────────────────────────────────────────────────────

export interface FailureFacts {
  /** 'not-done': certainly nothing of the transaction is or will be stored. 'unknown': it may be. */
  readonly outcome: 'not-done' | 'unknown'
  /** The same call may succeed in a while: somebody holds a lock, the connection was lost, a deadlock was broken. Tried again
   * only with 'not-done'. */
  readonly transient: boolean
  /** Nothing may be acknowledged until reopen(): the disk failed, or what was committed is not known. */
  readonly latches: boolean
}

/** What a backend's call can fail with, beside final HoldfastErrors. */
export class SqlFailure extends Error {
  override readonly name: 'SqlFailure' = 'SqlFailure'
  /** What callers are told when it isn't tried again: DISK_FULL, IO, LOCKED (busy), NO_PERMISSION … */
  readonly error: HoldfastError
  readonly facts: FailureFacts

  constructor(error: HoldfastError, facts: FailureFacts) {
    super(error.message, { cause: error })
    this.error = error
    this.facts = facts
  }
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────

export type EventSelect =
  /** By position. */
  | { readonly kind: 'all' }
  /** By position, only events of streams whose name begins so. Walks positions: SqlStore asks so where the share of such
   * streams is high or the range is short, and goes through positions() otherwise. */
  | { readonly kind: 'prefix'; readonly prefix: string }
  /** By seq; bounds are seqs. */
  | { readonly kind: 'stream'; readonly stream: string }

export interface EventScan {
  readonly select: EventSelect
  /** Inclusive, both always given. */
  readonly from: number
  readonly to: number
  readonly direction: 'forward' | 'backward'
  /** At most so many rows … */
  readonly rowsMax: number
  /** … and none after the row whose text makes the page's texts at least so many bytes: memory stays bounded. */
  readonly bytesMax: number
}

/** Positions of matching events, from an index alone: no event's text is touched. */
export interface PositionScan {
  readonly select: EventSelect
  /** Only of these types; with select 'all' it is required, and then an index by type answers. */
  readonly types?: readonly string[]
  /** Inclusive: seqs when one stream is selected, else positions. Rows come in order of these numbers. */
  readonly from: number
  readonly to: number
  readonly direction: 'forward' | 'backward'
  readonly rowsMax: number
}

export interface EventPage {
  readonly rows: readonly EventRow[]
  /** There was nothing behind the last row; false when rowsMax or bytesMax cut it short. */
  readonly ended: boolean
}

export interface PositionPage {
  readonly positions: readonly Position[]
  /** The number of the last one in the order of the scan (its seq where one stream is selected); 0 when there is none. */
  readonly last: number
  readonly ended: boolean
}

export interface Figures {
  readonly streams: number
  /** Named by an event. */
  readonly blobs: number
  readonly blobBytes: number
  readonly commands: number
  readonly agenda: number
  /** Without the floor (core/lease-floor.ts). */
  readonly leases: number
  readonly pins: number
}

/** Reading committed state; in a transaction also what it has written itself. Names are ordered as UTF-8 bytes, always. */
export interface SqlReader {
  head(): Promise<HeadRow>

  events(scan: EventScan): Promise<EventPage>
  /** The events at these positions, in the order asked for; absent ones are left out. Ends early as `bytesMax` says, so
   * the caller goes on behind the last row it got. */
  eventsAt(positions: readonly Position[], bytesMax: number): Promise<readonly EventRow[]>
  positions(scan: PositionScan): Promise<PositionPage>
  /** First position from `from` on whose event is not older than `time`; undefined when all are. By halving the range of
   * positions (times rise with them): there is no index by time. */
  firstAtOrAfter(time: TimeMs, from: Position): Promise<Position | undefined>
  /** Like events(), without content. Forward. */
  sizes(scan: Omit<EventScan, 'bytesMax' | 'direction'>): Promise<readonly EventSize[]>

  stream(name: string): Promise<StreamRow | undefined>
  /** With seq above 0 only, rising by name, behind `after`. */
  streams(query: {
    readonly prefix: string
    readonly after: string | undefined
    readonly rowsMax: number
  }): Promise<readonly StreamRow[]>
  /** With released above 0, rising by name, behind `after`. */
  released(query: { readonly after: string | undefined; readonly rowsMax: number }): Promise<readonly StreamRow[]>

  command(id: string): Promise<CommandRow | undefined>
  /** Rising by id, behind `after`. */
  commands(query: { readonly after: string | undefined; readonly rowsMax: number }): Promise<readonly CommandRow[]>
  /** How many are older. */
  commandsBefore(time: TimeMs): Promise<number>
  /** By due time, then id. */
  agenda(query: AgendaQuery): Promise<readonly AgendaRow[]>
  /** Rising by id, behind `after`. */
  agendaById(query: { readonly after: string | undefined; readonly rowsMax: number }): Promise<readonly AgendaRow[]>
  lease(name: string): Promise<LeaseRow | undefined>
  leases(query: { readonly after: string | undefined; readonly rowsMax: number }): Promise<readonly LeaseRow[]>
  /** Held ones of an owner, rising by name. */
  leasesOf(query: LeaseQuery): Promise<readonly LeaseRow[]>
  /** All, rising by name, ended ones too. There are few. */
  pins(): Promise<readonly PinRow[]>

  /** With its content where that stands in the row. */
  blob(digest: string): Promise<BlobRow | undefined>
  /** Chunks of a blob from the ordinal `from` (0 first), in order; as `bytesMax` says. Empty behind the last. */
  chunks(digest: string, from: number, bytesMax: number): Promise<readonly ChunkRow[]>
  /** Named ones, rising by digest, behind `after`. */
  blobs(query: { readonly after: string | undefined; readonly rowsMax: number }): Promise<readonly BlobRow[]>
  /** Blobs that no event names and no live claim protects: what retention would collect as things are. */
  unusedBlobs(now: TimeMs): Promise<number>
  /** For a dry run: the digests that the events at these positions name, once for each event. */
  namings(positions: readonly Position[]): Promise<readonly string[]>
  /** How many retained events name each of these, and whether a live claim protects it. */
  references(
    digests: readonly string[],
    now: TimeMs,
  ): Promise<readonly { readonly digest: string; readonly events: number; readonly claimed: boolean }[]>

  /** Blocks that overlap the range, rising. With `prefix`: only those of which a matching stream's hull of spans overlaps it. */
  removed(query: {
    readonly from: Position
    readonly to: Position
    readonly prefix: string | undefined
    readonly rowsMax: number
  }): Promise<readonly RemovedRow[]>
  /** The block that ends right before `from`, and the one that begins right behind `to`, as far as there are such. */
  removedBeside(blocks: readonly RemovedRow[]): Promise<readonly RemovedRow[]>
  /** Spans whose part is in the range, by part, then stream; behind `after`. */
  spans(query: {
    readonly from: Position
    readonly to: Position
    readonly after: { readonly part: Position; readonly stream: string } | undefined
    readonly rowsMax: number
  }): Promise<readonly SpanRow[]>

  figures(now: TimeMs): Promise<Figures>
}

/** A frozen state, for an export, a backup or a verification: appends and retention of others don't show in it. */
export interface SqlSnapshot extends SqlReader {
  end(): Promise<void>
}

// ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────

/** What judging a group asks for: every name that its batches mention, each once. */
export interface GroupWanted {
  readonly streams: readonly string[]
  readonly commands: readonly string[]
  readonly leases: readonly string[]
  /** Digests. */
  readonly blobs: readonly string[]
  /** Entries that its claims may take. */
  readonly due: readonly DueWanted[]
  /** Every batch is `eventual`, so the commit will most likely ask for no sync. For engines that must know before they begin. */
  readonly deferrable: boolean
}

/** Entries of the agenda that are due at or before `dueBy`, whose ids begin so, and whose leases (the ones of their names)
 * were not held at `now` or at the head's time, whichever is later: by due time, then id, at most `limit`. Entries whose
 * rows somebody else has locked may be left out: a claim waits for nobody. */
export interface DueWanted {
  readonly dueBy: TimeMs
  readonly prefix: string
  readonly now: TimeMs
  readonly limit: number
}

export interface DueFound {
  readonly entry: AgendaRow
  /** undefined: nobody has it. */
  readonly lease: LeaseRow | undefined
}

/** What there is of it; what is not there is left out. */
export interface GroupFound {
  readonly head: HeadRow
  readonly streams: readonly StreamRow[]
  readonly commands: readonly CommandRow[]
  readonly leases: readonly LeaseRow[]
  /** All that have a row, also those that only a claim protects. */
  readonly blobs: readonly { readonly digest: string; readonly named: boolean }[]
  /** One list for each of `due` in what is wanted, in its order. */
  readonly due: readonly (readonly DueFound[])[]
}

/** All that a group changes: results, not requests, each row once (the newest, where batches follow one another). */
export interface GroupWrite {
  readonly head: HeadChange
  /** Rising by position. */
  readonly events: readonly NewEventRow[]
  /** Upserts. */
  readonly streams: readonly StreamRow[]
  /** Upserts: an id that was forgotten may still have its row. */
  readonly commands: readonly CommandRow[]
  /** Upserts; an entry that is cleared has due null. */
  readonly agenda: readonly (AgendaRow | { readonly id: string; readonly due: null })[]
  /** Upserts; of one that was released there is no row. */
  readonly leases: readonly (LeaseRow | { readonly lease: string; readonly gone: true })[]
  /** Upserts; a pin that is given up has from null. */
  readonly pins: readonly (PinRow | { readonly pin: string; readonly from: null })[]
  /** Small content that rides along. One that is there already stays as it is. Before the events, which name them. */
  readonly blobs: readonly { readonly digest: string; readonly bytes: number; readonly data: Uint8Array }[]
  /** Claims of `owner` that end with this group. */
  readonly claimsEnded: { readonly owner: string; readonly digests: readonly string[] }
  /** Whether the commit must survive a power cut when it resolves. False only where every batch is `eventual`. */
  readonly sync: boolean
}

export interface SqlGroup {
  readonly found: GroupFound
  /** Writes and commits. Resolves when it is committed, and durable where write.sync says so. */
  commit(write: GroupWrite): Promise<void>
  /** Nothing was written. Never rejects. */
  rollback(): Promise<void>
}

/** A piece of retention: events and what goes with them, all in one transaction. */
export interface RemovalWrite {
  readonly head: HeadChange
  /** Rising. Their rows and the names that they gave blobs. */
  readonly positions: readonly Position[]
  /** Streams of which the earliest retained seq changed. */
  readonly streams: readonly { readonly stream: string; readonly earliest: Seq }[]
  /** Blocks that end, by `from`, and blocks that begin (joined ones among them). */
  readonly blocksGone: readonly Position[]
  readonly blocks: readonly RemovedRow[]
  /** Spans whose part lies in one of these ranges end; then the new ones begin. */
  readonly spansGone: readonly RemovedRow[]
  readonly spans: readonly SpanRow[]
}

/** A write transaction for upkeep: retention, import, staging of blobs. Holds the head row's lock like a group does, so
 * pieces are kept short. Reads see what it has written. */
export interface SqlUpkeep extends SqlReader {
  remove(write: RemovalWrite): Promise<void>
  setHead(change: HeadChange): Promise<void>
  /** Pins that ended by themselves. */
  dropPins(names: readonly string[]): Promise<void>
  /** Command ids older than this. At most `rowsMax`; how many went. */
  forgetCommands(before: TimeMs, rowsMax: number): Promise<number>
  /** Blobs that nobody names or claims (as unusedBlobs says), chunks that no blob has, and claims that ended; at most
   * `rowsMax` blobs. How many blobs went. */
  collectBlobs(now: TimeMs, rowsMax: number): Promise<number>

  /** Rows as they are, for an import: events, streams, commands, agenda, leases, pins, blobs; further pieces may follow. */
  load(write: Omit<GroupWrite, 'sync' | 'claimsEnded'>): Promise<void>
  /** Chunked content of an import, claimed by nobody: within this transaction an event must come to name it. */
  loadBlob(digest: string, bytes: number, chunks: readonly ChunkRow[]): Promise<void>

  /** All but the head row goes, of a copy that is begun anew. */
  clear(): Promise<void>

  commit(): Promise<void>
  rollback(): Promise<void>
}

/** Who protects a blob that no event names yet. One owner per open store; its rows end with the store, or by themselves
 * when its process is gone and `until` has passed. */
export interface Claim {
  readonly owner: string
  readonly until: TimeMs
}

export interface SqlBackend extends SqlReader {
  readonly manifest: StoreManifest
  /** The database, as people know it (a path, a URL without its password): `file` in errors and findings. */
  readonly label: string
  /** Why it can only be read; undefined when it can be written. */
  readonly readOnly: string | undefined

  /** One at a time: SqlStore awaits a group's end before the next one (or an upkeep) begins. */
  begin(wanted: GroupWanted): Promise<SqlGroup>
  upkeep(): Promise<SqlUpkeep>
  /** Makes durable what was committed without sync, and sets head.durable to head.position. Returns the head. */
  flush(): Promise<HeadRow>
  snapshot(): Promise<SqlSnapshot>

  /** Content that is staged: a blob that arrives, piece by piece, protected by a claim from its first chunk on. Each call is
   * a short transaction of its own. */
  beginBlob(claim: Claim): Promise<number>
  addChunks(arriving: number, chunks: readonly ChunkRow[]): Promise<void>
  /** Gives the blob its name. Where one of that name is there already, that one is claimed and what arrived goes. Durable
   * when it resolves. */
  finishBlob(arriving: number, blob: { readonly digest: string; readonly bytes: number }, claim: Claim): Promise<void>
  abandonBlob(arriving: number): Promise<void>
  /** Ends this owner's claims; all of them when no digests are given. */
  endClaims(owner: string, digests: readonly string[] | undefined): Promise<void>

  /** Calls back when another connection has committed, soon after; may miss or repeat. Returns how to stop. Only asked for
   * while somebody watches. */
  watch(wake: () => void): () => void
  /** The engine's own check of itself, and of its tables against each other (rows without partner, orphaned chunks). */
  integrity(work: LongWork<VerifyProgress>): Promise<readonly Finding[]>
  /** Writes something, makes it durable, reads it back, and leaves no trace. */
  probe(): Promise<void>
  /** A copy as of now into a directory that is not there or empty; UNSUPPORTED where the engine has its own ways. */
  backup(to: string, work: LongWork<VerifyProgress>): Promise<void>
  /** New connections, after a failure. What was committed is what is there. */
  reopen(): Promise<void>
  /** Idempotent. Everything under way has ended before it is called. */
  close(): Promise<void>
}
