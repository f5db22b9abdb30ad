// An opened log with its writer, or a log that follows another process's writer: the part of the file store that is
// replaced as a whole when the journal is reopened or a reader starts anew behind a rotation.

import type { Position } from '../../core/numbers.ts'
import { compareUtf8 } from '../../core/utf8-order.ts'
import type { ActiveSegment } from '../../engine/active-segment.ts'
import type { BlobStaging } from '../../engine/append-task.ts'
import { coverFrozen } from '../../engine/cover.ts'
import { DurableMark, readMark } from '../../engine/durable-mark.ts'
import type { Identity } from '../../engine/identity.ts'
import type { DurableEnd, LogView } from '../../engine/log-view.ts'
import { decodeNote, encodeNote } from '../../engine/note.ts'
import {
  closeOpened,
  type OpenedLog,
  type OpenLogOptions,
  openLog,
  type RecoveryReport,
} from '../../engine/open-log.ts'
import { replay } from '../../engine/replay.ts'
import type { ActiveIndex } from '../../engine/segment-index.ts'
import type { Scalars } from '../../engine/state.ts'
import { stateKeys } from '../../engine/state-keys.ts'
import type { Entry } from '../../engine/tables/entry.ts'
import { Writer } from '../../engine/writer.ts'
import { type HoldfastError, never } from '../../errors.ts'

export interface FileLogEvents {
  durable(): void
  failed(error: HoldfastError): void
}

export interface FileLogOptions extends OpenLogOptions {
  readonly segmentBytes: number
  readonly blobs: BlobStaging
  readonly events: FileLogEvents
}

export class FileLog implements LogView {
  readonly disk: LogView['disk']
  readonly catalog: LogView['catalog']
  readonly indexes: LogView['indexes']
  readonly state: LogView['state']
  readonly identity: Identity
  readonly recovery: RecoveryReport
  readonly writer: Writer | undefined
  /** For a reader: how far it has followed. */
  #end: { position: Position; segment: number; bytes: number }
  #lastSum: number
  readonly #activeIndex: ActiveIndex
  /** Covering of sealed segments goes on in the background, one after the other. */
  #covering: Promise<void> = Promise.resolve()
  /** What rewriting moved and the tables don't have yet. A note that names a rewritten segment must not be written
   * without it: the next opening would take the segment for known, and look for its blobs where they stood before. */
  #owed: Map<string, string | null> = new Map()

  private constructor(opened: OpenedLog, options: FileLogOptions, mark: DurableMark | undefined) {
    this.disk = opened.disk
    this.catalog = opened.catalog
    this.indexes = opened.indexes
    this.state = opened.state
    this.identity = opened.identity
    this.recovery = opened.recovery
    this.#end = opened.end
    this.#lastSum = opened.lastSum
    this.#activeIndex = opened.activeIndex
    if (opened.active === undefined || mark === undefined) return
    const { journal, epoch } = opened.identity
    this.writer = new Writer({
      disk: this.disk,
      clock: options.clock,
      state: this.state,
      active: opened.active,
      mark,
      blobs: options.blobs,
      fence: options.fence ?? never('whoever writes has a fence'),
      journal,
      epoch,
      segmentBytes: options.segmentBytes,
      events: {
        durable: () => options.events.durable(),
        failed: (error) => options.events.failed(error),
        // At most one segment's worth of state waits to be written.
        beforeSeal: () => this.#covering,
        sealed: (old, next) => this.#sealed(old, next),
      },
    })
  }

  static async open(options: FileLogOptions): Promise<FileLog> {
    const opened = await openLog(options)
    if (opened.active === undefined) return new FileLog(opened, options, undefined)
    const mark = await openMark(opened)
    mark.publish({ segment: opened.active.name, bytes: opened.active.bytes, position: opened.end.position })
    const log = new FileLog(opened, options, mark)
    const derived = [...opened.derived].map(([key, value]) => [key, JSON.stringify(value)] as const)
    if (derived.length > 0) await log.recordCatalog(derived)
    return log
  }

  durableEnd(): DurableEnd {
    if (this.writer === undefined) return this.#end
    const { active, durablePosition } = this.writer
    return { position: durablePosition, segment: active.number, bytes: active.bytes }
  }

  /** Events in the active segment. */
  get activeEvents(): number {
    return this.writer === undefined ? this.#activeIndex.events : this.writer.active.index.events
  }

