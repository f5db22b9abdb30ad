// What an opening, or a closing, leaves open when it fails, wherever it does.

import { describe, expect, it } from 'vitest'
import type { Disk, DiskFile } from '../disks/disk.ts'
import type { DiskCall } from '../disks/disk-call.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import { assert } from '../errors.ts'
import { FileLog } from '../stores/file/file-log.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import { failpointDisk } from '../testing/failpoint-disk.ts'
import { failpoints } from '../testing/failpoints.ts'
import { fakeClock } from '../testing/fake-clock.ts'
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

describe('an opening that fails', () => {
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
