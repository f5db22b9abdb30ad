// What an opening, or a closing, leaves open when it fails, wherever it does.

import { describe, expect, it } from 'vitest'
import type { Disk, DiskFile } from '../disks/disk.ts'
import type { DiskCall } from '../disks/disk-call.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { assert } from '../errors.ts'
import { FileLog } from '../stores/file/file-log.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { failpointDisk } from '../testing/failpoint-disk.ts'
import { failpoints } from '../testing/failpoints.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { forgedEvent, forgedJournal } from '../testing/forged-log.ts'
import { readEvents } from '../testing/journal-contents.ts'
import {
  bytesOf,
  diskOf,
  filesOf,
  openSample,
  putFile,
  sampleFiles,
  segmentsOf,
  withFile,
} from '../testing/sample-journal.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { Blobs } from './blobs.ts'
import { readIdentity } from './identity.ts'

function open(disk: Disk): Promise<FileStore> {
  const process = { pid: 1, host: 'test' }
  return openFileStore({ disk, clock: fakeClock(), random: seededRandom(1), process, segmentBytes: 4_096 })
}

async function fill(store: FileStore): Promise<void> {
  const data = JSON.stringify('x'.repeat(300))
  for (const stream of ['a', 'a', ...Array<string>(30).fill('b')])
    await store.append({ events: [{ stream, type: 't', version: 1, data }], durability: 'sync' })
}

/** Its process died before it could publish what was durable, so that the next one has to write it anew. */
async function withTail(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const only = ({ op, path }: DiskCall): boolean => op === 'write' && path === 'durable'
  await fill(await open(faultyDisk(disk.disk, { at: 1, times: 'forever', fault: 'EIO', only })))
  return disk.crash({ seed: 1, model: 'process' })
}

/** Its process died when a rewrite was journaled and the file had not got its name yet. */
async function withRewrite(): Promise<SimulatedDisk> {
  const simulated = new SimulatedDisk()
  const point = failpoints.find(({ name }) => name === 'retention: rewrite journaled')
  assert(point !== undefined, 'the table has this point')
  let left: SimulatedDisk | undefined
  const die = (): void => {
    left = simulated.crash({ seed: 1, model: 'process' })
    throw new Error('killed')
  }
  const store = await open(failpointDisk(simulated.disk, { point, hit: 1, die }).disk)
  await fill(store)
  await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false }).catch(() => undefined)
  assert(left !== undefined, 'the point was reached')
  return left
}

/** Tells which files are open, and refuses to close one twice. */
function watched(inner: Disk): { readonly disk: Disk; readonly opened: ReadonlySet<string>; readonly twice: string[] } {
  const opened = new Set<string>()
  const twice: string[] = []
  let count = 0
  const open = async (...args: Parameters<Disk['open']>): Promise<DiskFile> => {
    const file = await inner.open(...args)
    const name = `${args[0]} #${++count}`
    opened.add(name)
    const close = async (): Promise<void> => {
      if (!opened.delete(name)) twice.push(name)
      await file.close()
    }
    return new Proxy(file, { get: (_target, key) => (key === 'close' ? close : boundTo(file, key)) })
  }
  const disk = new Proxy(inner, { get: (_target, key) => (key === 'open' ? open : boundTo(inner, key)) })
  return { disk, opened, twice }
}

function boundTo(object: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(object, key, object)
  return typeof value === 'function' ? value.bind(object) : value
}

const events = { durable: () => undefined, failed: () => undefined }

describe('an opening', () => {
  it('finds the segments that a rewrite merged with those that the caches never came to cover', async () => {
    const disk = memoryDisk()
    let isArmed = false
    const only = ({ op, path }: DiskCall): boolean => isArmed && op === 'write' && path.startsWith('state/')
    const store = await open(faultyDisk(disk, { at: 1, times: 'forever', fault: 'EIO', only }))
    const data = JSON.stringify('x'.repeat(300))
    const append = async (stream: string, count: number) => {
      for (let n = 0; n < count; n++)
        await store.append({ events: [{ stream, type: 't', version: 1, data }], durability: 'sync' })
    }
    await append('keep', 12)
    await append('a', 30)
    expect((await store.verify({})).findings).toEqual([])
    const covered = segmentsOf(await filesOf(disk)).at(-2) ?? ''
    isArmed = true
    await append('a', 30)
    await append('keep', 12)
    await store.retain({ streams: [{ stream: 'a', before: 'all' }] }, { dryRun: false })
    expect(disk.existsNow(covered)).toBe(false)
    const left = await readEvents(store, { select: { kind: 'all' }, direction: 'forward' })
    expect(left).toHaveLength(24)
    await store.close()
    for (const times of [1, 2]) {
      const again = await open(disk)
      expect(await readEvents(again, { select: { kind: 'all' }, direction: 'forward' }), `opening ${times}`).toEqual(
        left,
      )
      expect((await again.verify({})).findings).toEqual([])
      await again.close()
    }
  })
})

