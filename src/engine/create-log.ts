// Makes a new journal in an empty directory. The identity is written last: until then the directory is no journal, and
// what a crash left there is made anew.

import { copyUnfinished } from '../core/moved.ts'
import type { Disk } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import { ActiveSegment } from './active-segment.ts'
import { readCopying } from './copying-file.ts'
import { type Identity, writeIdentity } from './identity.ts'
import { folders, identityPath, isPart, segmentName, segmentPath } from './layout.ts'
import { readHeader } from './segment.ts'
import { ensureDirectory, listNames, removeIfThere } from './whole-file.ts'

const ownNames: ReadonlySet<string> = new Set([...Object.values(folders), 'owner.json', 'durable', identityPath])

/** NOT_A_JOURNAL when the directory holds something that Holdfast didn't put there, COPY_UNFINISHED when a copy does. */
export async function checkEmpty(disk: Disk): Promise<void> {
  const note = await readCopying(disk)
  if (note !== undefined) throw copyUnfinished(disk.label, note)
  const foreign = (await listNames(disk, '')).filter((name) => !ownNames.has(name) && !isPart(name))
  if (foreign.length === 0) return
  throw new HoldfastError(
    'NOT_A_JOURNAL',
    `${disk.label} is not empty and holds no journal (it has ${foreign.slice(0, 3).join(', ')})`,
    {
      hint: 'Choose an empty or new directory, or the directory of a journal.',
      details: { found: foreign.slice(0, 20) },
    },
  )
}

export async function createLog(
  disk: Disk,
  options: { readonly clock: Clock; readonly random: Random; readonly fence: number; readonly epoch?: string },
): Promise<Identity> {
  await checkEmpty(disk)
  await removeUnfinished(disk)
  if (await ensureDirectory(disk, folders.segments)) await disk.syncDirectory('')
  const journal = options.random.hex(16)
  const epoch = options.epoch ?? options.random.hex(16)
  const time = options.clock.now()
  const header = { journal, epoch, segment: 1, first: 1, fence: options.fence, time, previous: null }
  const first = await ActiveSegment.create(disk, { name: segmentName(1, 0), header, link: 0 })
  await first.file.close()
  const identity: Identity = { journal, epoch, created: time, lock: disk.lockMechanism }
  await writeIdentity(disk, identity)
  return identity
}

/** An earlier attempt got as far as a first segment. If that holds records, the identity was lost, not never written. */
export async function removeUnfinished(disk: Disk): Promise<void> {
  const names = await listNames(disk, folders.segments)
  for (const name of names) {
    if (!isPart(name) && !(await isBare(disk, name))) {
      throw new HoldfastError('DAMAGED', `${disk.label} has segments but no ${identityPath}`, {
        hint: 'repair() with "identity" writes it anew from the log.',
        details: { file: identityPath, offset: 0, kind: 'identity-missing' },
      })
    }
  }
  for (const name of names) await removeIfThere(disk, segmentPath(name))
}

async function isBare(disk: Disk, name: string): Promise<boolean> {
  if (name !== segmentName(1, 0)) return false
  const file = await disk.open(segmentPath(name), { mode: 'read' })
  try {
    const header = await readHeader(file, name)
    return header !== undefined && (await file.size()) === header.bytes
  } finally {
    await file.close()
  }
}
