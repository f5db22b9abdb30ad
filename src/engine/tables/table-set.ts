// The set of tables: what the file store looks up without having it in memory, as a small log-structured merge set.
//
// A flush writes what changed as a new table in front of the others and then a manifest that lists it; a merge replaces
// neighbours of similar size by one. A lookup asks the newest table first, and Bloom filters spare nearly all reads; a
// scan merges all of them, and what the caller has in memory over them.
//
// Invariants:
// - Everything here is a cache of the log. Damage is told (outcome at open, TableDamaged later) and never an answer.
// - The manifest on disk lists only tables that are durable; a crash leaves the old manifest or the new one.
// - One change of the manifest at a time, in the order of the calls. A merge writes its table outside of that order, so
//   flushes don't wait for it: they only add in front of the tables that it merges.

import type { Disk } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { parentPath } from '../../disks/disk-path.ts'
import { assert, HoldfastError } from '../../errors.ts'
import { BlockCache } from './block-cache.ts'
import { hashKey } from './bloom.ts'
import { batchesOf, type Entry, type EntrySource, entriesWithin, KeyRange, type ScanRange } from './entry.ts'
import { closeTables, loadTables } from './load-tables.ts'
import { chooseMerge } from './merge-choice.ts'
import { mergeEntries } from './merge-entries.ts'
import { highestNumber, ownFiles, StrayFiles } from './stray-files.ts'
import { manifestPath, storeManifest } from './table-manifest.ts'
import { type TableHome, TableReader } from './table-reader.ts'
import { TableSnapshots } from './table-snapshot.ts'
import { type TableDescription, tablePath, writeTable } from './table-writer.ts'
import { stoppable, thinned } from './thin-entries.ts'

export interface TableSetOptions {
  readonly folder: string
  readonly blockCacheBytes?: number
  /** Changes nothing on disk, and follows what another process writes by reload(). */
  readonly readOnly?: boolean
  /** Awaited between blocks while a table is written, so that appends get their turn. */
  readonly pause?: () => Promise<void>
}

/** Whether the tables can be used. If not, the set is empty and its owner fills it anew from the log. */
export type TableSetOutcome =
  | { readonly state: 'ready' }
  | { readonly state: 'absent'; readonly why: string }
  | { readonly state: 'damaged'; readonly why: string }

export interface MergeOptions {
  /** False for what has no more use (an expired command id). It is dropped, or turned into a tombstone as long as an
   * older table may have the key. */
  readonly keep?: (key: string, value: string) => boolean
}

export interface SetScan extends ScanRange {
  /** Sorted like the tables; wins over all of them. Must not change during the scan. */
  readonly overlay?: Iterable<Entry>
}

const blockCacheBytesDefault = 4_194_304
const lookupsAtOnce = 32

export class TableSet {
  readonly #home: TableHome
  readonly #readOnly: boolean
  readonly #pause: () => Promise<void>
  readonly #strays: StrayFiles
  readonly #snapshots = new TableSnapshots()
  #outcome: TableSetOutcome = { state: 'absent', why: 'not loaded' }
  #note = ''
  #nextTable = 1
  #manifestBytes: Buffer | undefined
  #changes: Promise<unknown> = Promise.resolve()
  #merges: Promise<unknown> = Promise.resolve()
  /** Rises when running merges have become pointless. */
  #generation = 0
  #closed: Promise<void> | undefined

  private constructor(disk: Disk, options: TableSetOptions) {
    const cache = new BlockCache(options.blockCacheBytes ?? blockCacheBytesDefault)
    this.#home = { disk, folder: options.folder, cache }
    this.#readOnly = options.readOnly ?? false
    this.#pause = options.pause ?? nextTurn
    this.#strays = new StrayFiles(disk)
  }

