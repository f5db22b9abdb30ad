// Copying a journal to another store: copyJournal() and abandonCopy(). What is done stands in transfer/copy.ts; here is
// what it is done with. The stores of all kinds are loaded for it when it begins: most programs never copy.

import { sep } from 'node:path'
import { isHoldfastError } from './errors.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { type Random, systemRandom } from './host/random.ts'
import { invalidArgument } from './journal/argument.ts'
import { Journal } from './journal.ts'
import { limits } from './limits.ts'
import { parseTarget } from './open.ts'
import type { CopyKind, CopyTarget } from './stores/copy-port.ts'
import { checkSegmentBytes } from './stores/file/open-file-store.ts'
import type { LongWork } from './stores/store.ts'
import type { CopyProgress, CopyReport } from './transfer/copy.ts'
import type { AbandonReport } from './transfer/copy-abandon.ts'

/** What open() takes, or a journal that is open: to copy to, one in memory that is empty. */
export type CopyEnd = string | URL | Journal

export interface CopyOptions extends LongWork<CopyProgress> {
  /** Leaves the source in use: the target gets an epoch of its own, and honours cursors up to where it left the source. */
  readonly fork?: boolean
  /** Of a directory that is copied to: at which size a segment of the log is closed and a new one begun. */
  readonly segmentBytes?: number
  /** The source of time; that of this machine by default. */
  readonly clock?: Clock
  /** The source of chance; that of this machine by default. */
  readonly random?: Random
}

/** Moves a journal, or forks it, with all that it holds. Called again after an interruption, it goes on. Throws LOCKED,
 * MOVED, TARGET_NOT_EMPTY, JOURNAL_MISSING, DAMAGED, READ_ONLY, ABORTED, DISK_FULL or IO. */
export async function copyJournal(from: CopyEnd, to: CopyEnd, options: CopyOptions = {}): Promise<CopyReport> {
  const { fork = false, clock = systemClock, random = systemRandom, signal, progress } = options
  const { copyStore } = await import('./transfer/copy.ts')
  const ends = await endsOf(from, to, options)
  const work = {
    fork,
    clock,
    random,
    ...(signal === undefined ? {} : { signal }),
    ...(progress === undefined ? {} : { progress }),
  }
  const target = ends.to.target()
  const source = await ends.from.source({ fork })
  try {
    return await copyStore(source, target, work)
  } finally {
    await source.close()
  }
}

/** Gives up an unfinished copy: what there is of the target is removed, and the source takes writes again. Throws MOVED
 * when the copy is finished, and TARGET_NOT_EMPTY when the target isn't one of this journal. */
export async function abandonCopy(
  from: CopyEnd,
  to: CopyEnd,
  options: Pick<CopyOptions, 'clock'> = {},
): Promise<AbandonReport> {
  const { abandonCopy: abandonStore } = await import('./transfer/copy-abandon.ts')
  const ends = await endsOf(from, to, options)
  const target = ends.to.target()
  // What was begun as a fork needs the source for its name alone, and somebody may have it open.
  const source = await ends.from.source({ fork: await isFork(target) })
  try {
    return await abandonStore(source, target)
  } finally {
    await source.close()
  }
}

async function isFork(target: CopyTarget): Promise<boolean> {
  try {
    const place = await target.look()
    return place.kind === 'unfinished' && place.note.epoch !== place.note.source
  } catch (error) {
    // Something else stands there: what is to be done then depends on the source.
    if (isHoldfastError(error, 'TARGET_NOT_EMPTY')) return false
    throw error
  }
}

async function endsOf(
  from: CopyEnd,
  to: CopyEnd,
  { clock = systemClock, random = systemRandom, segmentBytes = limits.segmentBytes }: CopyOptions,
): Promise<{ readonly from: CopyKind; readonly to: CopyKind }> {
  checkSegmentBytes(segmentBytes)
  const { copyKindOf, openJournalKind } = await import('./copy-places.ts')
  const kindOf = (end: CopyEnd): Promise<CopyKind> | CopyKind =>
    end instanceof Journal ? openJournalKind(end) : copyKindOf(parseTarget(end), { clock, random, segmentBytes })
  const ends = { from: await kindOf(from), to: await kindOf(to) }
  const [source, target] = [ends.from.key, ends.to.key]
  if (source === target) throw invalidArgument('the target', 'another place than the source')
  if (isWithin(source, target) || isWithin(target, source)) {
    throw invalidArgument('the target', 'outside of the source, and the source outside of it')
  }
  return ends
}

function isWithin(inner: unknown, outer: unknown): boolean {
  return typeof inner === 'string' && typeof outer === 'string' && inner.startsWith(outer + sep)
}
