// Opens a log: finds its segments, decides about its end by the recovery table, and folds what the state tables don't
// cover yet. A writer mends what the table says; a reader changes nothing and ends where the log is known durable.
//
// Crash-safe by order: nothing is cut before its copy or its successor is durable, and every step can be done again.

import type { ByteOffset, Position } from '../core/numbers.ts'
import type { Disk } from '../disks/disk.ts'
import type { Clock } from '../host/clock.ts'
import { type ActiveEnd, judgeActive, trimExcess } from './active-end.ts'
import type { ActiveSegment } from './active-segment.ts'
import { Catalog } from './catalog.ts'
import type { Covering } from './cover.ts'
import { readMark } from './durable-mark.ts'
import type { Identity } from './identity.ts'
import { folders } from './layout.ts'
import { decodeNote, emptyScalars } from './note.ts'
import { indexesOf } from './previous-segment.ts'
import { finishRewrites } from './rewrites.ts'
import type { SegmentFacts } from './segment.ts'
import { foldRange, foldSealed, type OpenProgress } from './segment-fold.ts'
import { ActiveIndex } from './segment-index.ts'
import { checkPresence, listSegments, removeParts } from './segment-list.ts'
import { State } from './state.ts'
import { TableDamaged } from './tables/table-damaged.ts'
import { TableSet } from './tables/table-set.ts'
import { type TailReport, takeOver } from './take-over.ts'

export interface OpenLogOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly identity: Identity
  /** The writer's fence; undefined opens for reading only. */
  readonly fence: number | undefined
  /** Called as segments are folded that the state tables should have covered. */
  readonly progress?: ((progress: OpenProgress) => void) | undefined
}

/** What recovery did, for the report to whoever opened the journal. */
export interface RecoveryReport extends TailReport {
  /** Segments folded because the tables didn't cover them. */
  readonly segmentsRead: number
}

export interface OpenedLog extends Covering {
  /** The growing segment; for a reader, its index and how far it is durable. */
  readonly active: ActiveSegment | undefined
  readonly activeIndex: ActiveIndex
  readonly lastSum: number
  readonly end: { readonly position: Position; readonly segment: number; readonly bytes: ByteOffset }
  readonly recovery: RecoveryReport
  /** What finishing rewrites taught: the catalog may not be recorded without it. */
  readonly derived: ReadonlyMap<string, unknown>
}

export async function openLog(options: OpenLogOptions): Promise<OpenedLog> {
  try {
    return await openOnce(options, { usesTables: true })
  } catch (error) {
    if (!(error instanceof TableDamaged)) throw error
    return openOnce(options, { usesTables: false })
  }
}

/** Without the tables, everything is folded from the log. */
async function openOnce(options: OpenLogOptions, caches: { readonly usesTables: boolean }): Promise<OpenedLog> {
  const { disk, identity, fence } = options
  const isWriter = fence !== undefined
  if (isWriter) await syncNames(disk)
  // Before the segments are listed: a writer at work may begin another one while this one reads.
  const mark = await readMark(disk)
  const { state, covered } = await openState(options, caches)
  const catalog = new Catalog(disk)
  const log = { disk, identity, catalog, indexes: indexesOf({ disk, catalog, state }), state }
  let ending: Ending | undefined
  try {
    catalog.add(...covered)
    await listSegments(log)
    const end = await judgeActive(disk, catalog.active, mark)
    if (isWriter) await trimExcess(disk, catalog)
    const folded = await foldSealed(log, covered.length, { isWriter, progress: options.progress })
    ending = isWriter ? await own(log, end, { fence, clock: options.clock }) : await follow(log, end)
    const derived = await finishRewrites({ disk, catalog, state, isWriter })
    await checkPresence(disk, catalog)
    if (isWriter) await removeParts(disk)
    return { ...log, ...ending, derived, recovery: { ...ending.report, segmentsRead: folded + 1 } }
  } catch (error) {
    await closeOpened({ active: ending?.active, catalog, state })
    throw error
  }
}

/** Lets go of a log that nobody began to use. */
export async function closeOpened(log: Pick<OpenedLog, 'active' | 'catalog' | 'state'>): Promise<void> {
  await log.active?.file.close()
  await log.catalog.close()
  await log.state.close({ isWriter: false })
}

/** A process that was killed may have renamed a file and not synced its directory: what is built on it now would go
 * with it in a power cut. */
async function syncNames(disk: Disk): Promise<void> {
  await disk.syncDirectory('')
  await disk.syncDirectory(folders.segments)
}

/** The state as the tables have it, and the segments that they cover; an empty one when they can't be used. */
async function openState(
  { disk, identity, fence }: OpenLogOptions,
  { usesTables }: { readonly usesTables: boolean },
): Promise<{ readonly state: State; readonly covered: readonly SegmentFacts[] }> {
  const isWriter = fence !== undefined
  const tables = await TableSet.open(disk, { folder: folders.state, readOnly: !isWriter })
  const isUsable = usesTables && tables.outcome.state === 'ready'
  const note = isUsable ? decodeNote(tables.note, identity) : undefined
  if (note === undefined && isWriter) await tables.clear()
  const usable = note !== undefined || isWriter ? tables : await emptyTables(disk, tables)
  const state = new State(usable, note?.scalars ?? emptyScalars())
  state.coveredThrough = note?.sealed.at(-1)?.number ?? 0
  state.coveredForgetBefore = note?.scalars.forgetBefore ?? 0
  return { state, covered: note?.sealed ?? [] }
}

/** For a reader whose tables on disk don't fit: nothing is known, and nothing may be written. */
async function emptyTables(disk: Disk, tables: TableSet): Promise<TableSet> {
  await tables.close()
  return TableSet.open(disk, { folder: `${folders.state}/none`, readOnly: true })
}

type Ending = Omit<OpenedLog, keyof Covering | 'derived' | 'recovery'> & { readonly report: TailReport }

/** The log's end as its writer has it, mended. */
async function own(log: Covering, end: ActiveEnd, writer: Parameters<typeof takeOver>[2]): Promise<Ending> {
  const { active, report } = await takeOver(log, end, writer)
  const { position } = log.state.scalars
  const { index: activeIndex, lastSum, number: segment, bytes } = active
  return { active, activeIndex, lastSum, end: { position, segment, bytes }, report }
}

/** The log's end as a reader may see it: what is known durable. */
async function follow(log: Covering, { segment, header, tail, verdict }: ActiveEnd): Promise<Ending> {
  const activeIndex = new ActiveIndex()
  const range = { from: header.bytes, to: tail.witness, sum: header.sum, index: activeIndex }
  const lastSum = await segment.with((file) => foldRange(log, segment, file, range))
  segment.index = Promise.resolve(log.indexes.inMemory(activeIndex, segment.facts.number))
  return {
    active: undefined,
    activeIndex,
    lastSum,
    end: { position: log.state.scalars.position, segment: segment.facts.number, bytes: tail.witness },
    report: { tail: verdict.name, carriedBytes: 0, cutBytes: 0, setAside: undefined },
  }
}
