// Opens a log: finds its segments, decides about its end by the recovery table, and folds what the state tables don't
// cover yet. A writer mends what the table says; a reader changes nothing and ends where the log is known durable.
//
// Crash-safe by order: nothing is cut before its copy or its successor is durable, and every step can be done again.

import { createHash, type Hash } from 'node:crypto'
import type { ParsedHeader } from '../core/header.ts'
import type { ByteOffset, Position } from '../core/numbers.ts'
import { judgeTail, type TailCase } from '../core/recovery-table.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { assert, HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import { ActiveSegment } from './active-segment.ts'
import { carriedLines } from './carry.ts'
import { Catalog } from './catalog.ts'
import { coverSegment } from './cover.ts'
import { type DurablePlace, readMark } from './durable-mark.ts'
import type { Identity } from './identity.ts'
import { compareNames, folders, isPart, nextSegmentName, parseSegmentName, segmentPath } from './layout.ts'
import type { LogView } from './log-view.ts'
import { decodeNote, emptyScalars } from './note.ts'
import { previousSegmentOf } from './previous-segment.ts'
import { replay } from './replay.ts'
import { finishRewrites } from './rewrites.ts'
import { damaged, readHeader, type Segment } from './segment.ts'
import { ActiveIndex } from './segment-index.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import { cutFile, setAside } from './set-aside.ts'
import { State } from './state.ts'
import { TableDamaged } from './tables/table-damaged.ts'
import { TableSet } from './tables/table-set.ts'
import { scanTail, type Tail } from './tail-scan.ts'
import { listNames, removeIfThere } from './whole-file.ts'
import { readFully } from '../disks/whole-io.ts'

export interface OpenLogOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly identity: Identity
  /** The writer's fence; undefined opens for reading only. */
  readonly fence: number | undefined
  /** Called as segments are folded that the state tables should have covered. */
  readonly progress?: ((progress: OpenProgress) => void) | undefined
}

export interface OpenProgress {
  readonly segmentsDone: number
  readonly segmentsTotal: number
}

/** What recovery did, for the report to whoever opened the journal. */
export interface RecoveryReport {
  readonly tail: TailCase
  /** Records above the last witness that were written anew. */
  readonly carriedBytes: number
  /** Bytes of an unfinished write that were copied to `setAside` and cut. */
  readonly cutBytes: number
  readonly setAside: string | undefined
  /** Segments folded because the tables didn't cover them. */
  readonly segmentsRead: number
}

export interface OpenedLog extends LogView {
  readonly identity: Identity
  /** The growing segment; for a reader, its index and how far it is durable. */
  readonly active: ActiveSegment | undefined
  readonly activeIndex: ActiveIndex
  readonly lastSum: number
  readonly end: { position: Position; segment: number; bytes: ByteOffset }
  readonly witnessed: boolean
  readonly recovery: RecoveryReport
}

export async function openLog(options: OpenLogOptions): Promise<OpenedLog> {
  try {
    return await new LogOpening(options, { usesTables: true }).run()
  } catch (error) {
    if (!(error instanceof TableDamaged)) throw error
    return new LogOpening(options, { usesTables: false }).run()
  }
}

/** What of the active segment is sound, after the table's consequence was drawn. */
interface ActiveEnd {
  readonly segment: Segment
  readonly header: ParsedHeader
  readonly tail: Tail
  readonly verdict: ReturnType<typeof judgeTail>
}

class LogOpening {
  readonly #options: OpenLogOptions
  /** False after they turned out to be damaged: then everything is folded from the log. */
  readonly #usesTables: boolean
  readonly #disk: Disk
  readonly #catalog: Catalog
  readonly #indexes: SegmentIndexes
  #state: State | undefined
  #covered = 0
  #segmentsRead = 0

