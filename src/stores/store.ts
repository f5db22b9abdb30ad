// The store port: what every store does for the journal, and all that the journal may assume.
//
// The journal (the facade) turns user values into encoded JSON text, checks limits, names and schemas, and gives
// the store a Batch. A store keeps order, numbers, atomicity, durability and the state that lives beside the events
// (command ids, agenda, leases, pins, blobs). A store never looks inside `data`.
//
// What may be assumed after a throw, unless a method says otherwise: nothing has changed.

import type { Position, Seq, TimeMs } from '../core/numbers.ts'

// ── What a store says of itself ──────────────────────────────────────────────────────────────────────────────

export interface StoreManifest {
  readonly name: string
  /** What is appended is still there after the process ends. */
  readonly persistent: boolean
  /** Another process can read while one writes. */
  readonly readersInOtherProcesses: boolean
  /** Another process can hand commands to the owner. */
  readonly inbox: boolean
  /** Takeover of a stopped writer by another process. */
  readonly takeover: boolean
  /** More than one writer at a time. */
  readonly manyWriters: boolean
  /** Rules by segment count mean something. */
  readonly segments: boolean
  readonly backup: boolean
  /** Damage can exist, so verify and repair have work to do. */
  readonly damageable: boolean
}

export interface StoreIdentity {
  readonly journalId: string
  /** Identity of this history, 32 lower-case hexadecimal digits (they stand in cursors); changes when history is
   * replaced. */
  readonly epoch: string
  /** Histories that this one goes on from, oldest first: of a fork, and of what was copied from one. Their cursors are
   * honoured up to where it left them. Absent: none. */
  readonly ancestors?: readonly Ancestor[]
}

export interface Ancestor {
  readonly epoch: string
  /** The last position that both histories have. */
  readonly through: Position
}

/** Where a journal goes or has gone: from then on it is for reading only, whoever opens it. */
export interface Relocation {
  /** moving: the copy is being finished, or was cut off in that; moved: the copy is the journal now. */
  readonly state: 'moving' | 'moved'
  /** As a person would name it, without secrets. */
  readonly to: string
  /** Id of the copy (CopyNote). */
  readonly copy: string
  readonly time: TimeMs
}

// ── Appending ────────────────────────────────────────────────────────────────────────────────────────────────

/** An event as the journal hands it over: everything checked, payloads as JSON text (core/payload.ts). */
export interface EncodedEvent {
  readonly stream: string
  readonly type: string
  /** Version of the type's schema; 1 unless the type has a schema with more. */
  readonly version: number
  readonly data: string
  readonly meta?: string
  /** Digests of the blobs that data and meta name, each once. */
  readonly blobs?: readonly string[]
}

/** One thing that is due at a time: set or replaced with `due`, cleared with null. */
export interface AgendaChange {
  readonly id: string
  readonly due: TimeMs | null
  /** JSON text. */
  readonly data?: string
}

export type LeaseChange =
  /** Granted when the lease is free, released, past its time, or held by the same owner; gives a higher token than any that it
   * ever had. */
  | { readonly lease: string; readonly op: 'acquire'; readonly owner: string; readonly ttlMs: number }
  /** Prolongs; refused with LEASE_LOST unless this is the newest token and it was not released. */
  | { readonly lease: string; readonly op: 'renew'; readonly token: number; readonly ttlMs: number }
  | { readonly lease: string; readonly op: 'release'; readonly token: number }

/** A condition: the batch is refused with LEASE_LOST unless `token` is the newest of this lease and not released.
 * Running out of time alone does not refuse: as long as nobody else took the lease, nothing can be overwritten. */
export interface FenceCheck {
  readonly lease: string
  readonly token: number
}

/** A pin keeps events from retention. Hard (no ttlMs): nothing removes what it holds. Soft (ttlMs): ends by itself,
 * and loses to byte and segment limits. With `stream`, `from` is a seq there; without, a position. null unpins. */
export interface PinChange {
  readonly pin: string
  readonly stream?: string
  readonly from: number | null
  readonly ttlMs?: number
}

/** "The events of this stream up to and including `through` may go", or up to this batch's last event of it. */
export interface Release {
  readonly stream: string
  readonly through?: Seq
}

/** Takes due entries of the agenda for an owner: those due at or before `dueBy`, by due time, then id as UTF-8 bytes, as
 * many as `limit`, whose lease is free. An entry's lease is the one of its name. Free: never taken, released, or past its
 * time; one that is held is passed over, whoever holds it, the same owner included. Each is acquired as a LeaseChange
 * would; the entries themselves stay as they are, until the owner sets or clears them under the lease's fence. */
