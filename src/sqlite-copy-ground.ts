// A file of SQLite as the ground of a copy. Who is at it holds the kernel's lock on a file beside it, which lets go when the
// process ends, however it ends; SQLite's own locks are free between two transactions.

import { open as openFile, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { DiskLock } from './disks/disk.ts'
import { nodeDisk } from './disks/node-disk.ts'
import { HoldfastError, isHoldfastError } from './errors.ts'
import type { Clock } from './host/clock.ts'
import { makeDirectories, syncDirectory } from './make-directories.ts'
import { fileError, kindOf, makeFile, notAFile, sqlitePlace } from './open-sqlite.ts'
import type { CopyGround, HeldGround } from './stores/sql/copy-ground.ts'
import { withPatience } from './stores/sql/retry.ts'
import { SqliteBackend } from './stores/sqlite/backend.ts'
import { headOfSqliteFile, makeSqliteJournal } from './stores/sqlite/open-sqlite-store.ts'
import type { SqlitePlace } from './stores/sqlite/place.ts'

const isOver = (): boolean => false

/** `file` is absolute. */
export function sqliteCopyGround(file: string, clock: Clock): CopyGround {
  return {
    name: file,
    async look() {
      const kind = await kindOf(file)
      if (kind === 'other') throw notAFile(file)
      if (kind === undefined) return undefined
      const place = await sqlitePlace(file)
      return withPatience(clock, async () => headOfSqliteFile(place), isOver)
    },
    hold: () => hold(file, clock),
  }
}

async function hold(file: string, clock: Clock): Promise<HeldGround> {
  // The driver first: where there is none, nothing is left behind.
  const place = await sqlitePlace(file)
  await makeDirectories(dirname(file))
  const lock = await lockBeside(file)
  return {
    async make(head) {
      await makeFile(file, { mayCreate: true, isExclusive: false })
      await withPatience(clock, async () => makeSqliteJournal(place, head), isOver)
    },
    open: () => withPatience(clock, async () => openBackend(place, clock), isOver),
    remove: () => remove(file),
    async release() {
      try {
        await rm(lockPath(file), { force: true })
      } finally {
        await lock.release()
      }
    },
  }
}

function lockPath(file: string): string {
  return `${file}-copying`
}

/** Whoever locks one that its last holder is just removing is kept out by what stands in the head row. */
async function lockBeside(file: string): Promise<DiskLock> {
  const path = lockPath(file)
  const lock = await lockFile(path)
  if (lock !== undefined) return lock
  throw new HoldfastError('LOCKED', `another process is copying to ${file}`, {
    hint: 'Wait for it, or stop it and run this again.',
  })
}

async function lockFile(path: string): Promise<DiskLock | undefined> {
  try {
    const handle = await openFile(path, 'a')
    await handle.close()
    return await nodeDisk(dirname(path)).lock(basename(path))
  } catch (error) {
    throw isHoldfastError(error) ? error : fileError(path, error)
  }
}

function openBackend(place: SqlitePlace, clock: Clock): SqliteBackend {
  return SqliteBackend.open({ ...place, clock, readOnly: undefined, copyTo: undefined })
}

/** The log first: without its file it would be taken for the log of the next one of that name. The last connection that
 * was closed has written it back, so the file alone still says what it is. */
async function remove(file: string): Promise<void> {
  for (const end of ['-wal', '-shm', '']) await rm(`${file}${end}`, { force: true })
  await syncDirectory(dirname(file))
}
