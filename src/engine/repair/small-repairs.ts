// The repairs that lose no event: caches are dropped, the identity is written anew, a stranger is moved away, a damaged
// chunk of a blob makes room for its content.

import { createHash } from 'node:crypto'
import { copyUnfinished } from '../../core/moved.ts'
import type { Disk } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { readFully } from '../../disks/whole-io.ts'
import { isHoldfastError } from '../../errors.ts'
import type { Finding } from '../../stores/store.ts'
import { readCopying } from '../copying-file.ts'
import { readIdentity, writeIdentity } from '../identity.ts'
import { blobPath, folders, identityPath } from '../layout.ts'
import { ensureDirectory, listNames, removeIfThere } from '../whole-file.ts'
import {
  copyAside,
  doesNotApply,
  findSegments,
  type PlannedRepair,
  type RepairScene,
  withFile,
} from './repair-scene.ts'
import { segmentLines } from './segment-lines.ts'

export async function planCaches({ disk }: RepairScene): Promise<PlannedRepair> {
  return {
    file: `${folders.index}, ${folders.state}`,
    message: 'the caches are dropped, and made anew from the log at the next opening',
    eventsLost: 0,
    carryOut: async () => {
      await dropCaches(disk)
      return []
    },
  }
}

/** The manifest goes first: without it the tables say nothing. */
export async function dropCaches(disk: Disk): Promise<void> {
  await removeIfThere(disk, `${folders.state}/manifest.json`)
  for (const folder of [folders.state, folders.index]) {
    const names = await listNames(disk, folder)
    for (const name of names) await removeIfThere(disk, `${folder}/${name}`)
    if (names.length > 0) await disk.syncDirectory(folder)
  }
}

export async function planIdentity({ disk }: RepairScene, action: { readonly do: string }): Promise<PlannedRepair> {
  if (await hasIdentity(disk)) throw doesNotApply(action, `${identityPath} is well`)
  const copying = await readCopying(disk)
  if (copying !== undefined) throw copyUnfinished(disk.label, copying)
  const header = (await findSegments(disk)).find((segment) => segment.header !== undefined)?.header?.header
  if (header === undefined) throw doesNotApply(action, 'no segment has a valid header from which it could be made')
  const { journal, epoch, time } = header
  return {
    file: identityPath,
    message: `the identity is written anew from the log: journal ${journal}`,
    eventsLost: 0,
    carryOut: async () => {
      const isThere = disk.existsNow(identityPath)
      const copies = isThere ? [await copyAside(disk, identityPath, 0)] : []
      await writeIdentity(disk, { journal, epoch, created: time, lock: disk.lockMechanism })
      return copies
    },
  }
}

async function hasIdentity(disk: Disk): Promise<boolean> {
  try {
    return (await readIdentity(disk)) !== undefined
  } catch (error) {
    if (isHoldfastError(error, 'DAMAGED', 'NOT_A_JOURNAL', 'FOREIGN_FILE')) return false
    throw error
  }
}

export async function planForeign(
  { disk }: RepairScene,
  action: { readonly do: string; readonly file: string },
  findings: readonly Finding[],
): Promise<PlannedRepair> {
  const { file } = action
  const finding = findings.find((each) => each.file === file && each.repair === 'foreign')
  if (finding === undefined) throw doesNotApply(action, 'verification finds nothing foreign there')
  return {
    file,
    message: `it is moved to ${folders.setAside}`,
    eventsLost: 0,
    carryOut: async () => {
      if (await ensureDirectory(disk, folders.setAside)) await disk.syncDirectory('')
      const to = freeName(disk, `${folders.setAside}/${file.replaceAll('/', '_')}`)
      await disk.rename(file, to)
      await disk.syncDirectory(folders.setAside)
      await disk.syncDirectory(file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '')
      return [to]
    },
  }
}

function freeName(disk: Disk, base: string): string {
  let path = base
  for (let number = 1; disk.existsNow(path); number++) path = `${base}.${number}`
  return path
}

export async function planBlob(
  { disk }: RepairScene,
  action: { readonly do: string; readonly digest: string },
): Promise<PlannedRepair> {
  const { digest } = action
  if (!/^[0-9a-f]{64}$/.test(digest)) throw doesNotApply(action, 'this is no digest')
  const chunks = new Set([digest, ...(await chunksOf(disk, digest))])
  const damaged: string[] = []
  for (const chunk of chunks) if (await isDamaged(disk, chunk)) damaged.push(blobPath(chunk))
  if (damaged.length === 0)
    throw doesNotApply(action, 'no file of it is damaged; content that is missing comes back by putting it again')
  return {
    file: damaged.join(', '),
    message: 'the damaged content is put aside: the blob is missing until the same content is put again',
    eventsLost: 0,
    carryOut: async () => {
      const copies: string[] = []
      for (const path of damaged) {
        copies.push(await copyAside(disk, path, 0))
        await disk.remove(path)
        await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
      }
      return copies
    },
  }
}

/** By the blob's newest record in the log. */
async function chunksOf(disk: Disk, digest: string): Promise<readonly string[]> {
  let chunks: readonly string[] = []
  for (const { path, bytes } of await findSegments(disk)) {
    await withFile(disk, path, async (file) => {
      for await (const line of segmentLines(file, { from: 0, to: bytes, sum: undefined })) {
        if ('bad' in line || line.control?.control !== 'blob' || line.control.digest !== digest) continue
        chunks = (line.control.chunks ?? []).map(([chunk]) => chunk)
      }
    })
  }
  return chunks
}

async function isDamaged(disk: Disk, chunk: string): Promise<boolean> {
  try {
    return await withFile(disk, blobPath(chunk), async (file) => {
      const content = Buffer.alloc(await file.size())
      await readFully(file, content, 0)
      return createHash('sha256').update(content).digest('hex') !== chunk
    })
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return false
    throw error
  }
}