export interface ClaimQuery {
  readonly owner: string
  readonly ttlMs: number
  readonly dueBy: TimeMs
  readonly prefix?: string
  readonly limit: number
}

export interface Batch {
  readonly events: readonly EncodedEvent[]
  /** Per stream: the seq that the stream must be at; 0 means that it must never have had an event. */
  readonly expect?: ReadonlyMap<string, Seq>
  /** Looked up before anything else is judged. `digest`: SHA-256 of the batch's content (core/digest.ts). */
  readonly command?: { readonly id: string; readonly digest: string }
  readonly agenda?: readonly AgendaChange[]
  readonly leases?: readonly LeaseChange[]
  readonly fences?: readonly FenceCheck[]
  readonly pins?: readonly PinChange[]
  readonly releases?: readonly Release[]
  /** Stands alone: in a batch without events, command id, conditions and other changes, and durable ('sync'). Which entries
   * it takes is decided when the batch is judged, so no two claims take the same. Nothing that is due: nothing is written.
   * What it costs grows with `limit` and with the entries that are due but held (or, with a prefix, named otherwise); not
   * with those that are not due yet, nor with the journal. */
  readonly claim?: ClaimQuery
  readonly durability: 'sync' | 'eventual'
}

export interface EventPlace {
  readonly stream: string
  readonly seq: Seq
  readonly position: Position
}

export interface LeaseGrant {
  readonly lease: string
  readonly token: number
  readonly until: TimeMs
}

export interface Receipt {
  /** Of the last event; when the batch had no event, the journal's newest position and 0. */
  readonly position: Position
  readonly seq: Seq
  readonly events: readonly EventPlace[]
  /** Leases that this batch acquired or renewed. */
  readonly leases: readonly LeaseGrant[]
  /** Of a batch with `claim`: the entries taken, in the order of their leases in `leases`. */
  readonly claimed?: readonly AgendaItem[]
  /** This command id had taken effect before; this is the receipt from then. */
  readonly duplicate: boolean
  /** It survives a power cut. False for `eventual`, until flush() resolves. */
  readonly durable: boolean
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────

/** An event as stored. `data` and `meta` are parsed JSON in which the tagged forms of core/payload.ts still stand
 * when `tagged` is true. */
export interface RawEvent {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
  readonly time: TimeMs
  readonly type: string
  readonly version: number
  readonly data: unknown
  readonly meta: unknown
  /** Digests of blobs that this event names. */
  readonly blobs: readonly string[]
  /** The event's checksum: eight hexadecimal digits over its encoding, independent of the store. */
  readonly sum: string
  readonly tagged: boolean
  /** The next event (in position order) belongs to the same batch. */
  readonly more: boolean
  /** The encoded event, when the query asked for it: verbatim, without sum. */
  readonly text?: string
}

/** Told in place of events that retention removed: seqs when one stream is read, else positions; both inclusive.
 * Numbers that follow one another are told as one range, before the next event that is retained. By prefix, a range of
 * positions is told when an event of a matching stream stood in it. */
export interface RemovedRange {
  readonly removed: { readonly from: number; readonly to: number }
}

export type ReadItem = RawEvent | RemovedRange

export type Selector =
  | { readonly kind: 'all' }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'stream'; readonly stream: string }

export interface ReadQuery {
  readonly select: Selector
  /** Inclusive bounds: seqs when one stream is selected, else positions. Absent: unbounded. */
  readonly from?: number
  readonly to?: number
  /** Counted after all filters; removed ranges don't count. */
  readonly limit?: number
  readonly direction: 'forward' | 'backward'
  readonly types?: ReadonlySet<string>
  /** Whether removed ranges inside [from, to] are told as items (forward only). Default false. */
  readonly tellRemoved?: boolean
  readonly withText?: boolean
}

export interface JournalHead {
  /** Newest position that is durable (what readers may see). */
  readonly position: Position
  /** Newest position given out, durable or not. */
  readonly appended: Position
  /** Oldest position that is retained; position + 1 when nothing is. */
  readonly earliest: Position
  /** Time of the newest event; 0 when there is none. */
  readonly time: TimeMs
}

export interface StreamHead {
  readonly stream: string
  readonly seq: Seq
  readonly position: Position
  /** Oldest retained seq; seq + 1 when nothing of it is retained. */
  readonly earliest: Seq
}

