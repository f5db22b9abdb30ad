// The journal: what users hold in their hands. Each method is short; what it does stands in journal/*.ts.
//
//   append.ts, append-options.ts   user values → a batch          event.ts    what is appended, what reading gives
//   read.ts, select.ts, place.ts   reading, from where            subscribe.ts   following, with live.ts, pin-keeper.ts …
//   retention.ts                   rules, automatic retention     blobs.ts, agenda.ts, leases.ts, health.ts
//
// The journal knows no feature (runs, checkpoints, …): those are built on this face alone.

import { checkName, checkStreamName } from './core/names.ts'
import { type CustomCodec, createPayloadCodec, type PayloadCodec } from './core/payload.ts'
import { createEventRegistry, type EventDefinitions } from './core/schema.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { Agenda } from './journal/agenda.ts'
import { Appender, type Redact } from './journal/append.ts'
import { type AppendOptions, checkDurability, type Durability } from './journal/append-options.ts'
import { checkWhole, invalidArgument } from './journal/argument.ts'
import { Blobs } from './journal/blobs.ts'
import {
  EventDecoder,
  type EventInput,
  type EventOf,
  type NoDefinitions,
  type StreamEventInput,
  type UntypedInput,
} from './journal/event.ts'
import { checkHealth, type Health } from './journal/health.ts'
import { Leases } from './journal/leases.ts'
import { type BroadcastInput, checkLiveBytes, LiveChannel, type LiveEvent } from './journal/live.ts'
import { PagedIterator } from './journal/paged-iterator.ts'
import { cursorAtEnd, streamHead } from './journal/place.ts'
import { decoded, PreparedAppend } from './journal/prepared.ts'
import { EventReading, type ReadOptions } from './journal/read.ts'
import { type AutomaticRetention, RetentionKeeper, type RetentionOptions, ruleOf } from './journal/retention.ts'
import type { Select } from './journal/select.ts'
import { type Notice, subscription } from './journal/subscribe.ts'
import { type LiveSubscribeOptions, type SubscribeOptions, subscriptionPlan } from './journal/subscribe-options.ts'
import type {
  Batch,
  JournalHead,
  LongWork,
  PinState,
  Receipt,
  RetentionReport,
  Store,
  StoreStats,
  StreamHead,
  VerifyProgress,
  VerifyReport,
} from './stores/store.ts'
import { type ExportOptions, type ExportReport, type ExportSink, exportJournal } from './transfer/export.ts'

export interface JournalOptions<D extends EventDefinitions = NoDefinitions> {
  /** Schemas of event types: appends are checked, reads are typed and brought up to date. */
  readonly events?: D
  /** How classes of one's own are stored. */
  readonly codecs?: readonly CustomCodec[]
  /** Sees every event before it is stored: the place to take secrets out. */
  readonly redact?: Redact
  /** Of appends that don't say; 'sync' by default. */
  readonly durability?: Durability
  /** What is removed without being asked. */
  readonly retention?: AutomaticRetention
  /** The source of time; that of this machine by default. */
  readonly clock?: Clock
  /** What was opened, for people. */
  readonly target?: string
  /** Where exports to a path are written. */
  readonly files?: ExportOptions['files']
}

export function createJournal<D extends EventDefinitions = NoDefinitions>(
  store: Store,
  options: JournalOptions<D> = {},
): Journal<D> {
  return new Journal(store, options)
}

/** For what works on whole journals beside this face (copying). Not for users: a store has promises to its journal. */
export let storeOf: (journal: Journal) => Store

export class Journal<D extends EventDefinitions = NoDefinitions> {
  static {
    storeOf = (journal) => journal.#store
  }

  /** What was opened. */
  readonly target: string
  readonly blobs: Blobs
  readonly agenda: Agenda
  readonly leases: Leases
  readonly pins: { list(): Promise<readonly PinState[]> }
  readonly #store: Store
  readonly #clock: Clock
  readonly #files: ExportOptions['files']
  readonly #codec: PayloadCodec
  readonly #appender: Appender
  readonly #decoder: EventDecoder<D>
  readonly #retention: RetentionKeeper | undefined
  readonly #live: LiveChannel = new LiveChannel()
  #closing: Promise<void> | undefined