  constructor(options: OpenLogOptions, caches: { readonly usesTables: boolean }) {
    this.#options = options
    this.#usesTables = caches.usesTables
    this.#disk = options.disk
    this.#catalog = new Catalog(options.disk)
    this.#indexes = new SegmentIndexes(options.disk, (stream, segment) =>
      previousSegmentOf({ catalog: this.#catalog, indexes: this.#indexes, state: this.#mustState() }, stream, segment),
    )
  }

  get #isWriter(): boolean {
    return this.#options.fence !== undefined
  }

  #mustState(): State {
    assert(this.#state !== undefined, 'the state is made before anything is folded')
    return this.#state
  }

  async run(): Promise<OpenedLog> {
    try {
      return await this.#open()
    } catch (error) {
      await this.#catalog.close()
      await this.#state?.close({ isWriter: this.#isWriter })
      throw error
    }
  }

  async #open(): Promise<OpenedLog> {
    if (this.#isWriter) await this.#syncNames()
    // Before the segments are listed: a writer at work may begin another one while this one reads.
    const mark = await readMark(this.#disk)
    this.#state = await this.#openState()
    const names = await this.#segmentNames()
    await this.#listSegments(names)
    const active = await this.#judgeActive(mark)
    await this.#trimExcess()
    await this.#foldSealed()
    const opened = this.#isWriter ? await this.#takeOver(active) : await this.#follow(active)
    await finishRewrites({
      disk: this.#disk,
      catalog: this.#catalog,
      state: this.#mustState(),
      isWriter: this.#isWriter,
    })
    await this.#checkPresence()
    if (this.#isWriter) await this.#removeParts()
    return opened
  }

  /** A process that was killed may have renamed a file and not synced its directory: what is built on it now would go
   * with it in a power cut. */
  async #syncNames(): Promise<void> {
    await this.#disk.syncDirectory('')
    await this.#disk.syncDirectory(folders.segments)
  }

  async #openState(): Promise<State> {
    const tables = await TableSet.open(this.#disk, { folder: folders.state, readOnly: !this.#isWriter })
    const isUsable = this.#usesTables && tables.outcome.state === 'ready'
    const note = isUsable ? decodeNote(tables.note, this.#options.identity) : undefined
    if (note === undefined && this.#isWriter) await tables.clear()
    this.#catalog.add(...(note?.sealed ?? []))
    this.#covered = note?.sealed.length ?? 0
    const usable = note !== undefined || this.#isWriter ? tables : await emptyTables(this.#disk, tables)
    const state = new State(usable, note?.scalars ?? emptyScalars())
    state.coveredThrough = note?.sealed.at(-1)?.number ?? 0
    return state
  }

  async #segmentNames(): Promise<readonly string[]> {
    const names = await listNames(this.#disk, folders.segments)
    const logNames = names.filter((name) => parseSegmentName(name) !== undefined).sort(compareNames)
    if (logNames.length > 0) return logNames
    throw new HoldfastError('DAMAGED', `${this.#disk.label} is a journal, but its segments are gone`, {
      hint: 'Restore segments/ from a backup. An empty journal always has one segment.',
      details: { file: folders.segments, offset: 0, kind: 'segment-missing' },
    })
  }

  /** Adds the segments that the tables don't cover, each sealed as its successor's header says. */
  async #listSegments(names: readonly string[]): Promise<void> {
    const lastCovered = this.#catalog.all.at(-1)?.facts.name ?? ''
    const uncovered = names.filter((name) => compareNames(name, lastCovered) > 0)
    if (uncovered.length === 0) {
      throw damaged(this.#disk, folders.segments, 0, 'segment-missing', `the segment behind ${lastCovered} is gone`)
    }
    let before: { readonly name: string; readonly header: ParsedHeader } | undefined
    for (const name of uncovered) {
      const header = await this.#readHeader(name)
      if (before !== undefined) await this.#addSealed(before, header)
      before = { name, header }
    }
    assert(before !== undefined, 'at least one segment is not covered')
    const { segment, first } = before.header.header
    this.#catalog.add({ name: before.name, number: segment, first, sealed: undefined })
  }

  async #addSealed(
    sealed: { readonly name: string; readonly header: ParsedHeader },
    next: ParsedHeader,
  ): Promise<void> {
    const { header } = sealed.header
    const { previous } = next.header
    const wasRewritten = header.rewritten !== undefined
    if (previous === null || (previous.name !== sealed.name && !wasRewritten)) {
      const path = segmentPath(previous?.name ?? sealed.name)
      throw damaged(
        this.#disk,
        path,
        0,
        'segment-missing',
        `segment ${next.header.segment} does not follow ${sealed.name}`,
      )
    }
    const bytes = wasRewritten ? await this.#fileBytes(sealed.name) : previous.bytes
    this.#catalog.add({
      name: sealed.name,
      number: header.segment,
      first: header.first,
      sealed: { bytes, sha256: wasRewritten ? '' : previous.sha256 },
    })
  }

