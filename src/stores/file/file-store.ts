// The file store: a directory of readable segments, with one writer and any number of readers (FORMAT.md). This file
// puts the engine's parts together behind the store port; what each does stands in src/engine.

import type { AgendaControl, CommandControl, LeaseControl, PinControl } from '../../core/control.ts'
import { receiptOf } from '../../core/decide.ts'
import type { Directories } from '../../disks/directories.ts'
import { backupLog } from '../../engine/backup.ts'
import { Blobs } from '../../engine/blobs.ts'
import { dumpLog } from '../../engine/dump.ts'
import { countEvents } from '../../engine/event-count.ts'
import { superseded, typedFailure } from '../../engine/failure.ts'
import { Inbox } from '../../engine/inbox.ts'
import { fencePath } from '../../engine/layout.ts'
import type { Ownership } from '../../engine/owner.ts'
import { probeDisk } from '../../engine/probe.ts'
import { retainLog } from '../../engine/retention.ts'
import { readBackward, readForward } from '../../engine/sequential-read.ts'
import { kindPrefix, stateKeys } from '../../engine/state-keys.ts'
import { earliestSeq, readStream } from '../../engine/stream-read.ts'
import { verifyLog } from '../../engine/verify.ts'
import { assert, HoldfastError, isHoldfastError } from '../../errors.ts'
import type {
  AgendaItem,
  AgendaQuery,
  Batch,
  BlobInfo,
  ImportRecord,
  JournalHead,
  LeaseState,
  LongWork,
  PinState,
  ReadItem,
  ReadQuery,
  Receipt,
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
import { FileLog, type FileLogOptions } from './file-log.ts'
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
  /** Where backups are made; without it there are none. */
  readonly directories?: Directories | undefined
}

