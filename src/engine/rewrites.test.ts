// Rewrites that a crash cut off, and what the state tables know of them afterwards.

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { assert } from '../errors.ts'
import { FileLog } from '../stores/file/file-log.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { type Failpoint, failpointDisk } from '../testing/failpoint-disk.ts'
import { failpoints } from '../testing/failpoints.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { heldDisk } from '../testing/held-disk.ts'
import { readEvents } from '../testing/journal-contents.ts'
import { bytesOf, diskOf, filesOf, flipped, putFile } from '../testing/sample-journal.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { appendTo, openSmall, placesIn } from '../testing/small-segments.ts'
import { backupLog } from './backup.ts'
import { Blobs } from './blobs.ts'
import { Catalog } from './catalog.ts'
import type { Covering } from './cover.ts'
import { readIdentity } from './identity.ts'
import { segmentName, segmentPath } from './layout.ts'
import { rewriteSegments } from './rewrite-segment.ts'
import { finishRewrites } from './rewrites.ts'
import type { State } from './state.ts'
import { verifyDirectory } from './verify.ts'

const all = { select: { kind: 'all' }, direction: 'forward' } as const
const process = { pid: 1, host: 'test' }

function open(disk: Disk): Promise<FileStore> {
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes: 4_096 })
}

function event(stream: string, n: number) {
  return { stream, type: 'noted', version: 1, data: JSON.stringify({ n, pad: 'x'.repeat(300) }) }
}

async function append(store: FileStore, stream: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await store.append({ events: [event(stream, n)], durability: 'sync' })
}

/** Several segments; in the first of them a blob behind events that can be removed. */
async function fill(store: FileStore): Promise<string> {
  await append(store, 'a', 2)
  const { digest } = await store.stageBlob(Buffer.alloc(600, 7))
  await store.append({ events: [{ ...event('b', 1), blobs: [digest] }], durability: 'sync' })
  await append(store, 'c', 20)
  await append(store, 'd', 20)
  return digest
}

/** The process dies in the retention of stream `a`, just when the rewritten segment has its name. */
function killedInRewrite(): Promise<{ readonly disk: SimulatedDisk; readonly digest: string }> {
  return killedAt('retention: rewritten segment named, the name not synced')
}

async function killedAt(place: string | Failpoint): Promise<{ readonly disk: SimulatedDisk; readonly digest: string }> {
  const simulated = new SimulatedDisk()
  const point = typeof place === 'string' ? failpoints.find(({ name }) => name === place) : place
  assert(point !== undefined, 'the table has this point')
  let left: SimulatedDisk | undefined
  const die = (): void => {
    left = simulated.crash({ seed: 1, model: 'process' })
    throw new Error('killed')
  }
  const store = await open(failpointDisk(simulated.disk, { point, hit: 1, die }).disk)
  const digest = await fill(store)
  await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false }).catch(() => undefined)
  assert(left !== undefined, 'the point was reached')
  return { disk: left, digest }
}

async function contentOf(store: FileStore, digest: string): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of store.readBlob(digest)) parts.push(part)
  return Buffer.concat(parts)
}

it('a rewrite that was cut off is finished, and then verification finds nothing', async () => {
  const { disk, digest } = await killedInRewrite()
  // The index is of the old file; the state tables are not wrong, only behind.
  expect((await verifyDirectory(disk.disk, {})).findings.map(({ kind }) => kind)).toEqual(['index-stale'])
  const store = await open(disk.disk)
  expect((await store.verify({})).findings).toEqual([])
  expect(await contentOf(store, digest)).toEqual(Buffer.alloc(600, 7))
  await store.close()
})

it('what finishing it moved is still known when later tables cover it and the process dies again', async () => {
  const first = await killedInRewrite()
  const store = await open(first.disk.disk)
  await store.retain({ streams: [{ stream: 'd', before: 8 }] }, { dryRun: false })
  const second = first.disk.crash({ seed: 2, model: 'process' })
  const again = await open(second.disk)
  expect(await contentOf(again, first.digest)).toEqual(Buffer.alloc(600, 7))
  expect((await again.stream('a'))?.earliest).toBe(3)
  expect((await again.verify({})).findings).toEqual([])
  await again.close()
})

it('what a rewrite moved is still known when the tables could not be written at first, and the process dies later', async () => {
  const simulated = new SimulatedDisk()
  let isArmed = false
  const only = ({ op, path }: { readonly op: string; readonly path: string }): boolean =>
    isArmed && op === 'rename' && path === 'state/manifest.json.part'
  const faulty = faultyDisk(simulated.disk, { at: 1, times: 'once', fault: 'EIO', only })
  const store = await open(faulty)
  const digest = await fill(store)
  isArmed = true
  await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
  expect(faulty.faults).toBe(1)
  await store.retain({ streams: [{ stream: 'd', before: 8 }] }, { dryRun: false })
  const again = await open(simulated.crash({ seed: 2, model: 'process' }).disk)
  expect(await contentOf(again, digest)).toEqual(Buffer.alloc(600, 7))
  await again.close()
})