  async #fileBytes(name: string): Promise<ByteOffset> {
    const file = await this.#disk.open(segmentPath(name), { mode: 'read' })
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  }

  async #readHeader(name: string): Promise<ParsedHeader> {
    const path = segmentPath(name)
    const file = await this.#disk.open(path, { mode: 'read' })
    try {
      const header = await readHeader(file, `${this.#disk.label}/${path}`)
      const { journal, epoch } = this.#options.identity
      const named = parseSegmentName(name)
      if (header === undefined) throw damaged(this.#disk, path, 0, 'segment-header', 'the segment has no valid header')
      if (header.header.journal !== journal || header.header.epoch !== epoch || header.header.first !== named?.first) {
        throw damaged(
          this.#disk,
          path,
          0,
          'segment-foreign',
          'the segment belongs to another journal, history or place',
        )
      }
      return header
    } finally {
      await file.close()
    }
  }

  // The end of the active segment.

  async #judgeActive(mark: DurablePlace | undefined): Promise<ActiveEnd> {
    const segment = this.#catalog.active
    const { name } = segment.facts
    if (mark !== undefined && compareNames(mark.segment, name) > 0) {
      throw damaged(
        this.#disk,
        segmentPath(mark.segment),
        0,
        'segment-missing',
        'a segment that held durable data is gone',
      )
    }
    return segment.with(async (file) => {
      const header = await segment.header()
      const tail = await scanTail(file, await file.size(), tailStart(segment, header, mark))
      const verdict = judgeTail(tail)
      if (verdict.then.refuse) throw this.#damagedTail(segment, tail, verdict.why)
      return { segment, header, tail, verdict }
    })
  }

  #damagedTail(segment: Segment, tail: Tail, why: string): HoldfastError {
    const at = tail.badAt ?? Math.min(tail.fileBytes, tail.complete)
    return damaged(this.#disk, segment.path, at, tail.fileBytes < tail.witness ? 'segment-short' : 'line-checksum', why)
  }

  /** A sealed segment may be longer than sealed: the rest of an interrupted cut, or of a superseded writer. */
  async #trimExcess(): Promise<void> {
    const segment = this.#catalog.sealed.at(-1)
    const sealed = segment?.facts.sealed
    if (!this.#isWriter || segment === undefined || sealed === undefined) return
    if (!this.#disk.existsNow(segment.path)) return // a rewrite may have been cut off; checkPresence has the last word
    const file = await this.#disk.open(segment.path, { mode: 'read' })
    try {
      const size = await file.size()
      if (size <= sealed.bytes) return
      await setAside(this.#disk, { file, name: segment.facts.name, from: sealed.bytes, to: size })
    } finally {
      await file.close()
    }
    await cutFile(this.#disk, segment.path, sealed.bytes)
  }

  // Folding what the tables don't cover.

  async #foldSealed(): Promise<void> {
    const segments = this.#catalog.sealed.slice(this.#covered)
    for (const [done, segment] of segments.entries()) {
      this.#options.progress?.({ segmentsDone: done, segmentsTotal: segments.length })
      const index = new ActiveIndex()
      await segment.with(async (file) => {
        const header = await segment.header()
        await this.#fold(segment, file, {
          from: header.bytes,
          to: segment.facts.sealed?.bytes ?? 0,
          sum: header.sum,
          index,
        })
      })
      segment.facts = {
        ...segment.facts,
        events: index.events,
        isResidue: index.events === 0 && segment.facts.sealed?.sha256 === '',
      }
      await this.#cover(segment, index)
    }
  }

  async #fold(
    segment: Segment,
    file: DiskFile,
    range: {
      readonly from: ByteOffset
      readonly to: ByteOffset
      readonly sum: number
      readonly index: ActiveIndex
      readonly hash?: Hash
    },
  ): Promise<number> {
    this.#segmentsRead++
    const { number } = segment.facts
    return replay({ disk: this.#disk, file, path: segment.path, number, state: this.#mustState(), ...range })
  }

  async #cover(segment: Segment, index: ActiveIndex): Promise<void> {
    segment.index = Promise.resolve(this.#indexes.inMemory(index, segment.facts.number))
    if (!this.#isWriter) return
    const { identity } = this.#options
    const state = this.#mustState()
    await coverSegment({ disk: this.#disk, identity, catalog: this.#catalog, indexes: this.#indexes, state }, segment)
    await state.tables.merge()
  }

  // Taking over as the writer.

  async #takeOver(end: ActiveEnd): Promise<OpenedLog> {
    const { segment, header, tail, verdict } = end
    const index = new ActiveIndex()
    const hash = createHash('sha256')
    const file = await this.#disk.open(segment.path, { mode: 'synced' })
    try {
      await digestStart(file, header.bytes, hash)
      const range = { from: header.bytes, to: tail.witness, sum: header.sum, index, hash }
      const lastSum = await this.#fold(segment, file, range)
      const asidePath = verdict.then.setAside
        ? await setAside(this.#disk, { file, name: segment.facts.name, from: tail.complete, to: tail.fileBytes })
        : undefined
      const { name, number, first } = segment.facts
      const old = new ActiveSegment({ file, name, number, first, bytes: tail.witness, lastSum, hash, index })
      const report = {
        tail: verdict.name,
        cutBytes: verdict.then.setAside ? tail.fileBytes - tail.complete : 0,
        setAside: asidePath,
      }
      if (verdict.then.carry || this.#isForeignWriter(header)) return await this.#carry(end, old, report)
      if (verdict.then.cut) await cutFile(this.#disk, segment.path, tail.witness)
      segment.index = Promise.resolve(this.#indexes.inMemory(index, number))
      return this.#opened(old, { ...report, carriedBytes: 0 })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** After a takeover the old segment is never appended to: its former writer may still wake up. */
  #isForeignWriter(header: ParsedHeader): boolean {
    return header.header.fence !== this.#options.fence
  }

  async #carry(
    end: ActiveEnd,
    old: ActiveSegment,
    report: { readonly tail: TailCase; readonly cutBytes: number; readonly setAside: string | undefined },
  ): Promise<OpenedLog> {
    const { segment, tail, verdict } = end
    const { journal, epoch } = this.#options.identity
    const first = tail.position + 1
    const range = { from: tail.witness, to: verdict.then.carry ? tail.complete : tail.witness }
    const link = await carriedLines(old.file, range)
    const name = nextSegmentName(old.name, first)
    const time = Math.max(this.#options.clock.now(), this.#mustState().scalars.time)
    const header = {
      journal,
      epoch,
      segment: old.number + 1,
      first,
      fence: this.#options.fence ?? 0,
      time,
      previous: old.sealed(),
    }
    const active = await ActiveSegment.create(this.#disk, { name, header, link: old.lastSum, carry: link })
    if (tail.fileBytes > tail.witness) await cutFile(this.#disk, segment.path, tail.witness)
    await old.file.close()

    const next = { name, number: active.number, first, sealed: undefined }
    const sealed = this.#catalog.seal(
      { bytes: tail.witness, sha256: header.previous.sha256, events: old.index.events },
      next,
    )
    await this.#cover(sealed, old.index)
    const headerBytes = (await readHeader(active.file, name))?.bytes ?? 0
    const headerSum = (await readHeader(active.file, name))?.sum ?? 0
    const { path } = this.#catalog.active
    const fold = { disk: this.#disk, file: active.file, path, number: active.number, state: this.#mustState() }
    await replay({ ...fold, from: headerBytes, to: active.bytes, sum: headerSum, index: active.index })
    this.#catalog.active.index = Promise.resolve(this.#indexes.inMemory(active.index, active.number))
    return this.#opened(active, { ...report, carriedBytes: range.to - range.from })
  }

  // Following as a reader.

  async #follow(end: ActiveEnd): Promise<OpenedLog> {
    const { segment, header, tail, verdict } = end
    const index = new ActiveIndex()
    const lastSum = await segment.with((file) =>
      this.#fold(segment, file, { from: header.bytes, to: tail.witness, sum: header.sum, index }),
    )
    segment.index = Promise.resolve(this.#indexes.inMemory(index, segment.facts.number))
    return {
      ...this.#view(),
      active: undefined,
      activeIndex: index,
      lastSum,
      end: { position: this.#mustState().scalars.position, segment: segment.facts.number, bytes: tail.witness },
      witnessed: true,
      recovery: {
        tail: verdict.name,
        carriedBytes: 0,
        cutBytes: 0,
        setAside: undefined,
        segmentsRead: this.#segmentsRead,
      },
    }
  }

  #opened(active: ActiveSegment, report: Omit<RecoveryReport, 'segmentsRead'>): OpenedLog {
    return {
      ...this.#view(),
      active,
      activeIndex: active.index,
      lastSum: active.lastSum,
      end: { position: this.#mustState().scalars.position, segment: active.number, bytes: active.bytes },
      witnessed: true,
      recovery: { ...report, segmentsRead: this.#segmentsRead },
    }
  }

  #view(): Omit<LogView, 'durableEnd'> & { readonly identity: Identity; durableEnd(): never } {
    return {
      disk: this.#disk,
      catalog: this.#catalog,
      indexes: this.#indexes,
      state: this.#mustState(),
      identity: this.#options.identity,
      durableEnd: () => {
        throw new HoldfastError('ASSERTION', 'the owner of an opened log says how far it is durable')
      },
    }
  }

  /** Every segment of the catalog must be there: what is missing was not retained, it is lost. */
  async #checkPresence(): Promise<void> {
    const names = new Set(await listNames(this.#disk, folders.segments))
    for (const { facts } of this.#catalog.all) {
      if (names.has(facts.name)) continue
      throw damaged(
        this.#disk,
        segmentPath(facts.name),
        0,
        'segment-missing',
        'the segment is not there, though the log needs it',
      )
    }
  }

  async #removeParts(): Promise<void> {
    for (const name of await listNames(this.#disk, folders.segments)) {
      if (isPart(name)) await removeIfThere(this.#disk, segmentPath(name))
    }
  }
}

function tailStart(
  segment: Segment,
  header: ParsedHeader,
  mark: DurablePlace | undefined,
): { from: ByteOffset; witness: ByteOffset; position: Position } {
  const floor = header.bytes + header.header.carried
  if (mark !== undefined && mark.segment === segment.facts.name && mark.bytes >= floor) {
    return { from: mark.bytes, witness: mark.bytes, position: mark.position }
  }
  return { from: header.bytes, witness: floor, position: header.header.first - 1 }
}

async function digestStart(file: DiskFile, bytes: number, hash: Hash): Promise<void> {
  const start = Buffer.allocUnsafe(bytes)
  await readFully(file, start, 0)
  hash.update(start)
}

/** For a reader whose tables on disk don't fit: nothing is known, and nothing may be written. */
async function emptyTables(disk: Disk, tables: TableSet): Promise<TableSet> {
  await tables.close()
  return TableSet.open(disk, { folder: `${folders.state}/none`, readOnly: true })
}
