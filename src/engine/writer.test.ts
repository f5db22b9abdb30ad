import { describe, expect, it } from 'vitest'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { diskError } from '../disks/disk-error.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { limits } from '../limits.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { Batch } from '../stores/store.ts'
import { alteredDisk } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { settle } from '../testing/inbox-scene.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { bytesOf, diskOf, filesOf, fillSample, openSample, withFile } from '../testing/sample-journal.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { durablePath, segmentName, segmentPath } from './layout.ts'

const all = { select: { kind: 'all' }, direction: 'forward' } as const

/** `before` is awaited before each read and write of a file. */
function delaying(
  disk: Disk,
  before: (call: { readonly op: 'read' | 'write'; readonly path: string; readonly bytes: number }) => Promise<void>,
): Disk {
  const open: Disk['open'] = async (path, options) => {
    const file = await disk.open(path, options)
    const delayed: DiskFile = {
      read: async (into, at) => {
        await before({ op: 'read', path, bytes: into.length })
        return file.read(into, at)
      },
      write: async (from, at) => {
        await before({ op: 'write', path, bytes: from.length })
        return file.write(from, at)
      },
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    }
    return delayed
  }
  return alteredDisk(disk, { open })
}

function open(disk: Disk, segmentBytes: number = limits.segmentBytes): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes })
}

function batchOf(bytes: number, stream: string = 's'): Batch {
  const data = JSON.stringify('x'.repeat(bytes))
  return { events: [{ stream, type: 't', version: 1, data }], durability: 'sync' }
}

function isSegment(path: string): boolean {
  return path.startsWith('segments/')
}

describe('what waits while a write is under way', () => {
  it('is written in groups of a bounded size, in order', async () => {
    const writes: number[] = []
    let answer: () => void = () => undefined
    let held: Promise<void> | undefined
    const disk = delaying(memoryDisk(), async ({ op, path, bytes }) => {
      if (op !== 'write' || !isSegment(path)) return
      writes.push(bytes)
      await held
    })
    const store = await open(disk, 8 * limits.groupBytesMax)
    held = new Promise<void>((resolve) => {
      answer = resolve
    })
    writes.length = 0
    const eventBytes = 2_000_000
    const appends = [store.append(batchOf(1))]
    await settle()
    for (let n = 0; n < 12; n++) appends.push(store.append(batchOf(eventBytes)))
    await settle()
    answer()
    const receipts = await Promise.all(appends)
    expect(receipts.map(({ events }) => events[0]?.position)).toEqual(appends.map((_, index) => index + 1))
    expect(writes).toHaveLength(4)
    const most = limits.groupBytesMax + eventBytes + 1_000
    expect(writes.every((bytes) => bytes < most)).toBe(true)
    expect((await readEvents(store, all)).map(({ position }) => position)).toEqual(appends.map((_, index) => index + 1))
    await store.close()
  })
})

describe('closing', () => {
  it.each([
    { bytes: limits.sealAtCloseBytes, segments: 2 },
    { bytes: limits.sealAtCloseBytes / 2, segments: 1 },
  ])('seals a segment only if it would take long to read: $bytes bytes are $segments segments', async (row) => {
    const disk = memoryDisk()
    const store = await open(disk)
    await store.append(batchOf(row.bytes))
    await store.close()
    expect((await disk.list('segments')).map(({ name }) => name)).toHaveLength(row.segments)
    const again = await open(disk)
    expect(again.recovery).toMatchObject({ tail: 'clean', segmentsRead: 1 })
    expect(await readEvents(again, all)).toHaveLength(1)
    await again.append(batchOf(1))
    expect((await again.verify({})).findings).toEqual([])
    await again.close()
  })
})

describe('a witness of what is durable', () => {
  const segment = segmentPath(segmentName(1, 0))

  /** As if the published place had been lost: then the log alone says what is durable. */
  async function tailOf(disk: Disk): Promise<unknown> {
    const left = await diskOf(withFile(await filesOf(disk), durablePath, undefined))
    const store = await open(left)
    await store.close()
    return store.recovery.tail
  }

  async function afterOne() {
    const disk = memoryDisk()
    const clock = fakeClock()
    const store = await openSample(disk, { clock })
    await store.append(batchOf(1))
    return { disk, clock, store }
  }

  it('is written when nothing more has come for a while, once', async () => {
    const { disk, clock, store } = await afterOne()
    expect(await tailOf(disk)).not.toBe('resting')
    clock.advance(1_000)
    await settle()
    expect(await tailOf(disk)).toBe('resting')
    const { length } = await bytesOf(disk, segment)
    for (let turn = 0; turn < 5; turn++) {
      clock.advance(1_000)
      await settle()
    }
    expect((await bytesOf(disk, segment)).length).toBe(length)
    await store.close()
    expect((await bytesOf(disk, segment)).length).toBe(length)
  })

  it('is not written while more comes, and is then', async () => {
    const { disk, clock, store } = await afterOne()
    for (let n = 0; n < 5; n++) {
      clock.advance(15)
      await store.append(batchOf(1))
      await settle()
    }
    expect((await bytesOf(disk, segment)).includes('"control":"witness"')).toBe(false)
    clock.advance(100)
    await settle()
    expect(await tailOf(disk)).toBe('resting')
    await store.close()
  })

  it('is written by a close', async () => {
    const { disk, store } = await afterOne()
    await store.close()
    expect(await tailOf(disk)).toBe('resting')
  })
})

describe('a failure', () => {
  it('is told as the first one was, also when what waited for the disk meanwhile fails differently', async () => {
    const inner = memoryDisk()
    const clock = fakeClock()
    const before = await openSample(inner, { clock })
    await fillSample(before, clock, 1, 60)
    await before.close()
    let isArmed = false
    let refuseReads: () => void = () => undefined
    const read = new Promise<never>((_resolve, reject) => {
      refuseReads = () => reject(diskError('EACCES', 'read', 'state'))
    })
    read.catch(() => undefined) // told to the reads
    let reads = 0
    const disk = delaying(inner, async ({ op, path }) => {
      if (!isArmed) return
      if (op === 'write' && isSegment(path)) throw diskError('EIO', 'write', path)
      if (op === 'read' && path.startsWith('state/')) {
        reads++
        await read
      }
    })
    const store = await openSample(disk, { clock })
    await store.append(batchOf(1, 'known'))
    isArmed = true
    const written = store.append(batchOf(1, 'known'))
    const command = { id: 'command 5', digest: '5'.padStart(64, '0') }
    const waiting = store.append({ ...batchOf(1, 'known'), command })
    await expect(written).rejects.toMatchObject({ code: 'INDETERMINATE', cause: { cause: { code: 'EIO' } } })
    await expect(waiting).rejects.toMatchObject({ code: 'LATCHED', cause: { cause: { code: 'EIO' } } })
    expect(reads).toBeGreaterThan(0)
    refuseReads()
    await settle()
    isArmed = false
    await expect(store.append(batchOf(1))).rejects.toMatchObject({ code: 'LATCHED', cause: { cause: { code: 'EIO' } } })
    await store.reopen()
    expect(await store.append({ ...batchOf(1, 'known'), command })).toMatchObject({ duplicate: true })
    expect((await store.verify({})).ok).toBe(true)
    await store.close()
  })
})
