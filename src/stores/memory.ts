// The memory store: the whole port over arrays and maps, and the plainest statement of what every store must do.
//
// It is for tests, for short-lived journals, and for comparing other stores with. Nothing is kept past the process, so
// "durable" means visible, and an `eventual` append is visible at once too. Every operation happens in one go between
// two turns of the event loop: a batch is judged by core/decide.ts and applied whole, or nothing of it is.
// Parts: memory/state.ts what there is · read.ts pages · retain.ts removal · load.ts import · dump.ts export · verify.ts checks.

import { contentDigest } from '../core/content-digest.ts'
import { decide, receiptOf } from '../core/decide.ts'
import { leaseFloorName } from '../core/lease-floor.ts'
import { movedError, mustBeSameCopy } from '../core/moved.ts'
import { compareUtf8 } from '../core/utf8-order.ts'
import { HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import { limits } from '../limits.ts'
import type { CopyTarget } from './copy-port.ts'
import type { ImportSource } from './import-record.ts'
import { chunksOf, collect, endClaims, stage } from './memory/blobs.ts'
import { MemoryCopyTarget } from './memory/copy-target.ts'
import { dumpPages, snapshotOf } from './memory/dump.ts'
import { assertEmpty, isEmpty, loadState } from './memory/load.ts'
import { readPages } from './memory/read.ts'
import { retain } from './memory/retain.ts'
import { encodePlaced, MemoryState } from './memory/state.ts'
import { verifyState } from './memory/verify.ts'
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
} from './store.ts'

export interface MemoryStoreOptions {
  readonly clock: Clock
  readonly random: Random
  /** Of an import: the journal keeps its id, its history is a new one. */
  readonly journalId?: string | undefined
}

export interface MemoryStore extends Store {
  /** Fills an empty journal with exported records, all of them or none. Rejects with TARGET_NOT_EMPTY, or with
   * IMPORT_INVALID and the record's index in its details. Blobs kept outside the records are staged before. */
  load(records: ImportSource): Promise<void>
  /** This store as the target of a copy: it must be empty, and takes the identity of what is copied. */
  copyTarget(name: string): CopyTarget
}

export function memoryStore(options: MemoryStoreOptions): MemoryStore {
  return new ArrayStore(options)
}

export function isMemoryStore(store: Store): store is MemoryStore {
  return store instanceof ArrayStore
}

export const memoryManifest: StoreManifest = Object.freeze({
  name: 'memory',
  persistent: false,
  readersInOtherProcesses: false,
  inbox: false,
  takeover: false,
  manyWriters: false,
  segments: false,
  backup: false,
  damageable: false,
})

