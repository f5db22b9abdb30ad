// Import: what an export wrote becomes a journal again, in a new directory, a new file of SQLite, under a new name in
// PostgreSQL or in memory, whole or not at all. Positions, seqs, times, checksums and command ids stay; the journal keeps
// its id and gets a new epoch, because its history was replaced: cursors of the old one are noticed.

import type { EventDefinitions } from './core/schema.ts'
import type { Directories } from './disks/directories.ts'
import { nodeDirectoriesFor } from './disks/node-directories.ts'
import { nodeFiles } from './disks/node-files.ts'
import { importLog } from './engine/import-log.ts'
import { fullError, type NamedTarget, onTarget } from './engine/target-error.ts'
import { verifyDirectory } from './engine/verify.ts'
import { HoldfastError } from './errors.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { type Random, systemRandom } from './host/random.ts'
import { invalidArgument } from './journal/argument.ts'
import type { NoDefinitions } from './journal/event.ts'
import { createJournal, type Journal, type JournalOptions } from './journal.ts'
import { limits } from './limits.ts'
import { parseTarget } from './open.ts'
import { checkSegmentBytes } from './stores/file/open-file-store.ts'
import { memoryStore } from './stores/memory.ts'
import type { SqlStore } from './stores/sql/sql-store.ts'
import type { LongWork, VerifyProgress, VerifyReport } from './stores/store.ts'
import type { ExportTrailer } from './transfer/format.ts'
import { ImportFile, type ImportProgress, throwIfAborted } from './transfer/import-file.ts'

/** A file that an export wrote, or its bytes in pieces of any size (a ReadableStream is such a source). */
export type ImportSource = string | AsyncIterable<Uint8Array>

export interface ImportOptions extends LongWork<ImportProgress> {
  /** At which size a segment of the log is closed and a new one begun. */
  readonly segmentBytes?: number
  /** The source of time; that of this machine by default. */
  readonly clock?: Clock
  /** The source of chance; that of this machine by default. */
  readonly random?: Random
}

/** What was imported: figures, size and SHA-256 of the export, and which history it was taken from. */
export interface ImportReport extends ExportTrailer {
  readonly journal: string
  /** Of the new history. */
  readonly epoch: string
  readonly from: { readonly epoch: string; readonly created: number }
}

/** Into a directory that is empty or not there yet, or a .db file or a journal in PostgreSQL that is not there yet. Throws
 * IMPORT_INVALID with line, offset and reason, NEWER_FORMAT, TARGET_NOT_EMPTY, TARGET_IS_FILE, LOCKED, NO_PERMISSION, DISK_FULL, IO or ABORTED, and then nothing is left. */
export async function importJournal(
  source: ImportSource,
  target: string | URL,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const place = parseTarget(target)
  if (place.kind === 'memory') {
    throw invalidArgument(
      'the target of an import',
      'a directory or a .db file',
      'openImported() opens an import in memory.',
    )
  }
  const { clock = systemClock, random = systemRandom } = options
  if (place.kind === 'sqlite') {
    const { beginSqliteFile } = await import('./open-sqlite.ts')
    return importRows(source, options, (journalId) => beginSqliteFile(place.path, { clock, random, journalId }))
  }
  if (place.kind === 'postgres') {
    const { beginPostgresJournal } = await import('./open-postgres.ts')
    return importRows(source, options, (journalId) => beginPostgresJournal(place.url, { clock, random, journalId }))
  }
  return importDirectory(source, { to: place.path, directories: nodeDirectoriesFor('import') }, options)
}

/** As a journal in memory. Options are those of open(), and how to follow and stop the import. */
export async function openImported<const D extends EventDefinitions = NoDefinitions>(
  source: ImportSource,
  options: Omit<JournalOptions<D>, 'target' | 'files'> & Omit<ImportOptions, 'segmentBytes'> = {},
): Promise<Journal<D>> {
  const { clock = systemClock, random = systemRandom } = options
  const file = await openSource(source, options)
  try {
    const { journal } = await file.header()
    const store = memoryStore({ clock, random, journalId: journal })
    await store.load(file.records())
    return createJournal(store, { ...options, target: 'memory:', files: nodeFiles })
  } catch (error) {
    throw file.located(error)
  } finally {
    await file.close()
  }
}

/** A journal of rows that is being made: nobody uses it before commit(). */
interface MadeRows {
  readonly store: SqlStore
  commit(): Promise<void>
  discard(): Promise<void>
}

async function importRows(
  source: ImportSource,
  options: ImportOptions,
  begin: (journalId: string) => Promise<MadeRows>,
): Promise<ImportReport> {
  const { signal } = options
  const file = await openSource(source, options)
  try {
    const { journal, epoch, created } = await file.header()
    const made = await begin(journal)
    try {
      const { store } = made
      await store.load(file.records())
      const progress = (verified: VerifyProgress): void => file.tell(verified)
      mustBeSound(await store.verify({ ...(signal === undefined ? {} : { signal }), progress }))
      throwIfAborted(signal)
      const identity = store.identity()
      await made.commit()
      return { ...file.trailer, journal, epoch: identity.epoch, from: { epoch, created } }
    } catch (error) {
      // The failure that led here matters more.
      await made.discard().catch(() => undefined)
      throw file.located(error)
    }
  } finally {
    await file.close()
  }
}

/** The same with the directory behind a port. */
export async function importDirectory(
  source: ImportSource,
  target: { readonly to: string; readonly directories: Directories },
  options: ImportOptions,
): Promise<ImportReport> {
  const { clock = systemClock, random = systemRandom, segmentBytes = limits.segmentBytes, signal } = options
  checkSegmentBytes(segmentBytes)
  const named: NamedTarget = { what: 'import', to: target.to }
  const file = await openSource(source, options)
  try {
    const { journal, epoch, created } = await file.header()
    const made = await onTarget(named, () => target.directories.begin(target.to))
    try {
      const identity = { journal, epoch: random.hex(16), created: clock.now() }
      await importLog({ disk: made.disk, identity, segmentBytes }, file.records())
      const work = {
        ...(signal === undefined ? {} : { signal }),
        progress: (verified: VerifyProgress) => file.tell(verified),
      }
      mustBeSound(await verifyDirectory(made.disk, work))
      throwIfAborted(signal)
      await onTarget(named, () => made.commit())
      return { ...file.trailer, journal, epoch: identity.epoch, from: { epoch, created } }
    } catch (error) {
      // The failure that led here matters more; the next import to the same place clears what is left.
      await made.discard().catch(() => undefined)
      throw fullError(file.located(error), named)
    }
  } finally {
    await file.close()
  }
}

async function openSource(source: ImportSource, options: LongWork<ImportProgress>): Promise<ImportFile> {
  const { signal, progress } = options
  if (typeof source !== 'string') {
    const isSource = typeof source === 'object' && source !== null && Symbol.asyncIterator in source
    if (!isSource) throw invalidArgument('the source of an import', 'a path or an async iterable of bytes')
    return new ImportFile(source, { signal, progress })
  }
  const { bytes, bytesTotal } = await nodeFiles.read(source)
  return new ImportFile(bytes, { signal, progress, bytesTotal })
}

/** What was written is read back once as a whole, caches included, before it takes its name. */
function mustBeSound(report: VerifyReport): void {
  const finding = report.findings.find(({ severity }) => severity !== 'note')
  if (finding === undefined) return
  throw new HoldfastError('IO', `what was imported did not come back from the disk: ${finding.message}`, {
    hint: 'Check the disk, and import again.',
    details: { kind: finding.kind, file: finding.file },
  })
}