it('a rewrite that changed nothing is not taken for one that was cut off', async () => {
  const simulated = new SimulatedDisk()
  const { disk } = simulated
  const store = await open(disk)
  await fill(store)
  await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
  const identity = await readIdentity(disk)
  assert(identity !== undefined, 'the store made one')
  await store.close()
  const blobs = new Blobs(disk)
  const events = { durable: () => undefined, failed: () => undefined }
  const log = await FileLog.open({ disk, clock: fakeClock(), identity, fence: 1, segmentBytes: 4_096, blobs, events })
  const [first] = log.catalog.sealed
  assert(first !== undefined && log.writer !== undefined, 'there are sealed segments, and a writer')
  const { derived } = await rewriteSegments({ ...coveringOf(log), writer: log.writer }, [first], 'once more')
  await log.recordCatalog(derived)
  const again = log.catalog.sealed.slice(0, 1)
  await log.recordCatalog(
    (await rewriteSegments({ ...coveringOf(log), writer: log.writer }, again, 'once more')).derived,
  )
  const copy = memoryDisk()
  const directory = { disk: copy, commit: async () => undefined, discard: async () => undefined }
  await backupLog({ log, blobs }, 'copy', {}, { begin: async () => directory })
  expect((await verifyDirectory(copy, {})).findings).toEqual([])
  await log.close()
})

const beforeNaming: Failpoint = {
  name: 'retention: rewrite shown to readers, the rewritten segment not named',
  when: 'before',
  at: ({ op, path, phase }) => op === 'rename' && path === `${segmentPath(segmentName(1, 0))}.part` && phase === 'open',
  holds: 'the next opening for writing finishes the rewrite',
}

describe('a reader that opens beside a rewrite', () => {
  it('shows what was removed no more while the new file waits for its name, and changes nothing', async () => {
    const { disk } = await killedAt(beforeNaming)
    const before = await filesOf(disk.disk)
    expect([...before.keys()].filter((path) => path.endsWith('.part'))).toHaveLength(1)
    const reader = await openSmall(disk.disk, { readOnly: true })
    const streams = (await readEvents(reader, all)).map(({ stream }) => stream)
    expect(streams).toEqual(['b', ...Array<string>(20).fill('c'), ...Array<string>(20).fill('d')])
    await reader.close()
    expect(await filesOf(disk.disk)).toEqual(before)
    // For the next writer it is a rewrite to finish.
    const writer = await openSmall(disk.disk)
    expect((await readEvents(writer, all)).map(({ stream }) => stream)).toEqual(streams)
    expect((await writer.verify({})).findings).toEqual([])
    await writer.close()
  })

  it('takes the newest tables for right where it knows of an older rewrite only', async () => {
    const disk = memoryDisk()
    const writer = await openSmall(disk)
    for (let n = 0; n < 6; n++) {
      await appendTo(writer, 'a', 1)
      await appendTo(writer, 'b', 1)
    }
    await appendTo(writer, 'c', 30)
    await writer.retain({ streams: [{ stream: 'a', before: 3 }] }, { dryRun: false })
    const { disk: held, hold } = heldDisk(disk)
    const looking = hold('open', (path) => path.startsWith('state/'))
    const opening = openSmall(held, { readOnly: true })
    await looking.reached
    await writer.retain({ streams: [{ stream: 'a', before: 5 }] }, { dryRun: false })
    looking.release()
    const reader = await opening
    await reader.refresh()
    expect(await placesIn(reader.read(all))).toEqual(await placesIn(writer.read(all)))
    expect((await reader.stream('a'))?.earliest).toBe(5)
    await reader.close()
    await writer.close()
  })
})

it.each([
  ['half of it', (whole: Buffer) => whole.subarray(0, whole.length / 2)],
  ['as many other bytes', (whole: Buffer) => flipped(whole, whole.length - 3, 0)],
])('what a later rewrite left unfinished is thrown away, and the segment stays as it is: %s', async (_what, left) => {
  const disk = memoryDisk()
  const store = await openSmall(disk)
  await appendTo(store, 'a', 2)
  await appendTo(store, 'b', 32)
  await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
  const places = await placesIn(store.read(all))
  await store.close()
  const path = segmentPath(segmentName(1, 0))
  const whole = await bytesOf(disk, path)
  await putFile(disk, `${path}.part`, left(whole))
  const reader = await openSmall(disk, { readOnly: true })
  expect(await placesIn(reader.read(all))).toEqual(places)
  await reader.close()
  const again = await openSmall(disk)
  expect(await placesIn(again.read(all))).toEqual(places)
  expect((await again.verify({})).findings).toEqual([])
  await again.close()
  expect(await bytesOf(disk, path)).toEqual(whole)
  expect((await filesOf(disk)).has(`${path}.part`)).toBe(false)
})

