// moved.json: where this journal goes or has gone. While it stands here, nobody writes: whoever opens the journal for
// writing looks for it under the lock. A file of its own, and not a record of the log, because it is set when the log is
// whole and may be taken back without a trace.

import { formatVersion, refuseNewer } from '../core/header.ts'
import type { Disk } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import type { Relocation } from '../stores/store.ts'
import { parseSummedLine, summedLine } from './identity.ts'
import { movedPath } from './layout.ts'
import { readWholeFile, removeIfThere, writeWholeFile } from './whole-file.ts'

const movedBytesMax = 65_536

export async function readMoved(disk: Disk): Promise<Relocation | undefined> {
  const bytes = await readWholeFile(disk, movedPath, movedBytesMax)
  if (bytes === undefined) return undefined
  const text = bytes.toString('utf8')
  const version = /^\{"holdfast":(\d+),/.exec(text)?.[1]
  if (version !== undefined) refuseNewer(Number(version), `${disk.label}/${movedPath}`)
  const fields = parseSummedLine(text)
  if (fields === undefined) {
    throw new HoldfastError('DAMAGED', `${disk.label}/${movedPath} is not what was written`, {
      hint: 'It says that this journal was moved elsewhere. Only if you know that it was not, move the file away.',
      details: { file: movedPath, offset: 0 },
    })
  }
  const { state, to, copy, time } = fields as unknown as Relocation
  return { state, to, copy, time }
}

/** Durable when it resolves. */
export async function writeMoved(disk: Disk, { state, to, copy, time }: Relocation): Promise<void> {
  await writeWholeFile(disk, movedPath, summedLine({ holdfast: formatVersion, state, to, copy, time }))
  await disk.syncDirectory('')
}

export async function removeMoved(disk: Disk): Promise<void> {
  await removeIfThere(disk, movedPath)
  await disk.syncDirectory('')
}
