// Opening a directory as a journal: what is there, who may write, and what to do when it can't be written. Every way in
// which this can go wrong has its own code, because a person stands before it.

import { movedError } from '../../core/moved.ts'
import type { Directories } from '../../disks/directories.ts'
import type { Disk } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { checkEmpty, createLog } from '../../engine/create-log.ts'
import { type Identity, readIdentity } from '../../engine/identity.ts'
import { identityPath } from '../../engine/layout.ts'
import { readMoved } from '../../engine/moved-file.ts'
import { becomeOwner, type Ownership, type ProcessFacts } from '../../engine/owner.ts'
import type { OpenProgress } from '../../engine/segment-fold.ts'
import { HoldfastError } from '../../errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { limits } from '../../limits.ts'
import { FileStore } from './file-store.ts'

export interface FileOpenOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly process: ProcessFacts
  readonly readOnly?: boolean | undefined
  readonly takeover?: boolean | undefined
  readonly create?: 'if-missing' | 'never' | 'exclusive' | undefined
  readonly segmentBytes?: number | undefined
  /** Opens for writing what is marked as moved, too: only to take the mark back or to finish. */
  readonly evenMoved?: boolean | undefined
  /** Where backups are made; without it there are none. */
  readonly directories?: Directories | undefined
  /** Called while the log is read because its caches don't cover it. */
  readonly progress?: ((progress: OpenProgress) => void) | undefined
}

export async function openFileStore(options: FileOpenOptions): Promise<FileStore> {
  checkSegmentBytes(options.segmentBytes)
  try {
    return options.readOnly === true
      ? await openReader(options, 'it was opened with readOnly')
      : await openWriter(options)
  } catch (error) {
    throw openingError(error, options.disk)
  }
}

async function openWriter(options: FileOpenOptions): Promise<FileStore> {
  const { disk, create } = options
  const found = await readIdentity(disk)
  if (found !== undefined && create === 'exclusive') throw alreadyThere(disk)
  if (found === undefined) {
    await checkEmpty(disk)
    if (create === 'never') throw journalMissing(disk)
  } else {
    checkLockMechanism(found, disk)
  }
  let ownership: Ownership
  try {
    const { takeover = false, process, clock } = options
    ownership = await becomeOwner(disk, { takeover, process, now: clock.now() })
  } catch (error) {
    if (found === undefined || !isRoomOrRights(error)) throw error
    return openReader(options, `there is no way to write here (${String(errorCodeOf(error))})`)
  }
  return openOwned(options, ownership)
}

async function openOwned(options: FileOpenOptions, ownership: Ownership): Promise<FileStore> {
  const { disk, clock, random } = options
  try {
    // Looked at again under the lock: another process may have made the journal meanwhile.
    const existing = await readIdentity(disk)
    const identity = existing ?? (await createLog(disk, { clock, random, fence: ownership.fence }))
    // Under the lock too: whoever moves a journal holds it until the mark stands.
    const relocation = await readMoved(disk)
    if (relocation !== undefined && options.evenMoved !== true) throw movedError(disk.label, relocation)
    const parts = storeOptions(options, identity)
    return await FileStore.open({ ...parts, ownership, relocation, readOnlyReason: undefined })
  } catch (error) {
    await ownership.lock.release()
    if (!isRoomOrRights(error) || (await readIdentity(disk)) === undefined) throw error
    return openReader(options, `recovery found no room or no right to write (${String(errorCodeOf(error))})`)
  }
}

async function openReader(options: FileOpenOptions, reason: string): Promise<FileStore> {
  const { disk } = options
  const identity = await readIdentity(disk)
  if (identity === undefined) {
    await checkEmpty(disk)
    throw journalMissing(disk)
  }
  return FileStore.open({ ...storeOptions(options, identity), ownership: undefined, readOnlyReason: reason })
}

function storeOptions(options: FileOpenOptions, identity: Identity) {
  const { disk, clock, progress, directories, segmentBytes = limits.segmentBytes } = options
  return { disk, clock, identity, segmentBytes, progress, directories }
}

export function checkSegmentBytes(segmentBytes: number | undefined): void {
  if (segmentBytes === undefined) return
  if (
    Number.isSafeInteger(segmentBytes) &&
    segmentBytes >= limits.segmentBytesMin &&
    segmentBytes <= limits.segmentBytesMax
  )
    return
  throw new HoldfastError(
    'INVALID_ARGUMENT',
    `segmentBytes must be a whole number from ${limits.segmentBytesMin} to ${limits.segmentBytesMax}, not ${String(segmentBytes)}`,
  )
}

function checkLockMechanism(identity: Identity, disk: Disk): void {
  if (identity.lock === disk.lockMechanism) return
  throw new HoldfastError(
    'UNSUPPORTED',
    `${disk.label} is locked by ${identity.lock}, but this machine has ${disk.lockMechanism}`,
    {
      hint: `Two kinds of lock don't see each other. Install what ${identity.lock} needs (util-linux for flock), or open with readOnly.`,
      details: { recorded: identity.lock, available: disk.lockMechanism },
    },
  )
}

function isRoomOrRights(error: unknown): boolean {
  const code = errorCodeOf(error)
  return (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    code === 'EROFS' ||
    code === 'EACCES' ||
    code === 'EPERM' ||
    code === 'DISK_FULL'
  )
}

function alreadyThere(disk: Disk): HoldfastError {
  return new HoldfastError('TARGET_NOT_EMPTY', `${disk.label} is a journal already`, {
    hint: "Open it without create: 'exclusive', or choose another directory.",
  })
}

function journalMissing(disk: Disk): HoldfastError {
  return new HoldfastError('JOURNAL_MISSING', `there is no journal in ${disk.label}`, {
    hint: 'Check the path; opening for writing makes a new journal there.',
  })
}

/** What the operating system said, as a person needs it. */
function openingError(error: unknown, disk: Disk): unknown {
  if (error instanceof HoldfastError) return error
  switch (errorCodeOf(error)) {
    case 'ENOENT':
      return disk.existsNow(identityPath) ? openingFailed(error, disk) : journalMissing(disk)
    case 'ENOTDIR':
      return new HoldfastError('TARGET_IS_FILE', `${disk.label} is a file, and a journal is a directory`, {
        hint: 'Choose another path, or move that file away.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HoldfastError('NO_PERMISSION', `no permission to open ${disk.label}`, {
        hint: 'Check who owns the directory and its files, and as whom this process runs.',
        cause: error,
      })
    case 'ENOSPC':
    case 'EDQUOT':
      return new HoldfastError('DISK_FULL', `no room to open ${disk.label}`, {
        hint: 'Free some space, or open with readOnly.',
        cause: error,
      })
    case undefined:
      return error
    default:
      return openingFailed(error, disk)
  }
}

function openingFailed(error: unknown, disk: Disk): HoldfastError {
  return new HoldfastError('IO', `opening ${disk.label} failed: ${(error as Error).message}`, { cause: error })
}
