// From a path to the SQLite store in it: the part of opening that knows the real file system and which driver there is.

import { link, open as openFile, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Directories } from './disks/directories.ts'
import { errorCodeOf } from './disks/disk-error.ts'
import { nodeDirectories } from './disks/node-directories.ts'
import { nodeDisk } from './disks/node-disk.ts'
import { fullError, onTarget } from './engine/target-error.ts'
import { HoldfastError } from './errors.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { type Random, systemRandom } from './host/random.ts'
import { makeDirectories, syncDirectory } from './make-directories.ts'
import type { SqlStore } from './stores/sql/sql-store.ts'
import { findDriver, type SqliteDriver } from './stores/sqlite/driver.ts'
import { openSqliteStore, verifySqliteFile } from './stores/sqlite/open-sqlite-store.ts'
import type { SqlitePlace } from './stores/sqlite/place.ts'
import type { LongWork, VerifyProgress, VerifyReport } from './stores/store.ts'

export interface SqliteOptions {
  readonly readOnly?: boolean | undefined
  readonly create?: 'if-missing' | 'never' | 'exclusive' | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  /** Of an import: the journal keeps its id. */
  readonly journalId?: string | undefined
  /** How a driver's module is loaded. */
  readonly load?: (name: string) => Promise<unknown>
}

let known: Promise<SqliteDriver> | undefined

/** Looked for once. */
function driver(): Promise<SqliteDriver> {
  known ??= findDriver(importModule)
  // Whoever installs one meanwhile shall not have to start anew.
  known.catch(() => {
    known = undefined
  })
  return known
}

function importModule(name: string): Promise<unknown> {
  return import(name)
}

/** A file of SQLite as it is named, for those who need it before a journal is in it. */
export async function sqlitePlace(path: string): Promise<SqlitePlace> {
  return { driver: await driver(), path: resolve(path), label: path }
}

export async function openSqlite(path: string, options: SqliteOptions = {}): Promise<SqlStore> {
  const file = resolve(path)
  const { readOnly = false, create = 'if-missing', clock = systemClock, random = systemRandom, journalId } = options
  const mayCreate = !readOnly && create !== 'never'
  // The driver first: where there is none, no file is left behind.
  const found = await (options.load === undefined ? driver() : findDriver(options.load))
  await makeFile(file, { mayCreate, isExclusive: mayCreate && create === 'exclusive' })
  return openSqliteStore({
    driver: found,
    path: file,
    label: path,
    readOnly,
    mayCreate,
    clock,
    random,
    journalId,
    copyTo: (to, write) => copyInto(nodeDirectories, { to, name: basename(file) }, write),
  })
}

/** As it lies there, also one whose head is damaged. Changes nothing. */
export async function verifySqlite(path: string, work: LongWork<VerifyProgress>): Promise<VerifyReport> {
  const file = resolve(path)
  const found = await driver()
  await makeFile(file, { mayCreate: false, isExclusive: false })
  return verifySqliteFile({ driver: found, path: file, label: path, clock: systemClock }, work)
}

/** A journal in the making: nobody sees it under its name until commit(). */
export interface NewSqliteFile {
  readonly store: SqlStore
  /** Closes it, and it takes its name, where nothing may stand. */
  commit(): Promise<void>
  /** Nothing of it is left. */
  discard(): Promise<void>
}

/** Begins a journal that is to stand at `path`. A crash leaves a file that ends in .import-part. */
export async function beginSqliteFile(
  path: string,
  options: Required<Pick<SqliteOptions, 'clock' | 'random' | 'journalId'>>,
): Promise<NewSqliteFile> {
  const file = resolve(path)
  if ((await kindOf(file)) !== undefined) throw taken(file)
  const part = `${file}.${systemRandom.hex(4)}.import-part`
  const store = await openSqlite(part, { ...options, create: 'exclusive' })
  return {
    store,
    async commit() {
      await store.close()
      try {
        // Unlike a rename, a link takes no name that somebody else took meanwhile.
        await link(part, file)
      } catch (error) {
        throw fileError(file, error)
      }
      await rm(part)
      await syncDirectory(dirname(file))
    },
    async discard() {
      await store.close()
      for (const end of ['', '-wal', '-shm']) await rm(`${part}${end}`, { force: true })
    },
  }
}

/** The file is there when it resolves, and is one; its name is durable. */
export async function makeFile(
  file: string,
  { mayCreate, isExclusive }: { readonly mayCreate: boolean; readonly isExclusive: boolean },
): Promise<void> {
  const kind = await kindOf(file)
  if (kind === 'other') throw notAFile(file)
  if (kind === 'file' && !isExclusive) return
  if (!mayCreate) throw missing(file)
  await makeDirectories(dirname(file))
  try {
    // An empty file is an empty database. A file that is there is never opened but by SQLite: closing any other handle on it
    // would drop the locks that SQLite holds in this process.
    const handle = await openFile(file, 'wx')
    await handle.close()
  } catch (error) {
    if (isExclusive || errorCodeOf(error) !== 'EEXIST') throw fileError(file, error)
  }
  await syncDirectory(dirname(file))
}

export async function kindOf(file: string): Promise<'file' | 'other' | undefined> {
  try {
    return (await stat(file)).isFile() ? 'file' : 'other'
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined
    throw fileError(file, error)
  }
}

export function notAFile(file: string): HoldfastError {
  return new HoldfastError('NOT_A_JOURNAL', `${file} is a directory or no ordinary file`, {
    hint: 'A journal in SQLite is one file. For a journal in a directory, give a path without .db, or file:…',
  })
}

function missing(file: string): HoldfastError {
  return new HoldfastError('JOURNAL_MISSING', `there is no journal in ${file}`, {
    hint: "Check the path, or open it without readOnly and without create: 'never' to make a new one.",
  })
}

export function fileError(file: string, error: unknown): HoldfastError {
  switch (errorCodeOf(error)) {
    case 'EEXIST':
      return taken(file, error)
    case 'ENOTDIR':
      return new HoldfastError('TARGET_IS_FILE', `a part of ${file} is a file, not a directory`, {
        hint: 'Choose another path, or move that file away.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HoldfastError('NO_PERMISSION', `no permission for ${file}`, {
        hint: 'Check who owns the directory, and as whom this process runs.',
        cause: error,
      })
    default:
      return new HoldfastError('IO', `looking at ${file} failed: ${(error as Error).message}`, { cause: error })
  }
}

function taken(file: string, cause?: unknown): HoldfastError {
  return new HoldfastError('TARGET_NOT_EMPTY', `there is something at ${file} already`, {
    hint: 'Choose another name, or open what is there.',
    cause,
  })
}

async function copyInto(
  directories: Directories,
  { to, name }: { readonly to: string; readonly name: string },
  write: (path: string) => void,
): Promise<void> {
  const named = { what: 'backup', to } as const
  const made = await onTarget(named, () => directories.begin(to))
  try {
    write(join(made.disk.label, name))
    const copy = await nodeDisk(made.disk.label).open(name, { mode: 'write' })
    await copy.sync().finally(() => copy.close())
    await onTarget(named, () => made.commit())
  } catch (error) {
    // The failure that led here matters more; the next backup to the same place clears what is left.
    await made.discard().catch(() => undefined)
    throw fullError(error, named)
  }
}
