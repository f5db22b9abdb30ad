import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { assert } from '../errors.ts'
import { naming, openBareLog } from '../testing/bare-log.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { prng } from '../testing/prng.ts'
import { filesOf, openSample, sampleEvent } from '../testing/sample-journal.ts'
import { collectBlobs, findDeadBlobs } from './blob-collection.ts'
import { retainLog } from './retention.ts'
import { kindPrefix, stateKeys } from './state-keys.ts'

describe('collecting blobs', () => {
  it('leaves a blob that is named between the look and the record, though its segment is sealed, covered and forgotten by then', async () => {
    const { log, blobs } = await openBareLog(memoryDisk())
    const { writer } = log
    assert(writer !== undefined, 'the log is open for writing')
    const { digest } = await blobs.stage(Buffer.alloc(100_000, 1), log)
    await writer.append(naming(digest, 'old'))
    await writer.rotateNow()
    await log.covered()
    const parts = { log, blobs, pins: [] }
    const removal = { cut: 2, truncating: new Map(), isVisible: () => false }
    const dead = await findDeadBlobs(parts, removal)
    expect([...dead.places.keys()]).toEqual([digest])
    await writer.append(naming(digest, 'new'))
    await writer.rotateNow()
    await log.covered()
    // What the tables hold, memory may let go: the next seal lets go of what this one wrote.
    await writer.append(naming(digest, 'newer'))
    await writer.rotateNow()
    await log.covered()
    expect(log.state.entry(stateKeys.blobUse(digest, 2))).toBeUndefined()
    expect(await collectBlobs(parts, writer, dead)).toBe(0)
    await retainLog(parts, { streams: [{ stream: 'old', before: 'all' }] }, { dryRun: false })
    const read: Uint8Array[] = []
    for await (const piece of blobs.read(digest, log)) read.push(piece)
    expect(Buffer.concat(read)).toEqual(Buffer.alloc(100_000, 1))
    await log.close()
  })

  it('keeps the chunks that another blob is made of', async () => {
    const disk = memoryDisk()
    const store = await openSample(disk)
    const content = randomBytes(400_000)
    const longer = Buffer.concat([content, randomBytes(100_000)])
    const gone = await store.stageBlob(content)
    await store.append(naming(gone.digest, 'gone'))
    const chunks = (await filesOf(disk, 'blobs')).size
    const kept = await store.stageBlob(longer)
    await store.append(naming(kept.digest, 'kept'))
    const files = await filesOf(disk, 'blobs')
    expect(files.size).toBeLessThan(2 * chunks)
    const rule = { streams: [{ stream: 'gone', before: 'all' }] } as const
    expect(await store.retain(rule, { dryRun: false })).toMatchObject({ blobs: 1 })
    // The last chunk is another one with more content behind it.
    expect((await filesOf(disk, 'blobs')).size).toBe(files.size - 1)
    const read: Uint8Array[] = []
    for await (const piece of store.readBlob(kept.digest)) read.push(piece)
    expect(Buffer.concat(read).equals(longer)).toBe(true)
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
  })

  it('leaves a chunk that is put again between the last look at who uses it and its removal', async () => {
    const disk = memoryDisk()
    const { log, blobs } = await openBareLog(disk)
    const { writer, state } = log
    assert(writer !== undefined, 'the log is open for writing')
    const content = Buffer.alloc(50_000, 1)
    const { digest } = await blobs.stage(content, log)
    await writer.append(naming(digest, 'old'))
    await writer.rotateNow()
    await log.covered()
    const parts = { log, blobs, pins: [] }
    const dead = await findDeadBlobs(parts, { cut: 2, truncating: new Map(), isVisible: () => false })
    let staging: Promise<{ readonly digest: string }> | undefined
    const scan = state.scan.bind(state)
    vi.spyOn(state, 'scan').mockImplementation(async function* (prefix, after) {
      yield* scan(prefix, after)
      if (!prefix.startsWith(kindPrefix.chunkUse)) return
      staging = blobs.stage(content, log)
      while (!blobs.isChunkClaimed(digest)) await nextTurn()
    })
    expect(await collectBlobs(parts, writer, dead)).toBe(1)
    expect((await filesOf(disk, 'blobs')).size).toBe(1)
    const again = await staging
    expect(again?.digest).toBe(digest)
    await writer.append(naming(digest, 'new'))
    const read: Uint8Array[] = []
    for await (const piece of blobs.read(digest, log)) read.push(piece)
    expect(Buffer.concat(read).equals(content)).toBe(true)
    await log.close()
  })

  it('takes a blob once, though the event that named it still stands in the log', async () => {
    const clock = fakeClock()
    const disk = memoryDisk()
    const store = await openSample(disk, { clock })
    const { digest } = await store.stageBlob(randomBytes(50_000))
    await store.append(naming(digest))
    for (let number = 1; number <= 40; number++) {
      clock.advance(10)
      await store.append({ events: [sampleEvent(number)], durability: 'sync' })
    }
    const removals = []
    // Too little of the first segment to rewrite it.
    for (const age of [400, 390])
      removals.push(await store.retain({ before: clock.now() - age + 1 }, { dryRun: false }))
    expect(removals).toMatchObject([
      { events: 1, blobs: 1, bytes: 0 },
      { events: 1, blobs: 0, bytes: 0 },
    ])
    expect((await filesOf(disk, 'blobs')).size).toBe(0)
    expect((await store.verify({})).findings).toEqual([])
    await store.close()
  })
})

function randomBytes(length: number): Buffer {
  const chance = prng(length)
  return Buffer.from(Uint8Array.from({ length }, () => chance.below(256)))
}
