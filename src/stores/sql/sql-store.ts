// The store on a database, written once for all engines. What engines differ in stands behind SqlBackend (backend.ts);
// what is promised to the journal is kept here:
//
//   append    appender.ts queues and commits groups · judging.ts judges them · wanted.ts what must be known for it
//   read      read.ts pages · walkers.ts ways to the rows · event-check.ts each event checked
//   blobs     staged-blobs.ts before they are named · blob-content.ts read and checked
//   upkeep    upkeep.ts takes turns · retain.ts, removal.ts · dump.ts, load.ts · verify.ts
//
// Many processes may have the same journal open and write: the head row's lock orders them. So nothing but the head is
// kept in memory here, and the head only as what was seen last.

import type { CommandControl } from '../../core/control.ts'
import { receiptOf } from '../../core/decide.ts'
import { parseSound } from '../../core/record.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { limits } from '../../limits.ts'
import type { ImportSource } from '../import-record.ts'
import type {
  AgendaItem,
  AgendaQuery,
  Batch,
  BlobInfo,
  DumpOptions,
  ImportRecord,
  JournalHead,
  LeaseQuery,
  LeaseState,
  LongWork,
  PinState,
  ReadItem,
  ReadQuery,
  Receipt,
  Relocation,
  RetentionReport,
  RetentionRule,
  StagedBlob,
  Store,
  StoreIdentity,
  StoreManifest,
  StoreStats,
  StreamHead,
  VerifyProgress,
  VerifyReport,
} from '../store.ts'
import { Turns } from '../turns.ts'
import { Appender } from './appender.ts'
import type { SqlBackend, SqlReader } from './backend.ts'
import { blobContent } from './blob-content.ts'
import { copyMarksOf, mustBeJournal, mustStay } from './copy-marks.ts'
import { Gate } from './gate.ts'
import { nextTurn } from './next-turn.ts'
import { readPages } from './read.ts'
import { withPatience } from './retry.ts'
import type { HeadRow, StreamRow } from './rows.ts'
import { StagedBlobs } from './staged-blobs.ts'
import { Upkeep } from './upkeep.ts'
import { Wakeups } from './wakeups.ts'

export interface SqlStoreOptions {
  readonly backend: SqlBackend
  readonly clock: Clock
  readonly random: Random
}

export class SqlStore implements Store {
  readonly manifest: StoreManifest
  readonly #backend: SqlBackend
  readonly #clock: Clock
  readonly #gate: Gate
  readonly #writing: Turns = new Turns()
  readonly #upkeep: Upkeep
  readonly #blobs: StagedBlobs
  readonly #appender: Appender
  readonly #wakeups: Wakeups
  readonly #owner: string
  #head: HeadRow
  #closing: Promise<void> | undefined

