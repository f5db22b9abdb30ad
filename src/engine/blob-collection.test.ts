import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../disks/memory-disk.ts'
import { assert } from '../errors.ts'
import { limits } from '../limits.ts'
import { naming, openBareLog } from '../testing/bare-log.ts'
import { collectBlobs, findDeadBlobs } from './blob-collection.ts'
import { retainLog } from './retention.ts'
import { stateKeys } from './state-keys.ts'

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
    // What the tables hold, memory may let go.
    for (let id = 0; id <= 2 * limits.headCacheMax; id++) await log.state.loadEntry(stateKeys.command(String(id)))
    expect(log.state.entry(stateKeys.blobUse(digest, 2))).toBeUndefined()
    expect(await collectBlobs(parts, writer, dead)).toBe(0)
    await retainLog(parts, { streams: [{ stream: 'old', before: 'all' }] }, { dryRun: false })
    const read: Uint8Array[] = []
    for await (const piece of blobs.read(digest, log)) read.push(piece)
    expect(Buffer.concat(read)).toEqual(Buffer.alloc(100_000, 1))
    await log.close()
  })
})