  /** Reads the manifest and opens the tables' files; see `outcome`. Throws only the disk's own errors. */
  static async open(disk: Disk, options: TableSetOptions): Promise<TableSet> {
    const set = new TableSet(disk, options)
    if (set.#readOnly) await set.#load()
    else await set.#loadAsWriter()
    return set
  }

  get outcome(): TableSetOutcome {
    return this.#outcome
  }

  /** What the caller gave to the flush that the tables stand at; '' when there was none. */
  get note(): string {
    return this.#note
  }

  /** Newest first. The sum of their entries is an upper bound of the number of keys. */
  get tables(): readonly TableDescription[] {
    return this.#snapshots.current.tables.map((table) => table.description)
  }

  /** True when no table can have the key and that shows without a read: an answer without waiting. */
  excludes(key: string): boolean {
    if (this.#closed !== undefined) return false
    const { tables } = this.#snapshots.current
    if (tables.length === 0) return true
    const hash = hashKey(key)
    return tables.every((table) => table.excludes(hash))
  }

  /** undefined when the key is not there. */
  async get(key: string): Promise<string | undefined> {
    this.#mustBeOpen()
    const snapshot = this.#snapshots.current
    const hash = hashKey(key)
    snapshot.hold()
    try {
      for (const table of snapshot.tables) {
        if (table.excludes(hash)) continue
        const lookup = await table.get(key, hash)
        if (lookup.found) return lookup.value ?? undefined
      }
      return undefined
    } finally {
      snapshot.release()
    }
  }

  /** As get, for each key in its place. */
  async getMany(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const values: (string | undefined)[] = []
    for (let start = 0; start < keys.length; start += lookupsAtOnce) {
      const group = keys.slice(start, start + lookupsAtOnce).map((key) => this.get(key))
      values.push(...(await Promise.all(group)))
    }
    return values
  }

  /** In order of keys as UTF-8 bytes, in batches; sees the tables as they are when the first batch is asked for. Until
   * it is read to the end or returned, it keeps these tables open. */
  async *scan(options: SetScan = {}): AsyncGenerator<readonly (readonly [key: string, value: string])[]> {
    this.#mustBeOpen()
    const snapshot = this.#snapshots.current
    const range = new KeyRange(options)
    snapshot.hold()
    try {
      const overlay = batchesOf(entriesWithin(options.overlay ?? [], range))
      for await (const batch of mergeEntries([overlay, ...snapshot.tables.map((table) => table.scan(range))])) {
        const present = batch.filter(isPresent)
        if (present.length > 0) yield present
      }
    } finally {
      snapshot.release()
    }
  }

  /** Adds a table in front of the others (none when there are no entries) and replaces the note, in one atomic step.
   * Durable when it resolves. After a throw the set in memory is as before; on disk it is as before or after. */
  flush(entries: EntrySource, note: string): Promise<void> {
    return this.#change(async () => {
      const count = 'length' in entries ? entries.length : undefined
      const table = count === 0 ? undefined : await this.#write(entries, count)
      await this.#install(
        table === undefined ? this.#snapshots.current.tables : [table, ...this.#snapshots.current.tables],
        note,
      )
    })
  }

  /** Merges once, if there is something to merge; true when it did (there may be more). */
  async merge(options: MergeOptions = {}): Promise<boolean> {
    this.#mustWrite()
    const generation = this.#generation
    const merging = this.#merges.then(() => this.#mergeOnce(options, generation))
    this.#merges = merging.catch(() => undefined)
    return await merging
  }

  /** Drops everything: the set is absent, in memory and on disk, until the next flush. */
  clear(): Promise<void> {
    return this.#change(async () => {
      this.#generation++
      const { disk, folder } = this.#home
      await disk.remove(manifestPath(folder)).catch(ignoreMissing)
      await disk.syncDirectory(folder)
      for (const table of this.#snapshots.current.tables) this.#strays.add(this.#path(table))
      this.#adopt([], { state: 'absent', why: 'cleared' })
      await this.#strays.remove()
    })
  }

  /** For readers: takes over what another process has written since. True when something changed. */
  async reload(): Promise<boolean> {
    assert(this.#readOnly, 'only a reader reloads: a writer knows what it wrote')
    this.#mustBeOpen()
    return await this.#inTurn(() => this.#load())
  }

  /** Ends merges and lookups that are under way and frees the files. Idempotent. */
  close(): Promise<void> {
    this.#generation++
    this.#closed ??= Promise.all([this.#changes, this.#merges]).then(() => this.#snapshots.close())
    return this.#closed
  }

  async #loadAsWriter(): Promise<void> {
    const entries = await this.#listFolder()
    this.#nextTable = highestNumber(entries) + 1
    await this.#load()
    const listed = new Set(this.#snapshots.current.tables.map((table) => this.#path(table)))
    for (const name of ownFiles(entries)) {
      const path = `${this.#home.folder}/${name}`
      if (!listed.has(path)) this.#strays.add(path)
    }
    await this.#strays.remove()
  }

  async #listFolder() {
    try {
      const entries = await this.#home.disk.list(this.#home.folder)
      // The manifest may be that of a process killed between its rename and its sync: first make sure that it stays.
      await this.#home.disk.syncDirectory(this.#home.folder)
      return entries
    } catch (error) {
      ignoreMissing(error)
      await this.#home.disk.makeDirectory(this.#home.folder)
      await this.#home.disk.syncDirectory(parentPath(this.#home.folder))
      return []
    }
  }

  /** Returns whether anything changed. */
  async #load(): Promise<boolean> {
    const known = { tables: this.#snapshots.current.tables, manifestBytes: this.#manifestBytes }
    const loaded = await loadTables(this.#home, known)
    if (loaded.state === 'unchanged') return false
    if (loaded.state === 'ready') {
      const { manifest } = loaded
      this.#nextTable = Math.max(this.#nextTable, manifest.nextTable)
      this.#adopt(loaded.tables, { state: 'ready' }, { note: manifest.note, bytes: loaded.bytes })
      return true
    }
    const changed = this.#outcome.state !== loaded.state
    this.#adopt([], loaded)
    return changed
  }

  async #write(entries: EntrySource, keysMax: number | undefined): Promise<TableReader | undefined> {
    for (;;) {
      const name = String(this.#nextTable++).padStart(8, '0')
      try {
        return await this.#writeAs(name, entries, keysMax)
      } catch (error) {
        // An owner from whom the journal was taken over still writes a table of that name. Of the entries nothing was read yet.
        if (errorCodeOf(error) !== 'EEXIST') throw error
      }
    }
  }

  async #writeAs(name: string, entries: EntrySource, keysMax: number | undefined): Promise<TableReader | undefined> {
    const options = { folder: this.#home.folder, name, keysMax, pause: this.#pause }
    const description = await writeTable(this.#home.disk, entries, options)
    if (description === undefined) return undefined
    try {
      return await TableReader.open(this.#home, description)
    } catch (error) {
      this.#strays.add(tablePath(this.#home.folder, name))
      throw error
    }
  }

  /** Makes these the tables of the set: on disk, then in memory. */
  async #install(tables: readonly TableReader[], note: string): Promise<void> {
    const before = this.#snapshots.current.tables
    const descriptions = tables.map((table) => table.description)
    const manifest = { nextTable: this.#nextTable, tables: descriptions, note }
    let bytes: Buffer
    try {
      bytes = await storeManifest(this.#home.disk, this.#home.folder, manifest)
    } catch (error) {
      await this.#abandon(tables.filter((table) => !before.includes(table)))
      throw error
    }
    for (const table of before) if (!tables.includes(table)) this.#strays.add(this.#path(table))
    this.#adopt(tables, { state: 'ready' }, { note, bytes })
    await this.#strays.remove()
  }

  /** The files go when the next manifest stands: the last one may be there in spite of an error, and list them. */
  async #abandon(tables: readonly TableReader[]): Promise<void> {
    for (const table of tables) this.#strays.add(this.#path(table))
    await closeTables(tables)
  }

  async #mergeOnce(options: MergeOptions, generation: number): Promise<boolean> {
    const stopped = () => this.#generation !== generation
    const snapshot = this.#snapshots.current
    const run = chooseMerge(snapshot.tables.map((table) => table.description.bytes))
    if (run === undefined || stopped()) return false
    const merged = snapshot.tables.slice(run.start, run.end)
    const oldest = run.end === snapshot.tables.length
    snapshot.hold()
    try {
      const entries = mergeEntries(merged.map((table) => table.scan()))
      const keysMax = merged.reduce((sum, table) => sum + table.description.entries, 0)
      const table = await this.#write(stoppable(thinned(entries, { ...options, oldest }), stopped), keysMax)
      return await this.#inTurn(() => this.#replace(merged, table === undefined ? [] : [table], stopped))
    } catch (error) {
      if (stopped()) return false
      throw error
    } finally {
      snapshot.release()
    }
  }

  async #replace(merged: readonly TableReader[], by: readonly TableReader[], stopped: () => boolean): Promise<boolean> {
    if (stopped()) {
      await this.#abandon(by)
      return false
    }
    const tables = this.#snapshots.current.tables
    const start = tables.findIndex((table) => merged.includes(table))
    assert(start >= 0, 'flushes leave the tables in place that a merge works on')
    await this.#install([...tables.slice(0, start), ...by, ...tables.slice(start + merged.length)], this.#note)
    return true
  }

  #adopt(
    tables: readonly TableReader[],
    outcome: TableSetOutcome,
    from: { readonly note: string; readonly bytes: Buffer | undefined } = { note: '', bytes: undefined },
  ): void {
    this.#snapshots.replace(tables)
    this.#outcome = outcome
    this.#note = from.note
    this.#manifestBytes = from.bytes
  }

  #path(table: TableReader): string {
    return tablePath(this.#home.folder, table.description.name)
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    this.#mustWrite()
    return await this.#inTurn(work)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(work)
    this.#changes = result.catch(() => undefined)
    return result
  }

  #mustWrite(): void {
    this.#mustBeOpen()
    if (this.#readOnly)
      throw new HoldfastError('READ_ONLY', `the tables in ${this.#home.folder} are open for reading only`)
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new HoldfastError('CLOSED', `the tables in ${this.#home.folder} are closed`)
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function ignoreMissing(error: unknown): void {
  if (errorCodeOf(error) !== 'ENOENT') throw error
}

function isPresent(entry: Entry): entry is readonly [string, string] {
  return entry[1] !== null
}