it('a rewrite of a segment that a later one merged into another says nothing any more', async () => {
  const disk = memoryDisk()
  const store = await openSmall(disk)
  await appendTo(store, 'a', 10)
  await appendTo(store, 'b', 10)
  await appendTo(store, 'c', 24)
  await store.retain({ streams: [{ stream: 'b', before: 'all' }] }, { dryRun: false })
  const { segments } = await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
  expect(segments).toBe(1)
  const left = await placesIn(store.read(all))
  await store.close()
  const files = await filesOf(disk)
  const bare = new Map([...files].filter(([path]) => !/^(index|state)\//.test(path)))
  for (const found of [files, bare]) {
    const again = await openSmall(await diskOf(found))
    expect(await placesIn(again.read(all))).toEqual(left)
    expect((await again.stream('b'))?.earliest).toBe(11)
    expect((await again.verify({})).findings).toEqual([])
    await again.close()
  }
})

it('a rewritten segment whose record was lost is rewritten once more, and the new record says what it replaced', async () => {
  const lines = [1, 2, 3, 4].map((position) => forgedEvent(position))
  const rewritten = { rewritten: 'retention' }
  const files = forgedJournal([
    { lines, header: rewritten },
    { lines: [forgedEvent(5)], header: { first: 5 } },
  ])
  const disk = await diskOf(files)
  const name = segmentName(1, 0)
  const was = createHash('sha256')
    .update(await bytesOf(disk, segmentPath(name)))
    .digest('hex')
  const store = await openSmall(disk)
  await store.retain({ streams: [{ stream: 's', before: 3 }] }, { dryRun: false })
  expect(await placesIn(store.read(all))).toEqual([3, 4, 5])
  await store.close()
  const is = createHash('sha256')
    .update(await bytesOf(disk, segmentPath(name)))
    .digest('hex')
  const told = [...(await filesOf(disk)).values()].flatMap((bytes) => bytes.toString().split('\n'))
  const record = told.find((line) => line.startsWith('{"control":"rewrite"'))
  expect(JSON.parse(record ?? '{}')).toMatchObject({ old: [[name, was]], sha256: is })
  const again = await openSmall(disk)
  expect(await placesIn(again.read(all))).toEqual([3, 4, 5])
  await again.close()
})

it('small blobs can be read while the segments that hold them are merged', async () => {
  const store = await openSmall(memoryDisk())
  const digests: string[] = []
  for (let n = 0; n < 40; n++) {
    const { digest } = await store.stageBlob(Buffer.from(`content ${n}`))
    digests.push(digest)
    await store.append({ events: [{ ...event('gone', n), blobs: [digest] }], durability: 'sync' })
  }
  await store.append({ events: [{ ...event('kept', 1), blobs: digests }], durability: 'sync' })
  let isDone = false
  let reads = 0
  const readers = [0, 13, 26, 39].map(async (n) => {
    for (; !isDone; reads++) expect((await contentOf(store, digests[n] ?? '')).toString()).toBe(`content ${n}`)
  })
  const rule = { streams: [{ stream: 'gone', before: 'all' }] } as const
  const removed = await store.retain(rule, { dryRun: false })
  isDone = true
  await Promise.all(readers)
  expect(removed.segments).toBeGreaterThan(2)
  expect(reads).toBeGreaterThan(20)
  await store.close()
})

function coveringOf({ disk, identity, catalog, indexes, state }: FileLog): Covering {
  return { disk, identity, catalog, indexes, state }
}

describe('the record of a rewrite', () => {
  it('says nothing of a segment that was rewritten again since', async () => {
    const disk = memoryDisk()
    await disk.makeDirectory('segments')
    const catalog = new Catalog(disk)
    const [name, next] = [segmentName(1, 0), segmentName(9, 0)]
    const sealed = { bytes: 10, sha256: 'newest' }
    catalog.add({ name, number: 1, first: 1, sealed }, { name: next, number: 2, first: 9, sealed: undefined })
    const rewrite = { control: 'rewrite', time: 1, reason: 'r', old: [[name, 'first']], sha256: 'second', bytes: 11 }
    const scan = async function* () {
      yield [['key', rewrite]]
    }
    const state = { scan, setEntry: () => undefined } as unknown as State
    const derived = await finishRewrites({ disk, catalog, state, isWriter: false })
    expect([derived.size, catalog.sealed.map(({ facts }) => facts.sealed)]).toEqual([0, [sealed]])
  })
})
