import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { contentDigest } from '../core/content-digest.ts'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { writeText } from '../disks/file-content.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import { naming, openBareLog } from '../testing/bare-log.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { prng } from '../testing/prng.ts'
import { sweepBlobs } from './blob-sweep.ts'
import { blobPath, folders, isPart } from './layout.ts'
import { ensureDirectory, listNames } from './whole-file.ts'

function content(seed: number): Buffer {
  const chance = prng(seed)
  return Buffer.from(Uint8Array.from({ length: 300_000 }, () => chance.below(256)))
}

/** One chunk. */
const small = content(1).subarray(0, limits.blobInlineBytesMax + 1)

async function chunkFiles(disk: Disk): Promise<string[]> {
  const paths: string[] = []
  for (const folder of await listNames(disk, folders.blobs)) {
    for (const name of await listNames(disk, `${folders.blobs}/${folder}`))
      paths.push(`${folders.blobs}/${folder}/${name}`)
  }
  return paths.sort()
}

describe('sweepBlobs', () => {
  it('does nothing where there never was a blob', async () => {
    const { log, blobs } = await openBareLog(memoryDisk())
    expect(await sweepBlobs(log, blobs)).toEqual({ files: 0, bytes: 0 })
    await log.close()
  })

  it.each([
    ['the folder of blobs', 'list', folders.blobs],
    ['a chunk that nobody needs', 'open', blobPath(contentDigest(small))],
  ] as const)('says so when %s can not be read', async (_, op, path) => {
    const fails = { isOn: false }
    const only = (call: { readonly op: string; readonly path: string }): boolean =>
      fails.isOn && call.op === op && call.path === path
    const { log, blobs } = await openBareLog(faultyDisk(memoryDisk(), { at: 1, times: 'once', fault: 'EIO', only }))
    const given = await blobs.stage(small, log)
    given.release()
    fails.isOn = true
    await expect(sweepBlobs(log, blobs)).rejects.toMatchObject({ code: 'EIO' })
    await log.close()
  })

  it('removes what nobody needs, and keeps what is named or claimed', async () => {
    const disk = memoryDisk()
    const { log, blobs } = await openBareLog(disk)
    const named = await blobs.stage(content(1), log)
    await log.writer?.append(naming(named.digest))
    await blobs.stage(content(2), log)
    const kept = await chunkFiles(disk)
    const given = await blobs.stage(content(3), log)
    given.release()
    const left = (await chunkFiles(disk)).length - kept.length
    expect(await sweepBlobs(log, blobs)).toEqual({ files: left, bytes: 300_000 })
    expect(await chunkFiles(disk)).toEqual(kept)
    await log.close()
  })

  it('removes unfinished chunks, but nothing that is not of a blob', async () => {
    const disk = memoryDisk()
    const { log, blobs } = await openBareLog(disk)
    await ensureDirectory(disk, folders.blobs)
    await ensureDirectory(disk, `${folders.blobs}/3f`)
    await ensureDirectory(disk, `${folders.blobs}/foreign`)
    const foreign = [`${folders.blobs}/3f/notes.txt`, `${folders.blobs}/foreign/${'3f'.repeat(32)}`]
    for (const path of foreign) await writeText(disk, path, 'x')
    await writeText(disk, `${folders.blobs}/3f/${'3f'.repeat(32)}.1.part`, 'unfinished')
    expect(await sweepBlobs(log, blobs)).toEqual({ files: 1, bytes: 10 })
    expect(await chunkFiles(disk)).toEqual(foreign)
    await log.close()
  })

  it('never takes a chunk from content that is put again, named and settled meanwhile', async () => {
    for (let delay = 0; delay < 60; delay += 3) {
      const disk = memoryDisk()
      const { log, blobs } = await openBareLog(disk)
      const orphan = await blobs.stage(content(1), log)
      orphan.release()
      const sweeping = sweepBlobs(log, blobs)
      for (let turn = 0; turn < delay; turn++) await Promise.resolve()
      const { digest } = await blobs.stage(content(1), log)
      await log.writer?.append(naming(digest))
      await sweeping
      const pieces: Uint8Array[] = []
      for await (const piece of blobs.read(digest, log)) pieces.push(piece)
      expect(Buffer.concat(pieces).equals(content(1))).toBe(true)
      await log.close()
    }
  })

  it.each(['later', 'before it is looked at'])(
    'leaves a chunk in the making alone that is finished %s',
    async (when) => {
      const { disk, hold } = heldDisk(memoryDisk())
      const { log, blobs } = await openBareLog(disk)
      const finishing = hold('rename', isPart)
      const staging = blobs.stage(small, log)
      await finishing.reached
      expect((await chunkFiles(disk)).map(isPart)).toEqual([true])
      const looking = hold('open', isPart)
      const sweeping = sweepBlobs(log, blobs)
      await looking.reached
      if (when !== 'later') {
        finishing.release()
        await staging
      }
      looking.release()
      expect(await sweeping).toEqual({ files: 0, bytes: 0 })
      finishing.release()
      const { digest } = await staging
      expect(await chunkFiles(disk)).toEqual([blobPath(digest)])
      await log.close()
    },
  )

  it('lets content be put again whose chunk could not be removed', async () => {
    const only = ({ op, path }: { readonly op: string; readonly path: string }): boolean =>
      op === 'remove' && path.startsWith(folders.blobs)
    const { disk, hold } = heldDisk(faultyDisk(memoryDisk(), { at: 1, times: 'once', fault: 'EIO', only }))
    const { log, blobs } = await openBareLog(disk)
    const given = await blobs.stage(small, log)
    given.release()
    const removing = hold('remove', (path) => path.startsWith(folders.blobs))
    const sweeping = sweepBlobs(log, blobs)
    await removing.reached
    const staging = blobs.stage(small, log)
    while (!blobs.isChunkClaimed(given.digest)) await nextTurn() // from here on it waits for the removal
    removing.release()
    await expect(sweeping).rejects.toMatchObject({ code: 'EIO' })
    const { digest } = await staging
    await log.writer?.append(naming(digest))
    const pieces: Uint8Array[] = []
    for await (const piece of blobs.read(digest, log)) pieces.push(piece)
    expect(Buffer.concat(pieces).equals(small)).toBe(true)
    await log.close()
  })
})