describe('an opening that fails', () => {
  it.each([
    { what: 'the oldest segment, and no caches are left', events: 0, gone: 0 },
    { what: 'the segment behind those that the caches cover', events: 20, gone: undefined },
  ])('says that events are lost with $what', async ({ events, gone }) => {
    const files = new Map([...(await sampleFiles(43))].filter(([path]) => !/^(index|state)\//.test(path)))
    const earlier = await sampleFiles(events)
    for (const [path, bytes] of earlier) if (/^(index|state)\//.test(path)) files.set(path, bytes)
    const lost = segmentsOf(files)[gone ?? segmentsOf(earlier).length - 1] ?? ''
    for (const readOnly of [false, true]) {
      const sound = await openSample(await diskOf(files), { readOnly })
      await sound.close()
      const disk = await diskOf(withFile(files, lost, undefined))
      await expect(openSample(disk, { readOnly })).rejects.toMatchObject({
        code: 'DAMAGED',
        details: { file: lost, kind: 'segment-missing' },
      })
    }
  })

  it('says so as well of a segment that claims to be the first behind others', async () => {
    const two = forgedJournal([{ lines: [forgedEvent(1)] }, { lines: [forgedEvent(2)] }])
    const disk = await diskOf(two)
    await (await openSample(disk)).close()
    const claims = forgedJournal([{ lines: [], header: { first: 50 } }])
    const [strange = ''] = segmentsOf(claims)
    const left = await filesOf(disk)
    await disk.remove(segmentsOf(left).at(-1) ?? '')
    await putFile(disk, strange, claims.get(strange) ?? Buffer.alloc(0))
    await expect(openSample(disk)).rejects.toMatchObject({ code: 'DAMAGED', details: { file: strange } })
    for (const path of segmentsOf(two)) expect(await bytesOf(disk, path)).toEqual(left.get(path))
  })

  it('because the newest sealed segment is gone has changed nothing of the others', async () => {
    const files = await sampleFiles(43)
    const left = withFile(files, segmentsOf(files).at(-2) ?? '', undefined)
    for (const readOnly of [false, true]) {
      const disk = await diskOf(left)
      await expect(openSample(disk, { readOnly })).rejects.toMatchObject({
        code: 'DAMAGED',
        details: { file: segmentsOf(files).at(-2), kind: 'segment-missing' },
      })
      const after = await filesOf(disk)
      expect(segmentsOf(after)).toEqual(segmentsOf(left))
      for (const path of segmentsOf(left)) expect(after.get(path)).toEqual(left.get(path))
    }
  })

  it.each([
    { what: 'behind a tail', make: withTail },
    { what: 'behind a rewrite', make: withRewrite },
  ])('$what leaves no file open and closes none twice, whichever operation failed', async ({ make }) => {
    let isDone = false
    for (let at = 1; !isDone; at++) {
      assert(at < 1_000, 'an opening without a fault comes')
      const simulated = await make()
      const identity = await readIdentity(simulated.disk)
      assert(identity !== undefined, 'the journal was made')
      const faulty = faultyDisk(simulated.disk, { at, times: 'once', fault: 'EIO' })
      const { disk, opened, twice } = watched(faulty)
      const blobs = new Blobs(disk)
      const options = { disk, clock: fakeClock(), identity, fence: 2, segmentBytes: 4_096, blobs, events }
      const outcome = await FileLog.open(options).then(
        (log) => ({ log }),
        (error: unknown) => ({ error }),
      )
      // A fault that only costs time may be met on the way, and closing may meet it.
      if ('log' in outcome) await outcome.log.close().catch(() => undefined)
      isDone = faulty.faults === 0
      expect({ at, opened: [...opened], twice }).toEqual({ at, opened: [], twice: [] })
    }
  })
})
