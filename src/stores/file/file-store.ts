// The file store: a directory of readable segments, with one writer and any number of readers (FORMAT.md). This file
// puts the engine's parts together behind the store port; what each does stands in src/engine.

import type { Seq } from '../../core/numbers.ts'
import type { Directories } from '../../disks/directories.ts'
import { Blobs } from '../../engine/blobs.ts'
import { Inbox } from '../../engine/inbox.ts'
import { readMoved } from '../../engine/moved-file.ts'
import type { Ownership } from '../../engine/owner.ts'
import { probeDisk } from '../../engine/probe.ts'
import { earliestSeq } from '../../engine/stream-read.ts'
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
import { askBesideWriter, type BesideWriter, readBesideWriter, readBlobBesideWriter } from './beside-writer.ts'
import { CurrentLog } from './current-log.ts'
import type { FileLog, FileLogOptions } from './file-log.ts'
import { Gate } from './gate.ts'
import {
  countAll,
  findAgenda,
  findCommand,
  findLease,
  findLeases,
  findPins,
  findStream,
  listStreams,
} from './state-queries.ts'
import { Upkeep } from './upkeep.ts'
import { Watchers } from './watchers.ts'

export const fileManifest: StoreManifest = {
  name: 'file',
  persistent: true,
  readersInOtherProcesses: true,
  inbox: true,
  takeover: true,
  manyWriters: false,
  segments: true,
  backup: true,
  damageable: true,
}

export type FileStoreOptions = Omit<FileLogOptions, 'events' | 'blobs' | 'fence'> & {
  /** undefined: for reading only. */
  readonly ownership: Ownership | undefined
  readonly readOnlyReason: string | undefined
  /** What moved.json says, where that doesn't keep it from being opened. */
  readonly relocation?: Relocation | undefined
  /** Where backups are made; without it there are none. */
  readonly directories?: Directories | undefined
}

export class FileStore implements Store {
  readonly manifest: StoreManifest
  readonly #options: FileStoreOptions
  readonly #gate: Gate
  readonly #watchers: Watchers
  readonly #blobs: Blobs
  readonly #current: CurrentLog
  readonly #upkeep: Upkeep
  #inbox: Inbox | undefined
  #closing: Promise<void> | undefined
  #refreshing: Promise<void> | undefined
  /** While there is no log to read; never rejects. */
  #reopening: Promise<void> | undefined

  private constructor(
    options: FileStoreOptions,
    parts: { readonly current: CurrentLog; readonly blobs: Blobs; readonly watchers: Watchers },
  ) {
    this.#options = options
    this.manifest = { ...fileManifest, backup: options.directories !== undefined }
    this.#current = parts.current
    this.#blobs = parts.blobs
    this.#watchers = parts.watchers
    this.#gate = new Gate(options.disk, { readOnly: options.readOnlyReason, fence: options.ownership?.fence })
    this.#gate.relocation = options.relocation
    const { disk, ownership, directories } = options
    const changed = () => this.#watchers.wake()
    this.#upkeep = new Upkeep({ ...parts, disk, ownership, directories, gate: this.#gate, changed })
  }

  static async open(options: FileStoreOptions): Promise<FileStore> {
    const watchers = new Watchers(options.disk, options.clock, { poll: options.ownership === undefined })
    const blobs = new Blobs(options.disk)
    const events = {
      durable: () => watchers.wake(),
      failed: () => watchers.wake(),
    }
    const { ownership, readOnlyReason: _reason, relocation: _moved, directories: _directories, ...rest } = options
    const current = await CurrentLog.open({ ...rest, fence: ownership?.fence, blobs, events })
    const store = new FileStore(options, { current, blobs, watchers })
    if (ownership !== undefined) {
      store.#inbox = new Inbox(options.disk, options.clock, (batch: Batch) => store.append(batch))
      await store.#inbox.start()
    }
    return store
  }