  /** All covering so far is done; never rejects. */
  covered(): Promise<void> {
    return this.#covering
  }

  #sealed(old: ActiveSegment, next: ActiveSegment): void {
    const { bytes, sha256 } = old.sealed()
    const facts = { name: next.name, number: next.number, first: next.first, sealed: undefined }
    const segment = this.catalog.seal({ bytes, sha256, events: old.index.events }, facts)
    segment.index = Promise.resolve(this.indexes.inMemory(old.index, old.number))
    this.catalog.active.index = Promise.resolve(this.indexes.inMemory(next.index, next.number))
    this.state.freeze()
    const scalars = copyScalars(this.state.scalars)
    // What is owed is among what was just set apart.
    this.#covering = this.#cover(() => coverFrozen(this.#coverParts(), segment, scalars))
  }

  async #cover(write: (owed: ReadonlyMap<string, string | null>) => Promise<void>): Promise<void> {
    const owed = this.#owed
    this.#owed = new Map()
    try {
      await write(owed)
    } catch {
      // Safe: these are caches. What could not be written stays in memory and is written with the next segment.
      this.#owed = new Map([...owed, ...this.#owed])
      return
    }
    try {
      await this.state.tables.merge({ keep: (key, value) => this.#isWorthKeeping(key, value) })
    } catch {
      // Safe: unmerged tables say the same.
    }
  }

  /** Command ids leave the tables when they are merged, if what the tables cover says that they are forgotten: what the
   * state knows beyond that may not be durable yet, and after a crash nothing would have forgotten them. */
  #isWorthKeeping(key: string, value: string): boolean {
    if (!key.startsWith(stateKeys.command(''))) return true
    return (JSON.parse(value) as { readonly time: number }).time >= this.state.coveredForgetBefore
  }

  #coverParts() {
    const { disk, identity, catalog, indexes, state } = this
    return { disk, identity, catalog, indexes, state }
  }

  /** Writes the note anew after the catalog changed (a rewrite), with what else changed by that. */
  async recordCatalog(derived: readonly Entry[]): Promise<void> {
    await this.#covering
    for (const [key, value] of derived) this.#owed.set(key, value)
    this.#covering = this.#cover(async (owed) => {
      const { tables, coveredThrough } = this.state
      const note = decodeNote(tables.note, this.identity)
      if (note === undefined) return
      const sealed = this.catalog.sealed.map(({ facts }) => facts).filter(({ number }) => number <= coveredThrough)
      const entries = [...owed].sort(([a], [b]) => compareUtf8(a, b))
      await tables.flush(entries, encodeNote({ ...note, sealed }))
    })
    await this.#covering
  }

  /**
   * A reader takes in what has become durable since. Returns whether there was anything, or 'anew' when the log went on
   * in another segment and has to be opened again.
   */
  async follow(): Promise<boolean | 'anew'> {
    const mark = await readMark(this.disk)
    const segment = this.catalog.active
    if (mark === undefined) return false
    if (mark.segment !== segment.facts.name) return mark.segment > segment.facts.name ? 'anew' : false
    if (mark.bytes <= this.#end.bytes) return false
    const { number } = segment.facts
    const path = segment.path
    this.#lastSum = await segment.with((file) =>
      replay({
        disk: this.disk,
        file,
        path,
        number,
        from: this.#end.bytes,
        to: mark.bytes,
        sum: this.#lastSum,
        state: this.state,
        index: this.#activeIndex,
      }),
    )
    this.#end = { position: this.state.scalars.position, segment: number, bytes: mark.bytes }
    return true
  }

  /** Whoever was told something of the state can rely on it: in memory it may be ahead of the disk. */
  async stateIsDurable(): Promise<void> {
    const { writer } = this
    if (writer?.failure !== undefined || writer?.hasPending === true) await writer.settled()
  }

  async close(): Promise<void> {
    try {
      await this.writer?.close()
    } finally {
      await this.#covering
      await this.catalog.close()
      await this.state.close({ isWriter: this.writer !== undefined })
    }
  }
}

async function openMark(opened: OpenedLog): Promise<DurableMark> {
  try {
    return await DurableMark.open(opened.disk)
  } catch (error) {
    await closeOpened(opened)
    throw error
  }
}

function copyScalars(scalars: Scalars): Scalars {
  return { ...scalars, keep: new Map(scalars.keep), truncating: new Map(scalars.truncating) }
}
