// What the journal knows beside its events: heads of streams, command ids, agenda, leases, pins, blobs, and what
// retention took. The log is the truth; this is the fold of it. Memory holds what changed since the last seal
// (`recent`), what a seal is just writing out (`flushing`), what the last one wrote, if that isn't much (`written`), and a
// bounded cache of what was looked up; the rest lies in the sorted tables. What a seal takes over it takes whole, without
// copying an entry: what a burst leaves behind in memory is the process's for long.
//
// A value is `undefined` when memory can't say (load it), `null` when it is known to be absent.

import type { CommandStart } from '../core/command-line.ts'
import type {
  AgendaControl,
  BlobControl,
  CommandControl,
  Control,
  ForgetControl,
  LeaseControl,
  RetainControl,
} from '../core/control.ts'
import type { ByteOffset, Position, Seq, TimeMs } from '../core/numbers.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import { BoundedCache } from './bounded-cache.ts'
import { DueWindow } from './due-window.ts'
import { EntryText, entryValue, NewEntry } from './entry-text.ts'
import { StateEntries } from './state-entries.ts'
import { stateKeys } from './state-keys.ts'
import { dueKeys, emptyMemory, type Memory, MemoryRows, rowsUnder, type StreamState } from './state-memory.ts'
import { TableDamaged } from './tables/table-damaged.ts'
import type { TableSet } from './tables/table-set.ts'

/** A blob's record, and where it stands in the log when its content stands there. */
export interface BlobPlace {
  readonly bytes: number
  readonly chunks?: readonly (readonly [digest: string, bytes: number])[]
  readonly at?: readonly [segment: number, offset: ByteOffset]
}

/** What is small enough to be in memory always, and is kept in the tables' note. */
export interface Scalars {
  position: Position
  time: TimeMs
  /** Positions below are removed, but for `keep`. */
  cut: Position
  keep: Map<string, Seq>
  /** Streams truncated by rule whose events may still stand in the log. */
  truncating: Map<string, Seq>
  forgetBefore: TimeMs
}

export class State {
  readonly #tables: TableSet
  readonly scalars: Scalars
  /** Number of the newest segment that the tables cover. */
  coveredThrough = 0
  /** Command ids of before this time are forgotten, by what the tables cover; `scalars` may be ahead of that. */
  coveredForgetBefore: TimeMs = 0
  /** The agenda's front, for claims. */
  readonly due: DueWindow = new DueWindow()
  #isDamaged = false
  #recent: Memory = emptyMemory()
  #flushing: Memory | undefined
  #written: Memory = emptyMemory()
  /** Counts the seals that were written out. */
  #writes = 0
  readonly #headCache: BoundedCache<StreamState | null> = new BoundedCache(limits.stateCacheMax)
  readonly #entryCache: BoundedCache<unknown> = new BoundedCache(limits.stateCacheMax)

  constructor(tables: TableSet, scalars: Scalars) {
    this.#tables = tables
    this.scalars = scalars
  }

