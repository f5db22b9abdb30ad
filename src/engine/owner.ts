// One writer per directory (G7). The newest fence file carries the kernel's lock: it is released when its holder dies,
// however it dies. A stopped holder keeps it; takeover therefore makes a newer fence file, exclusively, and the former
// holder finds it between sync and acknowledgement. Fence files are never removed: they are what a stopped writer must
// find when it wakes up.

import type { TimeMs } from '../core/numbers.ts'
import type { Disk, DiskLock } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { writeFully } from '../disks/whole-io.ts'
import { HoldfastError } from '../errors.ts'
import { fencePath, folders, parseFenceName } from './layout.ts'
import { ensureDirectory, listNames, readWholeFile } from './whole-file.ts'

export interface ProcessFacts {
  readonly pid: number
  readonly host: string
}

export interface Ownership {
  readonly fence: number
  readonly lock: DiskLock
}

/** Who has the journal open, for messages only: nothing is decided by it. */
export interface OwnerNote extends ProcessFacts {
  readonly since: TimeMs
}

const ownerPath = 'owner.json'
const ownerBytesMax = 4096

export async function becomeOwner(
  disk: Disk,
  options: { readonly takeover: boolean; readonly process: ProcessFacts; readonly now: TimeMs },
): Promise<Ownership> {
  if (await ensureDirectory(disk, folders.fences)) await disk.syncDirectory('')
  for (;;) {
    const ownership = await tryOnce(disk, options.takeover)
    if (ownership === undefined) continue
    try {
      await writeOwner(disk, { ...options.process, since: options.now })
    } catch (error) {
      await ownership.lock.release()
      throw error
    }
    return ownership
  }
}

/** undefined when somebody else moved meanwhile and it must be looked at again. */
async function tryOnce(disk: Disk, takeover: boolean): Promise<Ownership | undefined> {
  const newest = await newestFence(disk)
  if (newest === 0) {
    await makeFence(disk, 1)
    return undefined
  }
  const lock = await disk.lock(fencePath(newest))
  if (lock !== undefined) {
    if ((await newestFence(disk)) === newest) return { fence: newest, lock }
    await lock.release()
    return undefined
  }
  if (!takeover) throw await locked(disk)
  if (!(await makeFence(disk, newest + 1))) return undefined
  const taken = await disk.lock(fencePath(newest + 1))
  if (taken === undefined) throw await locked(disk)
  return { fence: newest + 1, lock: taken }
}

export async function newestFence(disk: Disk): Promise<number> {
  let newest = 0
  for (const name of await listNames(disk, folders.fences)) newest = Math.max(newest, parseFenceName(name) ?? 0)
  return newest
}

/** False when another process made it first. */
export async function makeFence(disk: Disk, fence: number): Promise<boolean> {
  try {
    const file = await disk.open(fencePath(fence), { mode: 'write', create: 'exclusive' })
    try {
      await writeFully(file, Buffer.from(`{"fence":${fence}}\n`), 0)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCodeOf(error) !== 'EEXIST') throw error
    return false
  }
  await disk.syncDirectory(folders.fences)
  return true
}

async function writeOwner(disk: Disk, owner: OwnerNote): Promise<void> {
  const file = await disk.open(ownerPath, { mode: 'write', create: 'maybe' })
  try {
    const text = `${JSON.stringify(owner)}\n`
    await writeFully(file, Buffer.from(text), 0)
    await file.truncate(Buffer.byteLength(text))
  } finally {
    await file.close()
  }
}

export async function readOwner(disk: Disk): Promise<OwnerNote | undefined> {
  try {
    const bytes = await readWholeFile(disk, ownerPath, ownerBytesMax)
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as OwnerNote)
  } catch {
    return undefined // it may just be rewritten, and is for messages only
  }
}

async function locked(disk: Disk): Promise<HoldfastError> {
  const owner = await readOwner(disk)
  const by = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`
  const since = owner === undefined ? '' : ` since ${new Date(owner.since).toISOString()}`
  return new HoldfastError('LOCKED', `${disk.label} is open for writing by ${by}${since}`, {
    hint:
      'Open it with readOnly: true; hand it commands with submit(), and runs what they wait for with signalRun(), settleRun(), ' +
      'raiseRun() or cancelRun(); or, if that process is stopped for good, open with takeover: true.',
    details: owner === undefined ? {} : { pid: owner.pid, host: owner.host, since: owner.since },
  })
}

/** Whether a living process holds the journal. */
export async function isOwned(disk: Disk): Promise<boolean> {
  const newest = await newestFence(disk)
  if (newest === 0) return false
  const lock = await disk.lock(fencePath(newest))
  await lock?.release()
  return lock === undefined
}