  get #log(): FileLog {
    return this.#current.log
  }

  get readOnly(): string | undefined {
    return this.#gate.readOnly
  }

  identity(): StoreIdentity {
    const { journal, epoch, ancestors } = this.#log.identity
    return { journalId: journal, epoch, ...(ancestors === undefined ? {} : { ancestors }) }
  }

  get recovery(): FileLog['recovery'] {
    return this.#log.recovery
  }

  append(batch: Batch): Promise<Receipt> {
    const { writer } = this.#log
    if (writer === undefined || !this.#gate.mayWrite) return Promise.reject(this.#gate.refusal())
    return writer.append(batch)
  }

  async flush(): Promise<void> {
    this.#gate.mustBeOpen()
    const { writer } = this.#log
    await writer?.settled()
    await writer?.shown()
  }

  read(query: ReadQuery): AsyncIterable<readonly ReadItem[]> {
    return this.#gate.typedParts(async () => {
      this.#gate.mustBeOpen()
      return readBesideWriter(this.#place, query)
    })
  }

  head(): JournalHead {
    this.#gate.mustBeOpen()
    const { position, time } = this.#log.state.scalars
    const durable = this.#log.durableEnd().position
    return { position: durable, appended: position, earliest: Math.min(this.#current.earliest, durable + 1), time }
  }

  stream(name: string): Promise<StreamHead | undefined> {
    // What never was isn't on its way to the disk either.
    if (this.#hasNever(name)) return Promise.resolve(undefined)
    return this.#ask((log) => findStream(log, name))
  }

  streams(query: { readonly prefix?: string; readonly after?: string }): AsyncIterable<readonly StreamHead[]> {
    return this.#gate.typedParts(async () => {
      await this.#current.reopening
      this.#gate.mustBeOpen()
      return listStreams(this.#log, query, (name) => this.#earliestSeq(name))
    })
  }

  #earliestSeq(stream: string): Promise<Seq> {
    return askBesideWriter(this.#place, (log) => earliestSeq(log, stream))
  }

  get #place(): BesideWriter {
    return { current: this.#current, gate: this.#gate }
  }

  watch(wake: () => void): () => void {
    return this.#watchers.add(wake)
  }

  refresh(): Promise<void> {
    this.#gate.mustBeOpen()
    if (this.#log.writer !== undefined) return Promise.resolve()
    this.#refreshing ??= this.#gate
      .typed(() => this.#current.follow())
      .finally(() => {
        this.#refreshing = undefined
      })
    return this.#refreshing
  }

  command(id: string): Promise<Receipt | undefined> {
    return this.#ask(({ state }) => findCommand(state, id))
  }

  agenda(query: AgendaQuery): Promise<readonly AgendaItem[]> {
    return this.#ask(({ state }) => findAgenda(state, query))
  }

  lease(name: string): Promise<LeaseState | undefined> {
    return this.#ask(({ state }) => findLease(state, name))
  }

  leases(query: LeaseQuery): Promise<readonly LeaseState[]> {
    return this.#ask(({ state }) => findLeases(state, query))
  }

  pins(): Promise<readonly PinState[]> {
    return this.#ask(({ state }) => findPins(state, this.#options.clock.now()))
  }

  stats(): Promise<StoreStats> {
    return this.#ask((log) => countAll(log, this.#options.clock.now()))
  }

  stageBlob(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StagedBlob> {
    if (this.#log.writer === undefined || !this.#gate.mayWrite) return Promise.reject(this.#gate.refusal())
    return this.#blobs.stage(content, this.#log)
  }

  blob(digest: string): Promise<BlobInfo | undefined> {
    return this.#ask((log) => this.#blobs.info(digest, log))
  }

  readBlob(digest: string): AsyncIterable<Uint8Array> {
    return this.#gate.typedParts(async () => {
      await this.blob(digest) // and what it found is durable
      return readBlobBesideWriter(this.#place, (log) => this.#blobs.read(digest, log))
    })
  }

  retain(rule: RetentionRule, options: { readonly dryRun: boolean }): Promise<RetentionReport> {
    return this.#upkeep.retain(rule, options, () => this.pins())
  }

  dump(options: DumpOptions = {}): AsyncIterable<readonly ImportRecord[]> {
    return this.#upkeep.dump(options)
  }

  relocation(): Promise<Relocation | undefined> {
    return this.#gate.typed(async () => {
      this.#gate.mustBeOpen()
      return readMoved(this.#options.disk)
    })
  }

  relocate(to: Relocation | undefined): Promise<void> {
    return this.#upkeep.relocate(to)
  }

  /** Refuses changes as if it were marked, in this process alone: what was acknowledged before is in every dump from the
   * moment at which it resolves. */
  hold(relocation: Relocation): Promise<void> {
    return this.#upkeep.hold(relocation)
  }

  verify(work: LongWork<VerifyProgress>): Promise<VerifyReport> {
    return this.#upkeep.verify(work)
  }

  backup(to: string, work: LongWork<VerifyProgress>): Promise<void> {
    return this.#upkeep.backup(to, work)
  }

  reopen(): Promise<void> {
    return this.#upkeep.reopen()
  }

  probe(): Promise<void> {
    return this.#gate.typed(async () => {
      this.#gate.mustBeOpen()
      const { writer } = this.#log
      if (writer === undefined) throw this.#gate.refusal()
      await probeDisk(this.#log, writer)
    })
  }

  inboxFailure(): unknown {
    this.#gate.mustBeOpen()
    return this.#inbox?.failure
  }

  close(): Promise<void> {
    this.#gate.close()
    this.#closing ??= this.#gate.typed(() => this.#close())
    return this.#closing
  }

  async #close(): Promise<void> {
    const upkeepEnds = this.#upkeep.close()
    await this.#inbox?.stop()
    await upkeepEnds
    this.#watchers.close()
    await this.#refreshing?.catch(() => undefined) // told to whoever asked for it
    try {
      await this.#current.close()
    } finally {
      await this.#options.ownership?.lock.release()
    }
  }

  /** Whether the writer knows at once that there is no such stream. */
  #hasNever(name: string): boolean {
    if (this.#gate.isClosed || this.#current.reopening !== undefined) return false
    const { writer, state } = this.#log
    return writer !== undefined && writer.failure === undefined && state.head(name) === null
  }

  /** State in memory may be ahead of the disk: what a question found is told when all is durable that was there then. */
  #ask<T>(question: (log: FileLog) => Promise<T>): Promise<T> {
    return this.#gate.typed(() =>
      askBesideWriter(this.#place, async (log) => {
        this.#gate.mustBeOpen()
        const answer = await question(log)
        await log.stateIsDurable()
        return answer
      }),
    )
  }
}
