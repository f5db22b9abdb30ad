// copying.json: stands where the identity will stand while a copy is made in this directory. It is the identity already,
// all but the ancestors; finishing a copy is renaming it, so there is no moment at which the directory is both or neither.

import type { Disk } from '../disks/disk.ts'
import { HoldfastError } from '../errors.ts'
import type { CopyNote } from '../stores/copy-port.ts'
import type { Ancestor } from '../stores/store.ts'
import { type Identity, identityLine, readIdentityFile } from './identity.ts'
import { copyingPath, identityPath } from './layout.ts'
import { removeIfThere, writeWholeFile } from './whole-file.ts'

export async function readCopying(disk: Disk): Promise<CopyNote | undefined> {
  const hint = 'The copy that was being made here is of no use any more: remove the directory, and copy again.'
  const identity = await readIdentityFile(disk, { path: copyingPath, hint })
  if (identity === undefined) return undefined
  const { journal, epoch, copy } = identity
  if (copy === undefined) {
    throw new HoldfastError('FOREIGN_FILE', `${disk.label}/${copyingPath} is no note of a copy`, {
      hint: 'Something else put it there. Move it away and look at it.',
      details: { file: copyingPath },
    })
  }
  return { ...copy, journal, epoch }
}

/** Durable when it resolves. */
export async function writeCopying(disk: Disk, note: CopyNote): Promise<void> {
  await writeWholeFile(disk, copyingPath, identityLine(identityOf(disk, note, [])))
  await disk.syncDirectory('')
}

/** The directory is a journal, durably, when it resolves. Everything else in it must be durable before. */
export async function finishCopying(disk: Disk, note: CopyNote, ancestors: readonly Ancestor[]): Promise<void> {
  await writeWholeFile(disk, copyingPath, identityLine(identityOf(disk, note, ancestors)))
  await disk.rename(copyingPath, identityPath)
  await disk.syncDirectory('')
}

export async function removeCopying(disk: Disk): Promise<void> {
  await removeIfThere(disk, copyingPath)
  await disk.syncDirectory('')
}

function identityOf(disk: Disk, note: CopyNote, ancestors: readonly Ancestor[]): Identity {
  const { id, from, journal, source, epoch, begun } = note
  return {
    journal,
    epoch,
    created: begun,
    lock: disk.lockMechanism,
    ...(ancestors.length === 0 ? {} : { ancestors }),
    copy: { id, from, source, begun },
  }
}