  private constructor({ backend, clock, random }: SqlStoreOptions, head: HeadRow) {
    this.manifest = backend.manifest
    this.#backend = backend
    this.#clock = clock
    this.#head = head
    this.#gate = new Gate(backend.label, backend.readOnly)
    this.#owner = random.hex(16)
    this.#wakeups = new Wakeups((wake) => backend.watch(wake))
    this.#blobs = new StagedBlobs({
      owner: this.#owner,
      now: () => this.#now(),
      write: (work) => this.#appender.write(work),
    })
    this.#appender = new Appender({
      backend,
      clock,
      writing: this.#writing,
      blobs: this.#blobs,
      committed: (committed) => this.#seen(committed),
      failed: () => this.#wakeups.wake(),
    })
    this.#upkeep = new Upkeep({
      backend,
      clock,
      gate: this.#gate,
      writing: this.#writing,
      appender: this.#appender,
      blobs: this.#blobs,
      now: () => this.#now(),
      flush: () => this.flush(),
      ask: (question) => this.#ask(question),
      look: () => this.#lookAtHead(),
      reopened: (reopened) => {
        this.#head = reopened
        this.#wakeups.wake()
      },
    })
  }

  /** Throws COPY_UNFINISHED. */
  static async open(options: SqlStoreOptions): Promise<SqlStore> {
    const { backend, clock } = options
    const isOver = () => false
    let head = await withPatience(clock, () => backend.head(), isOver)
    mustBeJournal(head, backend.label)
    // What a writer that is gone committed without sync is served only once it is durable.
    if (backend.readOnly === undefined && head.durable < head.position) {
      head = await withPatience(clock, () => backend.flush(), isOver)
    }
    return new SqlStore(options, head)
  }

  get readOnly(): string | undefined {
    return this.#backend.readOnly
  }

  identity(): StoreIdentity {
    const { journalId, epoch } = this.#head
    const ancestors = copyMarksOf(this.#head).origin?.ancestors ?? []
    return { journalId, epoch, ...(ancestors.length === 0 ? {} : { ancestors }) }
  }

  append(batch: Batch): Promise<Receipt> {
    const refusal = this.#gate.refusal()
    return refusal === undefined ? this.#appender.append(batch) : Promise.reject(refusal)
  }

  async flush(): Promise<void> {
    this.#gate.mustBeOpen()
    if (this.readOnly !== undefined) return
    await this.#appender.settled()
    this.#appender.mustBeSound()
    if (this.#head.durable < this.#head.position) await this.#appender.flush()
  }

  read(query: ReadQuery): AsyncIterable<readonly ReadItem[]> {
    return readPages(
      {
        label: this.#backend.label,
        ask: (question) => this.#ask(question),
        mustBeOpen: () => this.#gate.mustBeOpen(),
        head: () => this.#lookAtHead(),
      },
      query,
    )
  }

  head(): JournalHead {
    this.#gate.mustBeOpen()
    const { position, durable, earliest, eventTime } = this.#head
    return { position: durable, appended: position, earliest: Math.min(earliest, durable + 1), time: eventTime }
  }

  async stream(name: string): Promise<StreamHead | undefined> {
    const row = await this.#askDurable((reader) => reader.stream(name))
    return row === undefined || row.seq === 0 ? undefined : streamHead(row)
  }

  async *streams(query: {
    readonly prefix?: string
    readonly after?: string
  }): AsyncGenerator<readonly StreamHead[], void, undefined> {
    const { prefix = '' } = query
    const rowsMax = limits.pageEventsMax
    for (let { after } = query; ; ) {
      const name = after
      const rows = await this.#askDurable((reader) => reader.streams({ prefix, after: name, rowsMax }))
      if (rows.length > 0) yield rows.map(streamHead)
      if (rows.length < rowsMax) return
      after = rows.at(-1)?.stream
      await nextTurn()
    }
  }

  watch(wake: () => void): () => void {
    this.#gate.mustBeOpen()
    return this.#wakeups.add(wake)
  }

  async refresh(): Promise<void> {
    await this.#lookAtHead()
  }

  async command(id: string): Promise<Receipt | undefined> {
    const [row, { forgetBefore }] = await this.#askDurable(
      async (reader) => [await reader.command(id), await reader.head()] as const,
    )
    if (row === undefined || row.time < forgetBefore) return undefined
    return receiptOf(parseSound(row.text) as CommandControl)
  }

  async agenda(query: AgendaQuery): Promise<readonly AgendaItem[]> {
    return this.#askDurable((reader) => reader.agenda(query))
  }

  async lease(name: string): Promise<LeaseState | undefined> {
    return this.#askDurable((reader) => reader.lease(name))
  }

  async leases(query: LeaseQuery): Promise<readonly LeaseState[]> {
    return this.#askDurable((reader) => reader.leasesOf(query))
  }

  async pins(): Promise<readonly PinState[]> {
    const pins = await this.#askDurable((reader) => reader.pins())
    const now = this.#now()
    return pins.filter(({ until }) => until === undefined || until > now)
  }

  async stageBlob(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StagedBlob> {
    this.#gate.mustWrite()
    mustStay(await this.#lookAtHead(), this.#backend.label)
    const staged = await this.#blobs.stage(content)
    this.#gate.mustWrite()
    return staged
  }

  async blob(digest: string): Promise<BlobInfo | undefined> {
    const staged = this.#blobs.staged(digest)
    const row = await this.#askDurable((reader) => reader.blob(digest))
    if (staged !== undefined) return { digest, bytes: staged.bytes }
    return row?.named === true ? { digest, bytes: row.bytes } : undefined
  }

  async *readBlob(digest: string): AsyncGenerator<Uint8Array, void, undefined> {
    this.#gate.mustBeOpen()
    const held = this.#blobs.staged(digest)?.data
    if (held !== undefined) yield Uint8Array.from(held)
    else yield* blobContent((question) => this.#ask(question), this.#backend.label, digest)
  }

  retain(rule: RetentionRule, options: { readonly dryRun: boolean }): Promise<RetentionReport> {
    return this.#upkeep.retain(rule, options)
  }

  dump(options: DumpOptions = {}): AsyncIterable<readonly ImportRecord[]> {
    return this.#upkeep.dump(options)
  }

  async relocation(): Promise<Relocation | undefined> {
    const { relocation } = copyMarksOf(await this.#lookAtHead())
    // Whoever set it may have been killed before it was durable.
    if (relocation !== undefined && this.readOnly === undefined) await this.#appender.flush()
    return relocation
  }

  relocate(to: Relocation | undefined): Promise<void> {
    return this.#upkeep.relocate(to)
  }

  /** Fills an empty journal with exported records, all of them or none. Rejects with TARGET_NOT_EMPTY, or with
   * IMPORT_INVALID and the record's index in its details. */
  load(records: ImportSource): Promise<void> {
    return this.#upkeep.load(records)
  }

  verify(work: LongWork<VerifyProgress>): Promise<VerifyReport> {
    return this.#upkeep.verify(work)
  }

  async stats(): Promise<StoreStats> {
    const now = this.#now()
    const [figures, head, missing] = await this.#askDurable(async (reader) => {
      const staged = [...this.#blobs.all]
      const known = await reader.references(
        staged.map(([digest]) => digest),
        now,
      )
      const named = new Set(known.filter(({ events }) => events > 0).map(({ digest }) => digest))
      const unnamed = staged.filter(([digest]) => !named.has(digest))
      return [await reader.figures(now), await reader.head(), unnamed] as const
    })
    let blobBytes = figures.blobBytes
    for (const [, { bytes }] of missing) blobBytes += bytes
    const { events, bytes } = head
    return { ...figures, events, bytes, segments: 0, blobs: figures.blobs + missing.length, blobBytes }
  }

  async probe(): Promise<void> {
    this.#gate.mustWrite()
    await this.#appender.write((backend) => backend.probe())
  }

  inboxFailure(): undefined {
    this.#gate.mustBeOpen()
  }

  backup(to: string, work: LongWork<VerifyProgress>): Promise<void> {
    return this.#upkeep.backup(to, work)
  }

  reopen(): Promise<void> {
    return this.#upkeep.reopen()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#gate.close()
    this.#appender.close()
    try {
      await this.#appender.settled()
      await this.#upkeep.close()
      if (this.readOnly === undefined && this.#appender.failure === undefined) {
        if (this.#head.durable < this.#head.position) await this.#appender.flush()
        // Claims that could not be ended end by themselves.
        if (this.#blobs.all.size > 0) {
          await this.#appender.write((backend) => backend.endClaims(this.#owner, undefined)).catch(() => undefined)
        }
      }
      await this.#writing.close()
    } finally {
      this.#blobs.clear()
      this.#wakeups.close()
      await this.#backend.close()
    }
  }

  /** The journal's own time: it never decreases, whatever the clock does. */
  #now(): number {
    return Math.max(this.#clock.now(), this.#head.time)
  }

  /** Never back: two looks may come in another order than the commits they saw. But numbers that were given out and never
   * made durable go back when the server that had them crashes: then what is durable rises past what was seen. */
  #seen(head: HeadRow): void {
    const before = this.#head
    if (head.durable < before.durable || head.earliest < before.earliest) return
    if (head.durable === before.durable && head.position < before.position) return
    this.#head = head
    if (head.durable > before.durable || head.events < before.events) this.#wakeups.wake()
  }

  async #lookAtHead(): Promise<HeadRow> {
    const head = await this.#ask((reader) => reader.head())
    this.#seen(head)
    return head
  }

  async #ask<T>(question: (reader: SqlReader) => Promise<T>): Promise<T> {
    this.#gate.mustBeOpen()
    return this.#gate.typed(() =>
      withPatience(
        this.#clock,
        () => question(this.#backend),
        () => this.#gate.isClosed,
      ),
    )
  }

  /** What a question found is told when all is durable that was there then. */
  async #askDurable<T>(question: (reader: SqlReader) => Promise<T>): Promise<T> {
    const answer = await this.#ask(question)
    const { durable, position } = this.#head
    const mayFlush = this.readOnly === undefined && this.#appender.failure === undefined && !this.#gate.isClosed
    if (durable < position && mayFlush) await this.#appender.flush()
    return answer
  }
}

function streamHead({ stream, seq, position, earliest }: StreamRow): StreamHead {
  return { stream, seq, position, earliest }
}