export class FileStore implements Store {
  readonly manifest: StoreManifest
  readonly readOnly: string | undefined
  readonly #options: FileStoreOptions
  readonly #watchers: Watchers
  readonly #blobs: Blobs
  #log: FileLog
  #inbox: Inbox | undefined
  #earliest = 1
  #closing: Promise<void> | undefined
  /** Ends what may take for ever, because somebody outside reads it. */
  #endUpkeep: () => void = () => undefined
  readonly #closingBegun: Promise<void> = new Promise((resolve) => {
    this.#endUpkeep = resolve
  })
  /** Retention, backup and verification take turns: one may not remove what the other reads. */
  #upkeep: Promise<unknown> = Promise.resolve()
  #refreshing: Promise<void> | undefined

  private constructor(
    options: FileStoreOptions,
    log: FileLog,
    parts: { readonly blobs: Blobs; readonly watchers: Watchers },
  ) {
    this.#options = options
    this.readOnly = options.readOnlyReason
    this.manifest = { ...fileManifest, backup: options.directories !== undefined }
    this.#log = log
    this.#blobs = parts.blobs
    this.#watchers = parts.watchers
  }

  static async open(options: FileStoreOptions): Promise<FileStore> {
    const watchers = new Watchers(options.disk, options.clock, { poll: options.ownership === undefined })
    const blobs = new Blobs(options.disk)
    const events = {
      durable: () => watchers.wake(),
      failed: () => watchers.wake(),
    }
    const { ownership, readOnlyReason: _reason, directories: _directories, ...rest } = options
    const logOptions: FileLogOptions = { ...rest, fence: ownership?.fence, blobs, events }
    const log = await FileLog.open(logOptions)
    const store = new FileStore(options, log, { blobs, watchers })
    store.#reopenLog = () => FileLog.open(logOptions)
    await store.#findEarliest()
    if (ownership !== undefined) {
      store.#inbox = new Inbox(options.disk, options.clock, (batch: Batch) => store.append(batch))
      await store.#inbox.start()
    }
    return store
  }

  #reopenLog: () => Promise<FileLog> = () => Promise.reject(new Error('set by open'))

  identity(): StoreIdentity {
    return { journalId: this.#log.identity.journal, epoch: this.#log.identity.epoch }
  }

  get recovery(): FileLog['recovery'] {
    return this.#log.recovery
  }

  append(batch: Batch): Promise<Receipt> {
    const { writer } = this.#log
    if (writer === undefined || this.#closing !== undefined) return Promise.reject(this.#refusal())
    return writer.append(batch)
  }

  async flush(): Promise<void> {
    this.#mustBeOpen()
    await this.#log.writer?.settled()
  }

  async *read(query: ReadQuery): AsyncIterable<readonly ReadItem[]> {
    try {
      this.#mustBeOpen()
      const { select } = query
      if (select.kind === 'stream') yield* readStream(this.#log, query, select.stream)
      else if (query.direction === 'backward') yield* readBackward(this.#log, query)
      else yield* readForward(this.#log, query)
    } catch (error) {
      throw typedFailure(error, this.#options.disk)
    }
  }

  head(): JournalHead {
    this.#mustBeOpen()
    const { position, time } = this.#log.state.scalars
    const durable = this.#log.durableEnd().position
    return { position: durable, appended: position, earliest: Math.min(this.#earliest, durable + 1), time }
  }

  stream(name: string): Promise<StreamHead | undefined> {
    return this.#typed(async () => {
      await this.#stateIsDurable()
      const head = await this.#log.state.loadHead(name)
      if (head === null) return undefined
      return { stream: name, seq: head.seq, position: head.position, earliest: await earliestSeq(this.#log, name) }
    })
  }

  async *streams(query: { readonly prefix?: string; readonly after?: string }): AsyncIterable<readonly StreamHead[]> {
    try {
      await this.#stateIsDurable()
      const after = query.after === undefined ? undefined : stateKeys.head(query.after)
      const pages = this.#log.state.scan<readonly [number, number, number]>(stateKeys.head(query.prefix ?? ''), after)
      for await (const page of pages) {
        const heads: StreamHead[] = []
        for (const [key, [seq, position]] of page) {
          const stream = key.slice(kindPrefix.head.length)
          heads.push({ stream, seq, position, earliest: await earliestSeq(this.#log, stream) })
        }
        yield heads
      }
    } catch (error) {
      throw typedFailure(error, this.#options.disk)
    }
  }

  watch(wake: () => void): () => void {
    return this.#watchers.add(wake)
  }

  refresh(): Promise<void> {
    this.#mustBeOpen()
    if (this.#log.writer !== undefined) return Promise.resolve()
    this.#refreshing ??= this.#typed(() => this.#follow()).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #follow(): Promise<void> {
    let result: boolean | 'anew'
    try {
      result = await this.#log.follow()
    } catch (error) {
      // The writer may have sealed or rewritten what was being read. Opened anew, real damage shows again.
      if (!isHoldfastError(error, 'DAMAGED')) throw error
      result = 'anew'
    }
    if (result === 'anew') {
      const before = this.#log
      this.#log = await this.#openAgain()
      await before.close()
    }
    if (result !== false) await this.#findEarliest()
  }

  /** A writer at work can pull files away under a reader that just opens: that is met by trying again. */
  async #openAgain(): Promise<FileLog> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#reopenLog()
      } catch (error) {
        if (attempt === readerAttemptsMax) throw error
      }
    }
  }

  command(id: string): Promise<Receipt | undefined> {
    return this.#typed(async () => {
      await this.#stateIsDurable()
      await this.#log.state.loadEntry<CommandControl>(stateKeys.command(id))
      const command = this.#log.state.command(id)
      return command === undefined || command === null ? undefined : receiptOf(command)
    })
  }

  agenda(query: AgendaQuery): Promise<readonly AgendaItem[]> {
    return this.#typed(async () => {
      await this.#stateIsDurable()
      const found: AgendaItem[] = []
      const limit = query.limit ?? Number.POSITIVE_INFINITY
      for await (const page of this.#log.state.scan(kindPrefix.due)) {
        for (const [key] of page) {
          const due = Number(key.slice(2, 18))
          const id = key.slice(19)
          if (due > (query.dueBy ?? Number.POSITIVE_INFINITY) || found.length >= limit) return found
          if (query.prefix !== undefined && !id.startsWith(query.prefix)) continue
          const item = await this.#log.state.loadEntry<AgendaControl>(stateKeys.agenda(id))
          const data = item?.data === undefined ? undefined : JSON.stringify(item.data)
          found.push({ id, due, data })
        }
      }
      return found
    })
  }

  lease(name: string): Promise<LeaseState | undefined> {
    return this.#typed(async () => {
      await this.#stateIsDurable()
      const lease = await this.#log.state.loadEntry<LeaseControl>(stateKeys.lease(name))
      if (lease === null) return undefined
      const { owner, token, until, held } = lease
      return { lease: name, owner, token, until, held }
    })
  }

  pins(): Promise<readonly PinState[]> {
    return this.#typed(async () => {
      await this.#stateIsDurable()
      const pins: PinState[] = []
      for await (const page of this.#log.state.scan<PinControl>(kindPrefix.pin)) {
        for (const [, { pin, stream, from, until }] of page) {
          if (from !== null && (until === undefined || until > this.#options.clock.now()))
            pins.push({ pin, stream, from, until })
        }
      }
      return pins
    })
  }

  stageBlob(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StagedBlob> {
    if (this.#log.writer === undefined || this.#closing !== undefined) return Promise.reject(this.#refusal())
    return this.#blobs.stage(content, this.#log)
  }

  blob(digest: string): Promise<BlobInfo | undefined> {
    return this.#typed(async () => {
      await this.#stateIsDurable()
      return this.#blobs.info(digest, this.#log)
    })
  }

  async *readBlob(digest: string): AsyncIterable<Uint8Array> {
    try {
      await this.#stateIsDurable()
      yield* this.#blobs.read(digest, this.#log)
    } catch (error) {
      throw typedFailure(error, this.#options.disk)
    }
  }

  retain(rule: RetentionRule, options: { readonly dryRun: boolean }): Promise<RetentionReport> {
    return this.#inTurn(async () => {
      if (this.#log.writer === undefined && !options.dryRun) throw this.#refusal()
      const report = await retainLog({ log: this.#log, blobs: this.#blobs, pins: await this.pins() }, rule, options)
      if (!options.dryRun) {
        await this.#findEarliest()
        this.#watchers.wake()
      }
      return report
    })
  }

  async *dump(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    this.#mustBeOpen()
    if (this.#log.writer === undefined) yield* this.#dumpAsReader()
    else yield* this.#dumpInTurn()
  }

  /** A log of its own, so that what the writing process does meanwhile can't change what is being read. */
  async *#dumpAsReader(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    const log = await this.#openAgain()
    try {
      for await (const page of dumpLog({ log, blobs: this.#blobs })) {
        this.#mustBeOpen()
        yield page
      }
    } catch (error) {
      throw typedFailure(error, this.#options.disk)
    } finally {
      await log.close()
    }
  }

  /** Keeps its turn until the last page was taken: what it reads may not be removed. Closing doesn't wait for it. */
  async *#dumpInTurn(): AsyncGenerator<readonly ImportRecord[], void, undefined> {
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    let isTurn = (): void => undefined
    const begun = new Promise<void>((resolve) => {
      isTurn = resolve
    })
    const turn = this.#inTurn(() => {
      isTurn()
      return Promise.race([ended, this.#closingBegun])
    })
    await Promise.race([begun, turn])
    try {
      for await (const page of dumpLog({ log: this.#log, blobs: this.#blobs })) {
        if (this.#closing !== undefined) throw closedError()
        yield page
      }
    } catch (error) {
      throw this.#closing === undefined ? typedFailure(error, this.#options.disk) : closedError()
    } finally {
      end()
      await turn
    }
  }

  verify(work: LongWork<VerifyProgress>): Promise<VerifyReport> {
    return this.#inTurn(async () => {
      await this.#log.writer?.settled()
      await this.#log.covered()
      return verifyLog({ log: this.#log, blobs: this.#blobs }, work)
    })
  }

  stats(): Promise<StoreStats> {
    return this.#typed(async () => {
      await this.#stateIsDurable()
      const { state, catalog } = this.#log
      const count = async (prefix: string): Promise<number> => {
        let rows = 0
        for await (const page of state.scan(prefix)) rows += page.length
        return rows
      }
      let blobs = 0
      let blobBytes = 0
      for await (const page of state.scan<{ readonly bytes: number }>(kindPrefix.blob)) {
        for (const [, { bytes }] of page) {
          blobs++
          blobBytes += bytes
        }
      }
      const end = this.#log.durableEnd()
      return {
        events: await countEvents(this.#log),
        streams: await count(kindPrefix.head),
        segments: catalog.all.length,
        bytes: catalog.sealed.reduce((sum, { facts }) => sum + (facts.sealed?.bytes ?? 0), end.bytes),
        blobs,
        blobBytes,
        commands: await count(kindPrefix.command),
        agenda: await count(kindPrefix.agenda),
        leases: await count(kindPrefix.lease),
        pins: (await this.pins()).length,
      }
    })
  }

  probe(): Promise<void> {
    return this.#typed(async () => {
      this.#mustBeOpen()
      const { writer } = this.#log
      if (writer === undefined) throw this.#refusal()
      await probeDisk(this.#log, writer)
    })
  }

  inboxFailure(): unknown {
    this.#mustBeOpen()
    return this.#inbox?.failure
  }

  backup(to: string, work: LongWork<VerifyProgress>): Promise<void> {
    const { directories, disk } = this.#options
    if (this.#closing !== undefined) return Promise.reject(closedError())
    if (directories === undefined) {
      return Promise.reject(
        new HoldfastError('UNSUPPORTED', `${disk.label} was opened without a place for backups`, {
          hint: 'Open the journal by its path.',
        }),
      )
    }
    return this.#inTurn(async () => {
      await this.#log.writer?.settled()
      await backupLog({ log: this.#log, blobs: this.#blobs }, to, work, directories)
    })
  }

  reopen(): Promise<void> {
    return this.#inTurn(async () => {
      const isSound = this.#log.writer === undefined || this.#log.writer.failure === undefined
      if (isSound && !this.#log.state.isDamaged) return
      const { ownership, disk } = this.#options
      if (ownership !== undefined && disk.existsNow(fencePath(ownership.fence + 1))) throw superseded(disk)
      const before = this.#log
      await before.close().catch(() => undefined) // it has failed before: what it says now is known
      this.#log = await this.#reopenLog()
      await this.#findEarliest()
      this.#watchers.wake()
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#typed(() => this.#close())
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#endUpkeep()
    await this.#inbox?.stop()
    await this.#upkeep
    this.#watchers.close()
    try {
      await this.#log.close()
    } finally {
      await this.#options.ownership?.lock.release()
    }
  }

  /** State in memory may be ahead of the disk; what is told of it must survive a crash. */
  async #stateIsDurable(): Promise<void> {
    this.#mustBeOpen()
    if (this.#log.writer?.failure !== undefined || this.#log.writer?.hasPending === true)
      await this.#log.writer.settled()
  }

  /** What the operating system says comes out with a code of ours. */
  async #typed<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw typedFailure(error, this.#options.disk)
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#upkeep.then(() => {
      this.#mustBeOpen()
      return this.#typed(work)
    })
    this.#upkeep = turn.catch(() => undefined) // told to its caller; the next one's turn comes all the same
    return turn
  }

  /** The oldest event that is retained. Costs nothing where nothing was removed at the front. */
  async #findEarliest(): Promise<void> {
    this.#earliest = this.#log.durableEnd().position + 1
    for await (const [first] of readForward(this.#log, { select: { kind: 'all' }, direction: 'forward', limit: 1 })) {
      assert(first !== undefined && !('removed' in first), 'a read that tells no removals gives events')
      this.#earliest = first.position
    }
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw closedError()
  }

  #refusal(): HoldfastError {
    if (this.#closing !== undefined) return closedError()
    return new HoldfastError(
      'READ_ONLY',
      `${this.#options.disk.label} is open for reading only: ${this.readOnly ?? ''}`,
      {
        hint: 'Hand the change to the writing process with submit(), or open the journal for writing.',
      },
    )
  }
}

const readerAttemptsMax = 5

function closedError(): HoldfastError {
  return new HoldfastError('CLOSED', 'the journal is closed', { hint: 'Open it again with open().' })
}
