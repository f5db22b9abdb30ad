// What happens to a blob while something else works on the same content: retention takes it or moves it, a removal fails
// under it.

import { describe, expect, it, vi } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { diskError } from '../disks/disk-error.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { alteredDisk } from '../testing/altered-disk.ts'
import { naming, openBareLog } from '../testing/bare-log.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { prng } from '../testing/prng.ts'
import { appendTo, openSmall } from '../testing/small-segments.ts'
import { sweepBlobs } from './blob-sweep.ts'
import { sha256 } from './chunk-files.ts'
import { blobPath, segmentPath } from './layout.ts'
import { retainLog } from './retention.ts'
import { stateKeys } from './state-keys.ts'
import { listNames } from './whole-file.ts'

const chance = prng(1)
const large = Buffer.from(Uint8Array.from({ length: 400_000 }, () => chance.below(256)))
/** One chunk. */
const chunk = large.subarray(0, limits.chunkBytesMin)

async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

async function appendNaming(store: FileStore, stream: string, content: Uint8Array): Promise<string> {
  const { digest } = await store.stageBlob(content)
  await store.append(naming(digest, stream))
  return digest
}

async function segmentPaths(disk: Disk): Promise<readonly string[]> {
  return (await listNames(disk, 'segments')).toSorted().map(segmentPath)
}

describe('a blob that retention takes while it is read', () => {
  it('is missing, not damaged, when it stood in the log of the writer that a reader follows', async () => {
    const inner = memoryDisk()
    const writer = await openSmall(inner)
    await appendTo(writer, 'a', 11)
    const digest = await appendNaming(writer, 'b', Buffer.alloc(600, 7))
    await appendTo(writer, 'c', 20)
    const { disk, hold } = heldDisk(inner)
    const reader = await openSmall(disk, { readOnly: true })
    const [, second] = await segmentPaths(inner)
    const opening = hold('open', (path) => path === second)
    const read = whole(reader.readBlob(digest))
    read.catch(() => undefined) // it is looked at below
    await opening.reached
    await writer.retain({ streams: [{ stream: 'b', before: 'all' }] }, { dryRun: false })
    await reader.refresh()
    expect(await reader.blob(digest)).toBeUndefined()
    opening.release()
    await expect(read).rejects.toMatchObject({ code: 'BLOB_MISSING', details: { digest } })
    await reader.close()
    await writer.close()
  })
})

describe('a blob that a rewrite moves in the log', () => {
  it('is looked for again where it was moved to just after the look', async () => {
    const { log, blobs } = await openBareLog(memoryDisk())
    const { writer } = log
    assert(writer !== undefined, 'the log is open for writing')
    await writer.append(naming((await blobs.stage(chunk, log)).digest, 'a'))
    const small = Buffer.alloc(600, 7)
    const { digest } = await blobs.stage(small, log)
    await writer.append(naming(digest, 'b'))
    await writer.rotateNow()
    const before = await log.state.loadEntry(stateKeys.blob(digest))
    let goOn = (): void => undefined
    const answered = new Promise<void>((resolve) => {
      goOn = resolve
    })
    vi.spyOn(log.state, 'loadEntry').mockImplementationOnce(async () => {
      await answered
      return before
    })
    const read = whole(blobs.read(digest, log))
    await retainLog({ log, blobs, pins: [] }, { streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
    expect(await log.state.loadEntry(stateKeys.blob(digest))).not.toEqual(before)
    goOn()
    expect(await read).toEqual(small)
    await log.close()
  })
})

describe('a chunk', () => {
  it.each([
    ['left it', false],
    ['took it', true],
  ])('that is put while its removal fails is there, though the removal %s', async (_what, isTaken) => {
    const inner = memoryDisk()
    let begun = (): void => undefined
    let fail = (): void => undefined
    const removing = new Promise<void>((resolve) => {
      begun = resolve
    })
    const failing = new Promise<void>((resolve) => {
      fail = resolve
    })
    const disk = alteredDisk(inner, {
      remove: async (path) => {
        if (!path.startsWith('blobs/')) return inner.remove(path)
        begun()
        await failing
        if (isTaken) await inner.remove(path)
        throw diskError('EIO', 'remove', path)
      },
    })
    const { log, blobs } = await openBareLog(disk)
    const orphan = await blobs.stage(chunk, log)
    orphan.release()
    const sweeping = sweepBlobs(log, blobs)
    sweeping.catch(() => undefined) // it is looked at below
    await removing
    const staging = blobs.stage(chunk, log)
    fail()
    await expect(sweeping).rejects.toMatchObject({ code: 'EIO' })
    const { digest } = await staging
    expect(await whole(blobs.read(digest, log))).toEqual(chunk)
    expect(inner.existsNow(blobPath(sha256(chunk)))).toBe(true)
    await log.close()
  })
})
