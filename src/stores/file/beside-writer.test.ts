// What a reader process is told of blobs that the writer's retention moves or takes while it reads.

import { describe, expect, it } from 'vitest'
import type { Disk, DiskFile } from '../../disks/disk.ts'
import { diskError } from '../../disks/disk-error.ts'
import { contentOf } from '../../disks/file-content.ts'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { writeFully } from '../../disks/whole-io.ts'
import { blobPath } from '../../engine/layout.ts'
import { listNames } from '../../engine/whole-file.ts'
import { assert } from '../../errors.ts'
import { alteredDisk } from '../../testing/altered-disk.ts'
import { fakeClock } from '../../testing/fake-clock.ts'
import { prng } from '../../testing/prng.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import type { FileStore } from './file-store.ts'
import { openFileStore } from './open-file-store.ts'

function openOn(disk: Disk, as: { readonly readOnly: boolean }): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes: 4_096, ...as })
}

async function append(store: FileStore, stream: string, blobs: readonly string[] = []): Promise<void> {
  const data = JSON.stringify('x'.repeat(300))
  await store.append({ events: [{ stream, type: 't', version: 1, data, blobs }], durability: 'sync' })
}

/** A writer with a blob behind events of `a` in a sealed segment, and a reader that knows it. */
async function withBlob(content: Uint8Array) {
  const disk = memoryDisk()
  const writer = await openOn(disk, { readOnly: false })
  // The reader looks into the first segment as it opens, and goes on seeing that file as it was.
  for (let n = 0; n < 11; n++) await append(writer, 'a')
  const { digest } = await writer.stageBlob(content)
  await append(writer, 'b', [digest])
  for (let n = 0; n < 20; n++) await append(writer, 'c')
  const reader = await openOn(disk, { readOnly: true })
  return { disk, writer, reader, digest }
}

async function read(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

const small = Buffer.alloc(600, 7)
const chance = prng(1)
const large = Buffer.from(Uint8Array.from({ length: 400_000 }, () => chance.below(256)))

describe('a reader of blobs beside a writer', () => {
  it('gets a blob that a rewrite moved since it looked', async () => {
    const { writer, reader, digest } = await withBlob(small)
    await writer.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
    expect(await read(reader.readBlob(digest))).toEqual(small)
    await reader.close()
    await writer.close()
  })

  it('is told that a blob is missing that retention took in the middle of its reading', async () => {
    const { writer, reader, digest } = await withBlob(large)
    const pieces = reader.readBlob(digest)[Symbol.asyncIterator]()
    expect((await pieces.next()).done).toBe(false)
    await writer.retain({ streams: [{ stream: 'b', before: 'all' }] }, { dryRun: false })
    await expect(read({ [Symbol.asyncIterator]: () => pieces })).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    await reader.close()
    await writer.close()
  })

  it('goes on where it was when a chunk could not be found for a moment', async () => {
    const { disk, writer, reader, digest } = await withBlob(large)
    await reader.close()
    let opened = 0
    const open = async (...args: Parameters<Disk['open']>): Promise<DiskFile> => {
      // Its second chunk.
      if (args[0].startsWith('blobs/') && ++opened === 2) throw diskError('ENOENT', 'open', args[0])
      return disk.open(...args)
    }
    const boundTo = (key: string | symbol): unknown => {
      const value: unknown = Reflect.get(disk, key, disk)
      return typeof value === 'function' ? value.bind(disk) : value
    }
    const hiding = new Proxy(disk, { get: (_target, key) => (key === 'open' ? open : boundTo(key)) })
    const again = await openOn(hiding, { readOnly: true })
    expect((await read(again.readBlob(digest))).equals(large)).toBe(true)
    expect(opened).toBeGreaterThan(3)
    await again.close()
    await writer.close()
  })

  it('is told of real damage as damage', async () => {
    const { disk, writer, reader, digest } = await withBlob(large)
    for (const path of await chunkPaths(disk)) {
      const content = await contentOf(disk, path)
      assert(content !== undefined, 'it was just listed')
      const file = await disk.open(path, { mode: 'write' })
      await writeFully(file, Uint8Array.of((content[0] ?? 0) ^ 1), 0)
      await file.close()
    }
    await expect(read(reader.readBlob(digest))).rejects.toMatchObject({ code: 'DAMAGED' })
    await reader.close()
    // Where nothing was rewritten meanwhile, one more look is enough.
    let looks = 0
    const list: Disk['list'] = (path) => {
      if (path === 'segments') looks++
      return disk.list(path)
    }
    const again = await openOn(alteredDisk(disk, { list }), { readOnly: true })
    const looksOfOpening = looks
    await expect(read(again.readBlob(digest))).rejects.toMatchObject({ code: 'DAMAGED' })
    expect(looks).toBe(2 * looksOfOpening)
    await again.close()
    await writer.close()
  })

  it('is told at once that a blob was never stored', async () => {
    const { writer, reader } = await withBlob(small)
    await expect(read(reader.readBlob('0'.repeat(64)))).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    await reader.close()
    await writer.close()
  })
})

async function chunkPaths(disk: Disk): Promise<readonly string[]> {
  const paths: string[] = []
  for (const folder of await listNames(disk, 'blobs'))
    for (const name of await listNames(disk, `blobs/${folder}`)) paths.push(blobPath(name))
  return paths
}