class ArrayStore implements MemoryStore {
  readonly manifest: StoreManifest = memoryManifest
  readonly readOnly: undefined
  readonly #clock: Clock
  readonly #watchers: Set<() => void> = new Set()
  #identity: StoreIdentity
  #relocation: Relocation | undefined
  readonly #copying: MemoryCopyTarget
  #state: MemoryState = new MemoryState()
  #isClosed = false
  #isWakeDue = false

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock
    this.#identity = { journalId: options.journalId ?? options.random.hex(16), epoch: options.random.hex(16) }
    this.#copying = new MemoryCopyTarget({
      isFree: () => isEmpty(this.#open()),
      adopt: (identity, state) => this.#adopt(identity, state),
    })
  }

  identity(): StoreIdentity {
    return this.#identity
  }

  append(batch: Batch): Promise<Receipt> {
    try {
      return Promise.resolve(this.#append(batch))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #append(batch: Batch): Receipt {
    const state = this.#writable()
    const decision = decide(batch, state, this.#clock.now())
    switch (decision.kind) {
      case 'refused':
        throw decision.error
      case 'nothing':
        return decision.receipt
      case 'duplicate':
        endClaims(state.blobs, batch)
        return decision.receipt
      case 'commit': {
        const { events, controls, time } = decision
        for (const control of controls) state.applyControl(control)
        for (let index = 0; index < events.length; index++) {
          const placed = events[index]
          if (placed !== undefined) state.addEvent(encodePlaced(placed, time, index < events.length - 1))
        }
        state.time = time
        endClaims(state.blobs, batch)
        this.#wakeSoon()
        return decision.receipt
      }
    }
  }

  async flush(): Promise<void> {
    this.#open()
  }

  read(query: ReadQuery): AsyncIterable<readonly ReadItem[]> {
    return readPages(() => this.#open(), query)
  }

  head(): JournalHead {
    const { position, events, eventTime } = this.#open()
    return { position, appended: position, earliest: events[0]?.position ?? position + 1, time: eventTime }
  }

  async stream(name: string): Promise<StreamHead | undefined> {
    return this.#open().headOf(name)
  }

  async *streams(query: {
    readonly prefix?: string
    readonly after?: string
  }): AsyncGenerator<readonly StreamHead[], void, undefined> {
    const { prefix = '', after } = query
    const names = [...this.#open().streams.keys()]
      .filter((name) => name.startsWith(prefix) && (after === undefined || compareUtf8(name, after) > 0))
      .sort(compareUtf8)
    for (let index = 0; index < names.length; index += limits.pageEventsMax) {
      const state = this.#open()
      yield names.slice(index, index + limits.pageEventsMax).flatMap((name) => state.headOf(name) ?? [])
    }
  }

  watch(wake: () => void): () => void {
    this.#open()
    // An own function each time, so that the same callback can watch twice and stop once.
    const watcher = () => wake()
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  async refresh(): Promise<void> {
    this.#open()
  }

  async command(id: string): Promise<Receipt | undefined> {
    const command = this.#open().commands.get(id)
    return command === undefined ? undefined : receiptOf(command)
  }

  async agenda(query: AgendaQuery): Promise<readonly AgendaItem[]> {
    return this.#open().agendaItems(query).slice(0, query.limit)
  }

  async lease(name: string): Promise<LeaseState | undefined> {
    return this.#open().leases.get(name)
  }

  async leases({ owner, limit }: LeaseQuery): Promise<readonly LeaseState[]> {
    const held = [...this.#open().leases.values()].filter((lease) => lease.held && lease.owner === owner)
    return held.sort((a, b) => compareUtf8(a.lease, b.lease)).slice(0, limit)
  }

  async pins(): Promise<readonly PinState[]> {
    return [...this.#open().livePins(this.#now())].sort((a, b) => compareUtf8(a.pin, b.pin))
  }

  async stageBlob(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StagedBlob> {
    this.#writable()
    const bytes = await collect(content)
    this.#open()
    return stage(() => this.#state.blobs, bytes)
  }

  async blob(digest: string): Promise<BlobInfo | undefined> {
    const blob = this.#open().blobs.get(digest)
    return blob === undefined ? undefined : { digest, bytes: blob.content.length }
  }

  async *readBlob(digest: string): AsyncGenerator<Uint8Array, void, undefined> {
    yield* chunksOf(this.#open().blobs, digest)
  }

  async retain(rule: RetentionRule, options: { readonly dryRun: boolean }): Promise<RetentionReport> {
    const report = retain(options.dryRun ? this.#open() : this.#writable(), rule, {
      dryRun: options.dryRun,
      now: this.#now(),
    })
    if (!options.dryRun && report.events > 0) this.#wakeSoon()
    return report
  }

  dump(options: DumpOptions = {}): AsyncIterable<readonly ImportRecord[]> {
    return dumpPages(snapshotOf(this.#open()), () => this.#open(), options)
  }

  async relocation(): Promise<Relocation | undefined> {
    this.#open()
    return this.#relocation
  }

  async relocate(to: Relocation | undefined): Promise<void> {
    this.#open()
    mustBeSameCopy('this journal', this.#relocation, to)
    this.#relocation = to
  }

  copyTarget(name: string): CopyTarget {
    return this.#copying.named(name)
  }

  #adopt(identity: StoreIdentity, state: MemoryState): void {
    assertEmpty(this.#open())
    this.#identity = identity
    this.#state = state
    this.#wakeSoon()
  }

  async verify(work: LongWork<VerifyProgress>): Promise<VerifyReport> {
    return verifyState(() => this.#open(), work)
  }

  async stats(): Promise<StoreStats> {
    const state = this.#open()
    let blobBytes = 0
    for (const blob of state.blobs.values()) blobBytes += blob.content.length
    return {
      events: state.events.length,
      streams: state.streams.size,
      segments: 0,
      bytes: state.bytes,
      blobs: state.blobs.size,
      blobBytes,
      commands: state.commands.size,
      agenda: state.agenda.size,
      leases: state.leases.size - (state.leases.has(leaseFloorName) ? 1 : 0),
      pins: state.livePins(this.#now()).length,
    }
  }

  inboxFailure(): undefined {
    this.#open()
  }

  async probe(): Promise<void> {
    const staged = await this.stageBlob(Buffer.from(this.#identity.journalId))
    try {
      for await (const chunk of this.readBlob(staged.digest)) {
        if (contentDigest(chunk) !== staged.digest) {
          throw new HoldfastError('DAMAGED', 'what was written to memory did not come back')
        }
      }
    } finally {
      staged.release()
    }
  }

  async backup(): Promise<void> {
    this.#open()
    throw new HoldfastError('UNSUPPORTED', 'the memory store has no backup', {
      hint: 'Export the journal, or use a store that persists.',
    })
  }

  async reopen(): Promise<void> {
    this.#open()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#state = new MemoryState()
    this.#wake()
    this.#watchers.clear()
  }

  async load(records: ImportSource): Promise<void> {
    assertEmpty(this.#open())
    const loaded = await loadState(this.#open(), records)
    // Others may have appended while the records were read.
    assertEmpty(this.#open())
    this.#state = loaded
    this.#wakeSoon()
  }

  #open(): MemoryState {
    if (this.#isClosed) {
      throw new HoldfastError('CLOSED', 'the journal is closed', { hint: 'Open it again.' })
    }
    return this.#state
  }

  /** What is being copied into it is no journal yet, and what has gone elsewhere none any more. */
  #writable(): MemoryState {
    const state = this.#open()
    if (this.#relocation !== undefined) throw movedError('this journal', this.#relocation)
    this.#copying.mustNotBeUnfinished()
    return state
  }

  /** The journal's own time: it never decreases, whatever the clock does. */
  #now(): number {
    return Math.max(this.#clock.now(), this.#state.time)
  }

  /** Once for all appends of this turn. */
  #wakeSoon(): void {
    if (this.#isWakeDue || this.#watchers.size === 0) return
    this.#isWakeDue = true
    queueMicrotask(() => this.#wake())
  }

  #wake(): void {
    this.#isWakeDue = false
    for (const watcher of [...this.#watchers]) watcher()
  }
}
