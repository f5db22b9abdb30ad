// Copies what recovery or repair is about to cut, durably, before it is cut (G9). What is set aside is for people: nothing
// reads it again.

import type { ByteOffset } from '../core/numbers.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { readPieces, writeFully } from '../disks/whole-io.ts'
import { folders } from './layout.ts'
import { ensureDirectory } from './whole-file.ts'

/** Returns the copy's path. A copy of the same place that is already there is kept beside it. */
export async function setAside(
  disk: Disk,
  source: { readonly file: DiskFile; readonly name: string; readonly from: ByteOffset; readonly to: ByteOffset },
): Promise<string> {
  if (await ensureDirectory(disk, folders.setAside)) await disk.syncDirectory('')
  const { path, copy } = await createCopy(disk, `${folders.setAside}/${source.name}.from-${source.from}`)
  try {
    let done = 0
    for await (const piece of readPieces(source.file, source)) {
      await writeFully(copy, piece, done)
      done += piece.length
    }
    await copy.sync()
  } finally {
    await copy.close()
  }
  await disk.syncDirectory(folders.setAside)
  return path
}

async function createCopy(disk: Disk, base: string): Promise<{ path: string; copy: DiskFile }> {
  const path = freePath(disk, base)
  return { path, copy: await disk.open(path, { mode: 'write', create: 'exclusive' }) }
}

/** Shortens a file durably. */
export async function cutFile(disk: Disk, path: string, bytes: ByteOffset): Promise<void> {
  const file = await disk.open(path, { mode: 'write' })
  try {
    await file.truncate(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Moves a whole file out of the way, durably. */
export async function moveAside(disk: Disk, source: { readonly folder: string; readonly name: string }): Promise<void> {
  if (await ensureDirectory(disk, folders.setAside)) await disk.syncDirectory('')
  await disk.rename(`${source.folder}/${source.name}`, freePath(disk, `${folders.setAside}/${source.name}`))
  await disk.syncDirectory(folders.setAside)
  await disk.syncDirectory(source.folder)
}

function freePath(disk: Disk, base: string): string {
  for (let number = 0; ; number++) {
    const path = number === 0 ? base : `${base}.${number}`
    if (!disk.existsNow(path)) return path
  }
}