  constructor(store: Store, options: JournalOptions<D>) {
    const { clock = systemClock, durability = 'sync', redact, events, retention } = options
    checkDurability(durability)
    const codec = createPayloadCodec(options.codecs)
    const registry = events === undefined ? undefined : createEventRegistry(events)
    this.target = options.target ?? `${store.manifest.name}:`
    this.#store = store
    this.#clock = clock
    this.#files = options.files
    this.#codec = codec
    this.#appender = new Appender({ codec, registry, redact, durability })
    this.#decoder = new EventDecoder(codec, registry, () => store.identity().epoch)
    this.blobs = new Blobs(store)
    this.agenda = new Agenda(store, codec, clock)
    this.leases = new Leases(store)
    this.pins = { list: () => store.pins() }
    const isKept = retention !== undefined && store.readOnly === undefined
    this.#retention = isKept ? new RetentionKeeper(store, clock, retention) : undefined
  }

  /** Names this journal for ever. */
  get id(): string {
    return this.#store.identity().journalId
  }

  /** Names this history: cursors of another are refused. */
  get epoch(): string {
    return this.#store.identity().epoch
  }

  /** Whether several processes can have it open for writing at once. */
  get hasManyWriters(): boolean {
    return this.#store.manifest.manyWriters
  }

  /** Why it can't be appended to, if it can't. */
  get readOnly(): string | undefined {
    return this.#store.readOnly
  }

  /** The same journal without the types of its definitions, for code whose own events have none. */
  get untyped(): Journal {
    return this as unknown as Journal
  }