// ── State beside the events ──────────────────────────────────────────────────────────────────────────────────

export interface AgendaItem {
  readonly id: string
  readonly due: TimeMs
  /** JSON text. */
  readonly data: string | undefined
}

export interface AgendaQuery {
  /** Only what is due at or before this time. */
  readonly dueBy?: TimeMs
  readonly prefix?: string
  readonly limit?: number
}

export interface LeaseState {
  readonly lease: string
  readonly owner: string
  readonly token: number
  readonly until: TimeMs
  /** It may be past its time. False only of what came from another journal as released. */
  readonly held: boolean
}

export interface LeaseQuery {
  readonly owner: string
  readonly limit?: number
}

export interface PinState {
  readonly pin: string
  readonly stream: string | undefined
  readonly from: number
  readonly until: TimeMs | undefined
}

export interface BlobInfo {
  readonly digest: string
  readonly bytes: number
}

export interface StagedBlob extends BlobInfo {
  /** Gives up the claim that staging took. The claim also ends when an append that names the blob takes effect; one that
   * is refused leaves it, so that the append can be tried again. */
  release(): void
}

// ── Retention ────────────────────────────────────────────────────────────────────────────────────────────────

/** What may go. Several rules remove the union of what each alone would. */
export interface RetentionRule {
  /** Events older than this time. */
  readonly before?: TimeMs
  /** Oldest first, until the log is at most so large. Beats soft pins. */
  readonly bytesMax?: number
  /** Oldest first, until there are at most so many segments. Beats soft pins. */
  readonly segmentsMax?: number
  /** Per stream: events with a smaller seq than `before`; 'all' deletes the stream's events (its numbers go on). */
  readonly streams?: readonly { readonly stream: string; readonly before: Seq | 'all' }[]
  /** What batches have released (Release). */
  readonly released?: boolean
  /** Command ids older than this time are forgotten. */
  readonly commandsBefore?: TimeMs
}

export interface RetentionReport {
  /** Nothing was done; the figures are what would go. */
  readonly dryRun: boolean
  readonly events: number
  /** Bytes of log that were or would be freed. Estimated for a dry run. */
  readonly bytes: number
  readonly segments: number
  readonly streams: number
  readonly commands: number
  readonly blobs: number
  /** Pins that kept something which a rule would have removed. */
  readonly heldBy: readonly string[]
}

// ── Looking after it ─────────────────────────────────────────────────────────────────────────────────────────

export interface Finding {
  readonly severity: 'note' | 'warning' | 'damage'
  /** Stable, lower-case with hyphens: 'line-checksum', 'segment-missing', 'index-stale', … */
  readonly kind: string
  readonly file: string
  readonly offset: number | undefined
  /** What is wrong and what it means. */
  readonly message: string
  /** Name of the repair that can help (StoreRepair), if one can. */
  readonly repair: string | undefined
}

export interface VerifyProgress {
  readonly bytesDone: number
  readonly bytesTotal: number
}

export interface VerifyReport {
  readonly events: number
  readonly records: number
  readonly segments: number
  readonly blobs: number
  readonly bytes: number
  readonly findings: readonly Finding[]
  /** No finding of severity 'damage'. */
  readonly ok: boolean
}

export interface StoreStats {
  readonly events: number
  readonly streams: number
  readonly segments: number
  readonly bytes: number
  readonly blobs: number
  readonly blobBytes: number
  readonly commands: number
  readonly agenda: number
  readonly leases: number
  readonly pins: number
}

export interface LongWork<P> {
  readonly signal?: AbortSignal
  readonly progress?: (progress: P) => void
}

/** A journal's content outside of a store: what dump() gives and load() takes. In order: blobs, each followed by its
 * content; events by position, with `removed` records where retention took some; the state beside them; the time.
 * Each record has exactly one of these fields. */
export interface ImportRecord {
  readonly event?: { readonly text: string; readonly sum: string }
  /** A control record's JSON (core/control-text.ts). */
  readonly control?: string
  /** Base64: the next part of the content of the blob whose record has no `data`. */
  readonly chunk?: string
}

export interface DumpOptions {
  /** Blobs whose content the caller doesn't need: their records may come without `data` and without chunks. A store may
   * give the content all the same. */
  readonly withoutContent?: (digest: string) => boolean | Promise<boolean>
}

export interface Store {
  readonly manifest: StoreManifest
  identity(): StoreIdentity
  /** Why appends are refused, when the store is open for reading only. */
  readonly readOnly: string | undefined

