// Which control records a rewrite keeps: what the log says when it is folded without any cache must stay the same.

import { describe, expect, it } from 'vitest'
import type { Control } from '../core/control.ts'
import { leaseFloor, leaseFloorName } from '../core/lease-floor.ts'
import { parseControlLine } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { assert } from '../errors.ts'
import { FileLog } from '../stores/file/file-log.ts'
import type { LeaseChange, RetentionRule } from '../stores/store.ts'
import { naming, openBareLog } from '../testing/bare-log.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { bytesOf, diskOf, filesOf } from '../testing/sample-journal.ts'
import type { Blobs } from './blobs.ts'
import { folders, segmentPath } from './layout.ts'
import { makeFence } from './owner.ts'
import { retainLog } from './retention.ts'
import { stateKeys } from './state-keys.ts'
import { verifyDirectory } from './verify.ts'
import type { Writer } from './writer.ts'

const content = Buffer.alloc(100_000, 1)

interface Scene {
  readonly disk: Disk
  readonly log: FileLog
  readonly blobs: Blobs
  readonly writer: Writer
  append(...streams: readonly string[]): Promise<void>
  retain(rule: RetentionRule): Promise<void>
  /** What is left of a kind in a segment, by its number. */
  controls(number: number, kind: Control['control']): Promise<readonly Control[]>
}

async function scene(): Promise<Scene> {
  const disk = memoryDisk()
  await disk.makeDirectory(folders.fences)
  await makeFence(disk, 1)
  const { log, blobs } = await openBareLog(disk)
  const { writer } = log
  assert(writer !== undefined, 'the log is open for writing')
  return {
    disk,
    log,
    blobs,
    writer,
    async append(...streams) {
      for (const stream of streams) {
        await writer.append({ events: [{ stream, type: 't', version: 1, data: '1' }], durability: 'sync' })
      }
    },
    async retain(rule) {
      await retainLog({ log, blobs, pins: [] }, rule, { dryRun: false })
      await log.covered()
    },
    async controls(number, kind) {
      const segment = log.catalog.byNumber(number)
      assert(segment !== undefined, 'the log has that segment')
      const lines = (await bytesOf(disk, segmentPath(segment.facts.name))).toString().split('\n').slice(1, -1)
      const controls = lines
        .filter((line) => line.startsWith('{"control"'))
        .map((line) => parseControlLine(line).control)
      return controls.filter(({ control }) => control === kind)
    },
  }
}

