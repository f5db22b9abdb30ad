// Removes chunk files that nothing needs: what was put but never named before the process ended, and what a crash left of
// chunks in the making. Only the log says what is needed, so only what is certainly a chunk's file is touched.

import type { Disk } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import type { Blobs } from './blobs.ts'
import { folders, isPart } from './layout.ts'
import type { LogView } from './log-view.ts'
import { kindPrefix } from './state-keys.ts'

export interface SweptBlobs {
  readonly files: number
  readonly bytes: number
}

const folderPattern = /^[0-9a-f]{2}$/
const digestPattern = /^[0-9a-f]{64}$/

/** What was removed from the journal must be durable before. Not while a backup or verification reads the files. */
export function sweepBlobs(log: LogView, blobs: Blobs): Promise<SweptBlobs> {
  // Held: a blob that is named and settles between the look at the state and the removal would be seen in neither.
  return blobs.hold(async () => {
    let files = 0
    let bytes = 0
    for (const name of await chunkFolders(log.disk)) {
      const swept = await sweepFolder(log, blobs, name)
      files += swept.files
      bytes += swept.bytes
    }
    return { files, bytes }
  })
}

async function chunkFolders(disk: Disk): Promise<readonly string[]> {
  try {
    const entries = await disk.list(folders.blobs)
    return entries.filter(({ name, kind }) => kind === 'directory' && folderPattern.test(name)).map(({ name }) => name)
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error
    return []
  }
}

async function sweepFolder(log: LogView, blobs: Blobs, name: string): Promise<SweptBlobs> {
  const { disk } = log
  const folder = `${folders.blobs}/${name}`
  const entries = await disk.list(folder)
  const needed = entries.length === 0 ? new Set() : await neededChunks(log, name)
  let files = 0
  let bytes = 0
  for (const entry of entries) {
    if (entry.kind !== 'file' || needed.has(entry.name)) continue
    const path = `${folder}/${entry.name}`
    const isChunk = digestPattern.test(entry.name)
    if (!isChunk && !isPart(entry.name)) continue
    const size = await fileBytes(disk, path)
    if (size === undefined || !(await (isChunk ? blobs.removeChunk(entry.name) : blobs.removePart(path)))) continue
    files++
    bytes += size
  }
  if (files > 0) await disk.syncDirectory(folder)
  return { files, bytes }
}

/** The chunks in this folder that blobs of the journal are made of. */
async function neededChunks(log: LogView, folder: string): Promise<ReadonlySet<string>> {
  const needed = new Set<string>()
  for await (const page of log.state.scan(`${kindPrefix.chunkUse}${folder}`)) {
    for (const [key] of page) needed.add(key.slice(kindPrefix.chunkUse.length, kindPrefix.chunkUse.length + 64))
  }
  return needed
}

/** undefined when it is gone already: a part that was just finished. */
async function fileBytes(disk: Disk, path: string): Promise<number | undefined> {
  try {
    const file = await disk.open(path, { mode: 'read' })
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}