  /** A table was found damaged: lookups may fail until the journal is opened anew. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  get tables(): TableSet {
    return this.#tables
  }

  head(stream: string): StreamState | null | undefined {
    const known =
      this.#recent.heads.get(stream) ??
      this.#flushing?.heads.get(stream) ??
      this.#written.heads.get(stream) ??
      this.#headCache.get(stream)
    return known === undefined && this.#tables.excludes(stateKeys.head(stream)) ? null : known
  }

  async loadHead(stream: string): Promise<StreamState | null> {
    const known = this.head(stream)
    if (known !== undefined) return known
    const loaded = await this.#load(stateKeys.head(stream), () => this.head(stream), parseHead)
    if (loaded.isNew) this.#headCache.set(stream, loaded.value)
    return loaded.value
  }

  /** What the tables hold, unless it was set while they were asked: what is in memory is newer. */
  async #load<T>(
    key: string,
    held: () => T | null | undefined,
    parse: (text: string) => T,
  ): Promise<{ readonly value: T | null; readonly isNew: boolean }> {
    for (;;) {
      const writes = this.#writes
      const text = await this.#ask(key)
      const meanwhile = held()
      if (meanwhile !== undefined) return { value: meanwhile, isNew: false }
      // It may have been set, written and let go of meanwhile.
      if (writes === this.#writes) return { value: text === undefined ? null : parse(text), isNew: true }
    }
  }

  /** Remembers that a table is damaged, so that the next opening makes them anew. */
  async #ask(key: string): Promise<string | undefined> {
    try {
      return await this.#tables.get(key)
    } catch (error) {
      if (error instanceof TableDamaged) this.#isDamaged = true
      throw error
    }
  }

  setHead(stream: string, head: StreamState): void {
    this.#recent.heads.set(stream, head)
  }

  /** The value under a key: undefined when memory can't say, null when there is none. */
  entry<T>(key: string): T | null | undefined {
    return entryValue(this.#held(key)) as T | null | undefined
  }

  #held(key: string): unknown {
    const recent = this.#recent.entries.get(key)
    if (recent !== undefined) return recent
    const flushing = this.#flushing?.entries.get(key)
    if (flushing !== undefined) return flushing
    const written = this.#written.entries.get(key)
    if (written !== undefined) return written
    const looked = this.#entryCache.get(key)
    return looked === undefined && this.#tables.excludes(key) ? null : looked
  }

  async loadEntry<T>(key: string): Promise<T | null> {
    const known = this.entry<T>(key)
    if (known !== undefined) return known
    const loaded = await this.#load(
      key,
      () => this.entry<T>(key),
      (text) => JSON.parse(text) as T,
    )
    if (loaded.isNew) this.#entryCache.set(key, loaded.value)
    return loaded.value
  }

  setEntry(key: string, value: unknown): void {
    assert(value !== undefined, 'an absent entry is null')
    this.#recent.entries.set(key, value)
  }

  /** A value where there was one before or, as `before` says, none. */
  #put(key: string, value: unknown, before: unknown): void {
    const held = this.#recent.entries.get(key)
    const isNew = held instanceof NewEntry || (held === undefined && before === null)
    this.setEntry(key, isNew ? new NewEntry(value) : value)
  }

  /** What was put since the last seal, where there was nothing, goes without a trace: the tables needn't be told. */
  #drop(key: string): void {
    if (this.#recent.entries.get(key) instanceof NewEntry) this.#recent.entries.delete(key)
    else this.setEntry(key, null)
  }

  /** Whether all that is looked up stays in memory: as long as an append waits for what it needs, however much that is. */
  hold(isHeld: boolean): void {
    this.#headCache.isHeld = isHeld
    this.#entryCache.isHeld = isHeld
  }

  /** A command that took effect and is not forgotten. */
  command(id: string): CommandControl | null | undefined {
    const command = this.entry<CommandControl>(stateKeys.command(id))
    return command !== undefined && command !== null && command.time < this.scalars.forgetBefore ? null : command
  }

  /** Whether an event is part of the readable history. */
  isVisible(event: { readonly stream: string; readonly seq: Seq; readonly position: Position }): boolean {
    const { cut, keep, truncating } = this.scalars
    if (event.position < cut && !((keep.get(event.stream) ?? Number.POSITIVE_INFINITY) <= event.seq)) return false
    return truncating.size === 0 || (truncating.get(event.stream) ?? 0) <= event.seq
  }

  /** Keys that must be in memory before `apply` can take this record. */
  neededFor(control: Control): readonly string[] {
    switch (control.control) {
      case 'agenda':
        return [stateKeys.agenda(control.id)]
      case 'blob':
        return control.gone === true ? [stateKeys.blob(control.digest)] : noKeys
      case 'removed':
      case 'retain':
        return (control.streams ?? []).map(([stream]) => stateKeys.truncated(stream))
      default:
        return noKeys
    }
  }

  /** Folds in one control record that stands at `at`; false when it is of a kind that this release doesn't know. */
  apply(control: Control, at: readonly [segment: number, offset: ByteOffset]): boolean {
    switch (control.control) {
      case 'agenda':
        this.#applyAgenda(control)
        return true
      case 'lease':
        this.#applyLease(control)
        return true
      case 'command':
        this.#sawTime(control.time)
        this.setEntry(stateKeys.command(control.id), control)
        return true
      case 'forget':
        this.#applyForget(control)
        return true
      case 'pin':
        this.setEntry(stateKeys.pin(control.pin), control.from === null ? null : control)
        return true
      case 'released':
        this.setEntry(stateKeys.released(control.stream), control.through)
        return true
      case 'blob':
        this.#applyBlob(control, at)
        return true
      case 'retain':
        this.#applyRetain(control)
        return true
      case 'rewrite':
        this.setEntry(stateKeys.rewrite(firstName(control.old)), control)
        return true
      case 'removed':
        this.#applyRemoved(control.streams, control.to, at[0])
        return true
      case 'witness':
        this.#sawTime(control.time)
        return true
      default:
        return false
    }
  }

  /** As apply() does it for a command's record, which is parsed when somebody asks for it. */
  applyCommand({ id, time, text }: CommandStart): void {
    this.#sawTime(time)
    this.setEntry(stateKeys.command(id), new EntryText(text))
  }

  /** Folds in an event that stands in segment `segment`. */
  applyEvent(
    event: {
      readonly stream: string
      readonly seq: Seq
      readonly position: Position
      readonly time: TimeMs
      readonly blobs: readonly string[]
    },
    segment: number,
  ): void {
    const { stream, seq, position } = event
    this.setHead(stream, { seq, position, segment })
    this.scalars.position = position
    this.#sawTime(event.time)
    for (const digest of event.blobs) this.setEntry(stateKeys.blobUse(digest, segment), 1)
  }

  #sawTime(time: TimeMs): void {
    if (time > this.scalars.time) this.scalars.time = time
  }

  #applyAgenda(control: AgendaControl): void {
    const key = stateKeys.agenda(control.id)
    const before = this.entry<AgendaControl>(key)
    assert(before !== undefined, 'the agenda item was loaded before it changes')
    // The tables may have a row of its due time, unless they have none of it at all.
    const isNew = this.#recent.entries.get(key) instanceof NewEntry
    if (before !== null && before.due !== null && !isNew) this.setEntry(stateKeys.due(before.due, control.id), null)
    if (control.due === null) {
      this.#drop(key)
      this.due.clear(control.id)
    } else {
      this.#put(key, control, before)
      if (!isNew) this.#recent.entries.delete(stateKeys.due(control.due, control.id))
      this.due.set(control.due, control.id)
    }
  }

  #applyLease(control: LeaseControl): void {
    const key = stateKeys.lease(control.lease)
    if (control.gone === true) this.#drop(key)
    else this.#put(key, control, this.entry(key))
    this.due.leased(control.lease, control.gone === true ? null : control)
  }

  #applyBlob(control: BlobControl, at: readonly [segment: number, offset: ByteOffset]): void {
    const key = stateKeys.blob(control.digest)
    if (control.gone === true) {
      const before = this.entry<BlobPlace>(key)
      assert(before !== undefined, 'the blob was loaded before it goes')
      for (const [chunk] of before?.chunks ?? []) this.setEntry(stateKeys.chunkUse(chunk, control.digest), null)
      this.setEntry(key, null)
      return
    }
    for (const [chunk] of control.chunks ?? []) this.setEntry(stateKeys.chunkUse(chunk, control.digest), 1)
    this.setEntry(key, blobPlace(control, at))
  }

  #applyForget(control: ForgetControl): void {
    this.scalars.forgetBefore = Math.max(this.scalars.forgetBefore, control.before)
  }

  #applyRetain(control: RetainControl): void {
    this.beginRetain(control)
    this.finishRetain(control)
  }

  /** The part of a retention that nobody reads by: it holds as soon as the record has its place. */
  beginRetain(control: RetainControl): void {
    this.#sawTime(control.time)
    for (const [stream, before] of control.streams ?? []) {
      const released = this.entry<number>(stateKeys.released(stream))
      if (released !== null && released !== undefined && released < before) {
        this.setEntry(stateKeys.released(stream), null)
      }
    }
  }

  /** The part that hides events: it holds when the record is durable, so that nothing that was seen to go comes back. */
  finishRetain(control: RetainControl): void {
    if (control.before !== undefined) {
      this.scalars.cut = Math.max(this.scalars.cut, control.before)
      this.scalars.keep = new Map(control.keep ?? [])
    }
    for (const [stream, before] of control.streams ?? []) {
      this.#truncate(stream, before)
      this.scalars.truncating.set(stream, before)
    }
  }

  /** A stub read from the log: its streams had these seqs, so their numbers go on behind them. */
  #applyRemoved(streams: readonly (readonly [string, Seq, Seq])[], to: Position, segment: number): void {
    if (to > this.scalars.position) this.scalars.position = to
    for (const [stream, , last] of streams) {
      const head = this.head(stream)
      if (head === undefined || head === null || head.seq < last)
        this.setHead(stream, { seq: last, position: to, segment })
      // What is removed of a stream is always its front. The record that removed it may be gone, the stub stays.
      this.#truncate(stream, last + 1)
    }
  }

  /** A bound never falls: stubs stand where events stood, which is before the record that removed them. */
  #truncate(stream: string, before: Seq): void {
    const key = stateKeys.truncated(stream)
    const known = this.entry<Seq>(key)
    if (known === undefined || known === null || known < before) this.setEntry(key, before)
  }

  /** Entries whose keys begin with a prefix, in key order, newest values, absent ones left out. */
  async *scan<T>(prefix: string, after?: string): AsyncIterable<readonly (readonly [key: string, value: T])[]> {
    const overlay = rowsUnder([this.#flushing, this.#recent], prefix, after)
    try {
      for await (const page of this.#tables.scan({ prefix, ...(after === undefined ? {} : { after }), overlay })) {
        yield page.map(([key, text]) => [key, JSON.parse(text) as T] as const)
      }
    } catch (error) {
      if (error instanceof TableDamaged) this.#isDamaged = true
      throw error
    }
  }

  /** Sets apart what changed so far, so that flush() can write it while appends go on. */
  freeze(): void {
    assert(this.#flushing === undefined, 'one flush at a time')
    this.#flushing = this.#recent
    this.#recent = emptyMemory()
  }

  /** Writes out what freeze() set apart. `note` says what part of the log the tables then cover. */
  async flush(note: string): Promise<void> {
    const memory = this.#flushing
    assert(memory !== undefined, 'freeze comes before flush')
    await this.#tables.flush(new MemoryRows(memory), note)
    this.#writes++
    // What the caches hold of these keys is older than what was written.
    this.#headCache.forget(memory.heads)
    this.#entryCache.forget(memory.entries)
    this.#written = {
      heads: memory.heads.size > limits.stateCacheMax ? new Map() : memory.heads,
      entries: memory.entries.size > limits.stateCacheMax ? new StateEntries() : memory.entries,
    }
    this.#flushing = undefined
  }

  /** Puts a failed flush's entries back, so that a later one writes them. */
  thaw(): void {
    const memory = this.#flushing
    assert(memory !== undefined, 'freeze comes before thaw')
    for (const [stream, head] of memory.heads) {
      if (!this.#recent.heads.has(stream)) this.#recent.heads.set(stream, head)
    }
    for (const [key, value] of memory.entries) {
      const newer = this.#recent.entries.get(key)
      if (newer === undefined) this.#recent.entries.set(key, value)
      // It came where this had gone, and the tables still have it.
      else if (newer instanceof NewEntry && !(value instanceof NewEntry)) this.#recent.entries.set(key, newer.value)
    }
    // What orders the agenda by a time that holds again isn't gone.
    for (const key of dueKeys(this.#recent.entries)) this.#recent.entries.delete(key)
    this.#flushing = undefined
  }

  /** `isWriter`: tables that turned out to be damaged are dropped; the next opening folds the log. */
  async close(options: { readonly isWriter: boolean }): Promise<void> {
    if (this.#isDamaged && options.isWriter) await this.#tables.clear()
    await this.#tables.close()
  }
}

const noKeys: readonly string[] = []

export function firstName(old: readonly (readonly [name: string, sha256: string])[]): string {
  const first = old[0]
  assert(first !== undefined, 'a rewrite replaces at least one segment')
  return first[0]
}

function blobPlace(control: BlobControl, at: readonly [number, ByteOffset]): BlobPlace {
  const { bytes, chunks } = control
  return chunks === undefined ? { bytes, at } : { bytes, chunks }
}

function parseHead(text: string): StreamState {
  const [seq, position, segment] = JSON.parse(text) as [number, number, number]
  return { seq, position, segment }
}