/** The journal as a process finds it that has nothing but the log. */
async function withoutCaches({ disk, log, blobs }: Scene): Promise<FileLog> {
  await log.close()
  const files = [...(await filesOf(disk))].filter(([path]) => !/^(index|state)\//.test(path))
  const copy = await diskOf(new Map(files))
  expect((await verifyDirectory(copy, {})).findings).toEqual([])
  const events = { durable: () => undefined, failed: () => undefined }
  const { identity } = log
  return FileLog.open({ disk: copy, clock: fakeClock(), identity, fence: 1, segmentBytes: 65_536, blobs, events })
}

/** A blob in the first segment whose last event went: that it is gone stands in the second. */
async function withGoneBlob(): Promise<Scene & { readonly digest: string }> {
  const made = await scene()
  const { digest } = await made.blobs.stage(content, made.log)
  await made.writer.append(naming(digest, 'a'))
  await made.append('keep')
  await made.writer.rotateNow()
  await made.retain({ streams: [{ stream: 'a', before: 'all' }] })
  await made.append('b', 'c', 'keep')
  await made.writer.rotateNow()
  expect(await made.controls(2, 'blob')).toEqual([{ control: 'blob', digest, bytes: content.length, gone: true }])
  return { ...made, digest }
}

describe('the record that a blob is gone', () => {
  it('stays while an older segment may hold the record that it is there', async () => {
    const made = await withGoneBlob()
    await made.retain({ streams: [{ stream: 'b', before: 'all' }] })
    expect(await made.controls(2, 'removed')).toHaveLength(1)
    expect(await made.controls(2, 'blob')).toMatchObject([{ digest: made.digest, gone: true }])
    const log = await withoutCaches(made)
    expect(await log.state.loadEntry(stateKeys.blob(made.digest))).toBeNull()
    await log.close()
  })

  it('goes when the blob was put again', async () => {
    const made = await withGoneBlob()
    await made.blobs.stage(content, made.log)
    await made.writer.append(naming(made.digest, 'again'))
    await made.retain({ streams: [{ stream: 'c', before: 'all' }] })
    expect(await made.controls(2, 'removed')).toHaveLength(1)
    expect(await made.controls(2, 'blob')).toEqual([])
    const log = await withoutCaches(made)
    expect(await log.state.loadEntry(stateKeys.blob(made.digest))).toMatchObject({ bytes: content.length })
    await log.close()
  })

  it('goes when no older segment is left', async () => {
    const made = await withGoneBlob()
    await made.retain({ segmentsMax: 1 })
    expect(made.log.catalog.all.map(({ facts }) => facts.number)).toEqual([1, 3])
    expect(await made.controls(1, 'blob')).toEqual([])
    const log = await withoutCaches(made)
    expect(await log.state.loadEntry(stateKeys.blob(made.digest))).toBeNull()
    await log.close()
  })
})

/** A lease in the first segment that was released in the second. */
async function withGoneLease(): Promise<Scene & { readonly change: (...leases: LeaseChange[]) => Promise<unknown> }> {
  const made = await scene()
  const change = (...leases: LeaseChange[]) => made.writer.append({ events: [], leases, durability: 'sync' })
  await change({ lease: 'l', op: 'acquire', owner: 'o', ttlMs: 5 })
  await made.append('a', 'keep')
  await made.writer.rotateNow()
  await change({ lease: 'l', op: 'release', token: 1 })
  await made.append('b', 'c', 'keep')
  await made.writer.rotateNow()
  return { ...made, change }
}

describe('the record that a lease is gone', () => {
  it('stays while an older segment may hold the record that it was taken', async () => {
    const made = await withGoneLease()
    await made.retain({ streams: [{ stream: 'b', before: 'all' }] })
    expect(await made.controls(2, 'removed')).toHaveLength(1)
    expect(await made.controls(2, 'lease')).toMatchObject([{ lease: 'l', token: 1, gone: true }, leaseFloor(1)])
    const log = await withoutCaches(made)
    expect(await log.state.loadEntry(stateKeys.lease('l'))).toBeNull()
    expect(await log.state.loadEntry(stateKeys.lease(leaseFloorName))).toEqual(leaseFloor(1))
    await log.close()
  })

  it('goes when no older segment is left, but for the floor', async () => {
    const made = await withGoneLease()
    await made.retain({ segmentsMax: 1 })
    expect(made.log.catalog.all.map(({ facts }) => facts.number)).toEqual([1, 3])
    expect(await made.controls(1, 'lease')).toEqual([leaseFloor(1)])
    const log = await withoutCaches(made)
    expect(await log.state.loadEntry(stateKeys.lease('l'))).toBeNull()
    expect(await log.state.loadEntry(stateKeys.lease(leaseFloorName))).toEqual(leaseFloor(1))
    await log.close()
  })

  it('goes, and the floor with it, when the floor has risen', async () => {
    const made = await withGoneLease()
    await made.change({ lease: 'l', op: 'acquire', owner: 'o', ttlMs: 5 })
    await made.change({ lease: 'l', op: 'release', token: 2 })
    await made.retain({ segmentsMax: 1 })
    expect(await made.controls(1, 'lease')).toEqual([])
    const log = await withoutCaches(made)
    expect(await log.state.loadEntry(stateKeys.lease(leaseFloorName))).toEqual(leaseFloor(2))
    await log.close()
  })
})

describe('the record of a retention by age or size', () => {
  it('goes when a later one went further, and stays when it is the one that holds', async () => {
    const made = await scene()
    await made.append('a', 'a', 'a')
    await made.writer.rotateNow()
    await made.append('a')
    await made.retain({ segmentsMax: 1 })
    await made.append('b', 'keep')
    await made.writer.rotateNow()
    await made.append('a')
    expect(await made.controls(2, 'retain')).toMatchObject([{ before: 4 }])
    await made.retain({ streams: [{ stream: 'b', before: 'all' }] })
    expect(await made.controls(2, 'removed')).toHaveLength(1)
    expect(await made.controls(2, 'retain')).toMatchObject([{ before: 4 }])
    await made.retain({ segmentsMax: 1 })
    const before = made.log.state.scalars.cut
    expect(before).toBeGreaterThan(4)
    for (const { facts } of made.log.catalog.sealed) {
      expect((await made.controls(facts.number, 'retain')).filter((control) => 'before' in control)).toEqual([])
    }
    const log = await withoutCaches(made)
    expect(log.state.scalars.cut).toBe(before)
    await log.close()
  })
})