  /** All of the batch or nothing, over events, agenda, leases, pins, releases, command id and the blobs it names.
   * Order of calls is order in the journal. Resolves when durable ('sync') or numbered and queued ('eventual').
   * A command id that is known resolves to its first receipt with `duplicate`, whatever `expect` says, or rejects with
   * COMMAND_CONFLICT when the content differs. Rejects with SEQ_CONFLICT, LEASE_HELD, LEASE_LOST, BLOB_MISSING,
   * QUEUE_FULL, CLOSED, READ_ONLY or LATCHED and then nothing of it is stored; with INDETERMINATE and then it may be.
   * An outcome that was judged against appends still in flight is told only when those are durable. */
  append(batch: Batch): Promise<Receipt>
  /** All that was appended before is durable when it resolves, and processes that read can know of it; rejects with what
   * went wrong since the last call. */
  flush(): Promise<void>

  /** Pages of bounded memory, durable events only, each checked as it is read. Sees what was durable at the call, may
   * see more, and ends even while a writer goes on. Throws DAMAGED with file and offset, never a wrong event. */
  read(query: ReadQuery): AsyncIterable<readonly ReadItem[]>
  head(): JournalHead
  stream(name: string): Promise<StreamHead | undefined>
  /** By name as UTF-8 bytes, rising; a deleted stream stays listed, with nothing retained. */
  streams(query: { readonly prefix?: string; readonly after?: string }): AsyncIterable<readonly StreamHead[]>
  /** Calls back after the durable position rose, history was removed, or the store latched or closed. A call may be
   * missed or come twice: it delays a reader, never costs it an event. Returns how to stop. */
  watch(wake: () => void): () => void
  /** Looks for what other processes have made durable (a no-op where this process is the writer). */
  refresh(): Promise<void>

  command(id: string): Promise<Receipt | undefined>
  /** By due time, then id as UTF-8 bytes. */
  agenda(query: AgendaQuery): Promise<readonly AgendaItem[]>
  /** undefined: nobody has it. What was released leaves nothing but that no later token is lower. */
  lease(name: string): Promise<LeaseState | undefined>
  /** What this owner holds, past its time or not: by name as UTF-8 bytes. */
  leases(query: LeaseQuery): Promise<readonly LeaseState[]>
  pins(): Promise<readonly PinState[]>

  /** Makes content ready to be named by an append. Large content is durable on return; small content rides in the
   * batch that names it. Content already there is claimed until the batch that names it settles. */
  stageBlob(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StagedBlob>
  blob(digest: string): Promise<BlobInfo | undefined>
  /** The content in chunks, each verified. Throws BLOB_MISSING or DAMAGED. */
  readBlob(digest: string): AsyncIterable<Uint8Array>

  retain(rule: RetentionRule, options: { readonly dryRun: boolean }): Promise<RetentionReport>

  /** All that an export needs, in pages of bounded memory, as durable when it begins; appends go on meanwhile, retention
   * waits. The same content gives the same records in every store. */
  dump(options?: DumpOptions): AsyncIterable<readonly ImportRecord[]>

  /** Where this journal goes or has gone; undefined where it stays. What it tells is durable, also where another
   * process set it and was killed over it. */
  relocation(): Promise<Relocation | undefined>
  /** Sets or (undefined) clears that, durably, waiting for appends in flight: what was acknowledged before it resolves is
   * in every later dump(). While it is set, append, stageBlob and retain reject with MOVED (core/moved.ts), in every
   * process that has the journal open. Throws MOVED where it is set for another copy, READ_ONLY, SUPERSEDED or what the
   * storage says; then, when it was being set, the journal is as writable as before. */
  relocate(to: Relocation | undefined): Promise<void>

  verify(work: LongWork<VerifyProgress>): Promise<VerifyReport>
  stats(): Promise<StoreStats>
  /** Writes something that is not an event, makes it durable, reads it back. Throws what went wrong. */
  probe(): Promise<void>
  /** What keeps commands of other processes waiting; undefined when nothing does. It is tried again by itself. */
  inboxFailure(): unknown
  /** A consistent copy as of now, into a directory that must not exist or be empty; all or nothing. */
  backup(to: string, work: LongWork<VerifyProgress>): Promise<void>
  /** After LATCHED or INDETERMINATE: recovers anew, in place. */
  reopen(): Promise<void>
  /** Flushes, and frees everything. Idempotent. Afterwards every method but identity() fails with CLOSED. */
  close(): Promise<void>
}
