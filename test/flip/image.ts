// A small journal as bytes in memory: made once, then spoiled again and again. Opening it anew must give the same data, a
// typed error, or, only for what stood above the last witness, a reported prefix.

import type { Disk } from '../../src/disks/disk.ts'
import { memoryDisk } from '../../src/disks/memory-disk.ts'
import { HoldfastError } from '../../src/errors.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import { openFileStore } from '../../src/stores/file/open-file-store.ts'
import type { RawEvent } from '../../src/stores/store.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'

/** Paths and contents; directories end with '/'. */
export type Image = ReadonlyMap<string, Uint8Array>

export async function imageOf(disk: Disk): Promise<Image> {
  const image = new Map<string, Uint8Array>()
  const visit = async (folder: string): Promise<void> => {
    for (const { name, kind } of await disk.list(folder)) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (kind === 'directory') {
        image.set(`${path}/`, new Uint8Array())
        await visit(path)
      } else image.set(path, await contentOf(disk, path))
    }
  }
  await visit('')
  return image
}

async function contentOf(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, { mode: 'read' })
  const bytes = new Uint8Array(await file.size())
  await file.read(bytes, 0)
  await file.close()
  return bytes
}

export async function diskOf(image: Image): Promise<Disk> {
  const disk = memoryDisk()
  for (const [path, bytes] of [...image].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (path.endsWith('/')) await disk.makeDirectory(path.slice(0, -1))
    else {
      const file = await disk.open(path, { mode: 'write', create: 'exclusive' })
      if (bytes.length > 0) await file.write(bytes, 0)
      await file.close()
    }
  }
  return disk
}

export function openImage(disk: Disk, readOnly: boolean = false, seed: number = 1): Promise<FileStore> {
  return openFileStore({
    disk,
    clock: fakeClock(),
    random: seededRandom(seed),
    process: { pid: 1, host: 'test' },
    segmentBytes: 4096,
    readOnly,
  })
}

const query = { select: { kind: 'all' }, direction: 'forward' } as const

export async function allEvents(store: FileStore): Promise<readonly RawEvent[]> {
  return readEvents(store, query)
}

/** A journal of several segments, some batches, agenda and leases, of about 16 KiB. */
export async function makeJournal(options: {
  readonly close: boolean
}): Promise<{ readonly image: Image; readonly events: readonly RawEvent[] }> {
  const disk = memoryDisk()
  const store = await openImage(disk)
  const event = (stream: string, n: number) => ({
    stream,
    type: 'noted',
    version: 1,
    data: JSON.stringify({ n, text: 'x'.repeat(120) }),
  })
  for (let n = 0; n < 48; n += 4) {
    await Promise.all([
      store.append({ events: [event('a', n)], durability: 'sync' }),
      store.append({
        events: [event('b', n + 1), event('a', n + 2)],
        command: { id: `c${n}`, digest: '0' },
        agenda: [{ id: 'wake', due: n, data: '{"n":1}' }],
        durability: 'sync',
      }),
      store.append({
        events: [event('c', n + 3)],
        leases: [{ lease: 'l', op: 'acquire', owner: 'me', ttlMs: 5 }],
        durability: 'sync',
      }),
    ])
  }
  const events = await allEvents(store)
  if (options.close) await store.close()
  return { image: await imageOf(disk), events }
}

export type Outcome = 'same' | 'prefix' | 'short' | `error ${string}`

/** What a person gets who opens this and reads everything. Throws when it is something that must not be. `mayBeShort`: the
 * file ends behind a whole batch, and what would have told that it was longer is gone. */
export async function outcomeOf(
  disk: Disk,
  expected: readonly RawEvent[],
  mayBeShort: boolean = false,
): Promise<Outcome> {
  let store: FileStore | undefined
  try {
    store = await openImage(disk)
    const found = await allEvents(store)
    const wrong = found.findIndex((event, index) => !isSame(event, expected[index]))
    if (wrong >= 0) throw new Error(`wrong data at ${wrong}: ${JSON.stringify(found[wrong]).slice(0, 200)}`)
    if (found.length === expected.length) {
      await checkStreams(store, expected)
      return 'same'
    }
    if (mayBeShort && store.recovery.cutBytes === 0) return 'short'
    if (store.recovery.setAside === undefined || store.recovery.cutBytes === 0)
      throw new Error(`${expected.length - found.length} events are gone without a report`)
    return 'prefix'
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    if (error.code === 'ASSERTION') throw error
    if (error.code === 'DAMAGED' && typeof error.details.file !== 'string')
      throw new Error('damage without a place', { cause: error })
    return `error ${error.code}`
  } finally {
    await store?.close().catch(() => undefined) // what it says was said before
  }
}

/** Each stream read for itself gives its events. */
export async function checkStreams(store: FileStore, expected: readonly RawEvent[]): Promise<void> {
  for (const stream of ['a', 'b', 'c']) {
    const found = await readEvents(store, { select: { kind: 'stream', stream }, direction: 'forward' })
    const wanted = expected.filter((event) => event.stream === stream)
    if (found.length !== wanted.length || !found.every((event, index) => isSame(event, wanted[index]))) {
      throw new Error(`stream ${stream} gives other events`)
    }
  }
}

export function isSame(event: RawEvent, expected: RawEvent | undefined): boolean {
  return (
    expected !== undefined &&
    event.position === expected.position &&
    event.stream === expected.stream &&
    event.seq === expected.seq &&
    event.time === expected.time &&
    event.sum === expected.sum &&
    event.more === expected.more &&
    event.type === expected.type &&
    JSON.stringify(event.data) === JSON.stringify(expected.data)
  )
}