  /** Appends to one stream. All of the events and what goes along with them take effect, or nothing does; numbers are
   * given in the order of calls (with a schema that validates asynchronously: in the order in which that ends). */
  append(stream: string, events: EventInput<D> | readonly EventInput<D>[], options?: AppendOptions): Promise<Receipt>
  /** Appends to several streams at once, each event naming its own. */
  append(events: readonly StreamEventInput<D>[], options?: AppendOptions): Promise<Receipt>
  append(
    first: string | readonly StreamEventInput<D>[],
    second?: EventInput<D> | readonly EventInput<D>[] | AppendOptions,
    third?: AppendOptions,
  ): Promise<Receipt> {
    // Not async: the store's own promise is returned, and an argument error becomes a rejection.
    try {
      const batch = this.#appender.batch(first, second as UntypedInput | readonly UntypedInput[] | AppendOptions, third)
      return batch instanceof Promise ? batch.then((late) => this.#append(late)) : this.#append(batch)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Encodes and checks an append without making it. Throws what is wrong with it at once; a schema that
   * validates asynchronously can't be waited for here (INVALID_ARGUMENT). */
  prepare(stream: string, events: EventInput<D> | readonly EventInput<D>[], options?: AppendOptions): PreparedAppend
  prepare(events: readonly StreamEventInput<D>[], options?: AppendOptions): PreparedAppend
  prepare(
    first: string | readonly StreamEventInput<D>[],
    second?: EventInput<D> | readonly EventInput<D>[] | AppendOptions,
    third?: AppendOptions,
  ): PreparedAppend {
    const batch = this.#appender.batch(first, second as UntypedInput | readonly UntypedInput[] | AppendOptions, third)
    if (batch instanceof Promise) {
      // What it would have ended with is not of interest: the call is refused.
      batch.catch(() => undefined)
      throw invalidArgument('the schema of a prepared event', 'one that validates synchronously')
    }
    return new PreparedAppend(batch, this.#codec, (ready) => this.#append(ready))
  }

  /** What is there: of one stream, of streams with a prefix, or of all. */
  read(select?: Select, options: ReadOptions = {}): EventReading<D> {
    return new EventReading({ store: this.#store, decoder: this.#decoder }, select, options)
  }

  /** The last n events, oldest of them first. */
  async tail(n: number, select?: Select): Promise<EventOf<D>[]> {
    const newestFirst = this.read(select, { direction: 'backward', limit: checkWhole(n, 'n') })
    return (await newestFirst.toArray()).reverse()
  }

  /** What is there and then what comes, without gap or duplicate, and between the events what is broadcast meanwhile in this
   * process. Ends when the journal closes. */
  subscribe(options: LiveSubscribeOptions): AsyncIterable<EventOf<D> | Notice | LiveEvent>
  /** What is there and then what comes, without gap or duplicate, durable events only. Ends when the journal closes. */
  subscribe(options?: SubscribeOptions): AsyncIterable<EventOf<D> | Notice>
  subscribe(options: SubscribeOptions = {}): AsyncIterable<EventOf<D> | Notice | LiveEvent> {
    const isClosed = () => this.#closing !== undefined
    const plan = subscriptionPlan(options, () => (isClosed() ? 0 : this.#store.head().position))
    const live = { channel: this.#live, decode: (text: string) => decoded(text, this.#codec) }
    const host = { store: this.#store, clock: this.#clock, decoder: this.#decoder, live, isClosed }
    return { [Symbol.asyncIterator]: () => subscription(host, plan) }
  }

  /** Tells it to who follows this stream, in this process and at this moment, with `live: true`: nothing is stored, nobody
   * hears of it later, and it costs no write. Data is checked and redacted as that of an append. Throws INVALID_STREAM,
   * INVALID_ARGUMENT, NOT_STORABLE, TOO_LARGE. */
  broadcast(stream: string, event: BroadcastInput): void {
    this.prepareBroadcast(stream, event)()
  }

  /** Encodes and checks a broadcast without making it: a function that makes it. Throws as broadcast() does. */
  prepareBroadcast(stream: string, { type, data }: BroadcastInput): () => void {
    const text = this.#appender.payload(stream, { type, data })
    checkLiveBytes(type, text)
    return () => {
      const behind = this.#closing === undefined ? this.#store.head().position : undefined
      if (behind !== undefined) this.#live.tell({ stream, type, text, time: this.#clock.now(), behind })
    }
  }

  /** The newest and earliest of the journal, or of a stream (seq 0: it never had an event). */
  head(): Promise<JournalHead>
  head(stream: string): Promise<StreamHead>
  async head(stream?: string): Promise<JournalHead | StreamHead> {
    await this.#store.refresh()
    if (stream === undefined) return this.#store.head()
    checkStreamName(stream)
    return streamHead(this.#store, stream)
  }

  /** All streams, by name. */
  streams(
    filter: { readonly prefix?: string; readonly after?: string } = {},
  ): AsyncIterableIterator<StreamHead, undefined> {
    return new PagedIterator(this.#store.streams(filter)[Symbol.asyncIterator]())
  }

  /** Where a reader stands that has all that is durable behind it. */
  async cursor(): Promise<string> {
    await this.#store.refresh()
    return cursorAtEnd(this.#store)
  }

  /** The receipt of a command id that took effect. */
  async command(id: string): Promise<Receipt | undefined> {
    checkName(id, 'command id')
    return this.#store.command(id)
  }

  async retain(rule: RetentionOptions, options: { readonly dryRun?: boolean } = {}): Promise<RetentionReport> {
    return this.#store.retain(ruleOf(rule, this.#clock.now()), { dryRun: options.dryRun ?? false })
  }

  /** Resolves when all that was appended is durable, also what was appended as 'eventual', and a process that opens the
   * journal for reading finds it. */
  flush(): Promise<void> {
    return this.#store.flush()
  }

  /** Reads everything and checks it. */
  verify(work: LongWork<VerifyProgress> = {}): Promise<VerifyReport> {
    return this.#store.verify(work)
  }

  stats(): Promise<StoreStats> {
    return this.#store.stats()
  }

  health(): Promise<Health> {
    return checkHealth(this.#store, this.#clock, this.#retention)
  }

  /** A consistent copy as of now, into a directory that must not exist or be empty. */
  backup(to: string, work: LongWork<VerifyProgress> = {}): Promise<void> {
    return this.#store.backup(to, work)
  }

  /** One checksummed file of JSON Lines with everything, as of now, for importJournal(): to a path, all or nothing, or
   * piped to a WritableStream or a function. Appends go on meanwhile. */
  export(to: string | ExportSink, options: Omit<ExportOptions, 'clock' | 'files'> = {}): Promise<ExportReport> {
    return exportJournal(this.#store, to, { ...options, clock: this.#clock, files: this.#files })
  }

  /** After LATCHED or INDETERMINATE: recovers anew, in place. */
  reopen(): Promise<void> {
    return this.#store.reopen()
  }

  /** Ends subscriptions, flushes, and frees everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #append(batch: Batch): Promise<Receipt> {
    this.#retention?.noteAppend(batch)
    return this.#store.append(batch)
  }

  async #close(): Promise<void> {
    await this.#retention?.stop()
    await this.#store.close()
  }
}
