import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { writeText } from '../disks/whole-file.ts'
import { FileLog } from '../stores/file/file-log.ts'
import type { Batch } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { prng } from '../testing/prng.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { sweepBlobs } from './blob-sweep.ts'
import { Blobs } from './blobs.ts'
import { createLog } from './create-log.ts'
import { folders } from './layout.ts'
import { ensureDirectory, listNames } from './whole-file.ts'

async function openLog(disk: Disk): Promise<{ readonly log: FileLog; readonly blobs: Blobs }> {
  const clock = fakeClock()
  const identity = await createLog(disk, { clock, random: seededRandom(1), fence: 1 })
  const blobs = new Blobs(disk)
  const nothing = (): void => undefined
  const events = { durable: nothing, failed: nothing, covered: nothing }
  const log = await FileLog.open({ disk, clock, identity, fence: 1, segmentBytes: 65_536, blobs, events })
  return { log, blobs }
}

function content(seed: number): Buffer {
  const chance = prng(seed)
  return Buffer.from(Uint8Array.from({ length: 300_000 }, () => chance.below(256)))
}

function naming(digest: string): Batch {
  return { events: [{ stream: 's', type: 't', version: 1, data: 'null', blobs: [digest] }], durability: 'sync' }
}

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
    const { log, blobs } = await openLog(memoryDisk())
    expect(await sweepBlobs(log, blobs)).toEqual({ files: 0, bytes: 0 })
    await log.close()
  })

  it('removes what nobody needs, and keeps what is named or claimed', async () => {
    const disk = memoryDisk()
    const { log, blobs } = await openLog(disk)
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
    const { log, blobs } = await openLog(disk)
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
      const { log, blobs } = await openLog(disk)
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
})
