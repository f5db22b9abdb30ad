// journal.json: which journal this is. Written once, when a journal is made; its appearance under its final name is
// the moment from which the directory is a journal.

import { formatVersion, refuseNewer } from '../core/header.ts'
import { bodySum, hex8, ifJson } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import { identityPath } from './layout.ts'
import { readWholeFile, writeWholeFile } from './whole-file.ts'

export interface Identity {
  readonly journal: string
  readonly epoch: string
  readonly created: number
  /** The mechanism of the lock, so that two kinds never meet. */
  readonly lock: string
}

const identityBytesMax = 4096

export async function writeIdentity(disk: Disk, identity: Identity): Promise<void> {
  const { journal, epoch, created, lock } = identity
  const body = JSON.stringify({ holdfast: formatVersion, journal, epoch, created, lock }).slice(0, -1)
  await writeWholeFile(disk, identityPath, Buffer.from(`${body},"sum":"${hex8(bodySum(body))}"}\n`))
  await disk.syncDirectory('')
}

/** undefined when there is none; NOT_A_JOURNAL when the file is something else, DAMAGED when it was ours. */
export async function readIdentity(disk: Disk): Promise<Identity | undefined> {
  const bytes = await readWholeFile(disk, identityPath, identityBytesMax)
  if (bytes === undefined) return undefined
  const text = bytes.toString('utf8')
  const match = /^(\{"holdfast":(\d+),.*),"sum":"([0-9a-f]{8})"\}\n$/.exec(text)
  if (match === null) {
    const ours = text.startsWith('{"holdfast":')
    throw new HoldfastError(
      ours ? 'DAMAGED' : 'NOT_A_JOURNAL',
      ours ? `${disk.label}/${identityPath} is damaged` : `${disk.label}/${identityPath} was not written by Holdfast`,
      {
        hint: ours
          ? 'repair() with "identity" writes it anew from the log.'
          : 'Choose another directory, or move that file away if it is not needed.',
        details: { file: identityPath, offset: 0 },
      },
    )
  }
  refuseNewer(Number(match[2]), `${disk.label}/${identityPath}`)
  const isSound = hex8(bodySum(match[1] as string)) === match[3]
  const identity = isSound ? ifJson(() => JSON.parse(text) as Identity) : undefined
  if (identity === undefined) {
    throw new HoldfastError('DAMAGED', `${disk.label}/${identityPath} is not what was written`, {
      hint: 'repair() with "identity" writes it anew from the log.',
      details: { file: identityPath, offset: 0 },
    })
  }
  return identity
}
