// A small journal for the tests of verification and repair: several segments, batches, all kinds of control records
// that an append writes, names in many scripts; and the directory's files as bytes, to be damaged one at a time.

import type { Disk } from '../disks/disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { readFully, writeFully } from '../disks/whole-io.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import { openFileStore } from '../stores/file/open-file-store.ts'
import type { Batch, EncodedEvent } from '../stores/store.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { seededRandom } from './seeded-random.ts'

export type Files = ReadonlyMap<string, Buffer>

export const sampleProcess = { pid: 7, host: 'sample' } as const

export function openSample(
  disk: Disk,
  options: { readonly clock?: FakeClock; readonly readOnly?: boolean; readonly seed?: number } = {},
): Promise<FileStore> {
  const { clock = fakeClock(), readOnly = false, seed = 1 } = options
  return openFileStore({
    disk,
    clock,
    random: seededRandom(seed),
    process: sampleProcess,
    readOnly,
    segmentBytes: 4_096,
  })
}

/** Events e1, e2 … of streams that take turns, every fifth in a batch with all that a batch can carry. */
export async function fillSample(store: FileStore, clock: FakeClock, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number++) {
    clock.advance(10)
    await store.append(number % 5 === 0 ? richBatch(number) : { events: [sampleEvent(number)], durability: 'sync' })
  }
}

export function sampleEvent(number: number): EncodedEvent {
  const stream = ['orders/1', 'заметки/2', '笔记/🦊'][number % 3] ?? ''
  return { stream, type: 'item.added', version: 1, data: JSON.stringify({ number, text: `entry ${number} äöü` }) }
}

function richBatch(number: number): Batch {
  return {
    events: [sampleEvent(number), sampleEvent(number + 1), sampleEvent(number + 2)],
    command: { id: `command ${number}`, digest: String(number).padStart(64, '0') },
    agenda: [
      { id: `due ${number % 10}`, due: number % 20 === 0 ? null : 1_800_000_000_000 + number, data: '{"at":1}' },
    ],
    leases: [{ lease: `worker ${number % 2}`, op: 'acquire', owner: 'a', ttlMs: 5_000 }],
    pins: [{ pin: 'reader', from: number % 15 === 0 ? null : 1 }],
    releases: [{ stream: 'orders/1', through: 1 }],
    durability: 'sync',
  }
}

/** A closed journal's files. */
export async function sampleFiles(events: number): Promise<Files> {
  const disk = memoryDisk('sample')
  const clock = fakeClock()
  const store = await openSample(disk, { clock })
  await fillSample(store, clock, 1, events)
  await store.close()
  return filesOf(disk)
}

export async function filesOf(disk: Disk, folder: string = ''): Promise<Files> {
  const files = new Map<string, Buffer>()
  for (const { name, kind } of await disk.list(folder)) {
    const path = folder === '' ? name : `${folder}/${name}`
    if (kind === 'file') files.set(path, await bytesOf(disk, path))
    if (kind === 'directory') for (const [inner, bytes] of await filesOf(disk, path)) files.set(inner, bytes)
  }
  return files
}

export async function bytesOf(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, { mode: 'read' })
  try {
    const bytes = Buffer.alloc(await file.size())
    await readFully(file, bytes, 0)
    return bytes
  } finally {
    await file.close()
  }
}

export async function diskOf(files: Files): Promise<Disk> {
  const disk = memoryDisk('sample')
  for (const [path, bytes] of files) await putFile(disk, path, bytes)
  return disk
}

export async function putFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const parts = path.split('/')
  for (let depth = 1; depth < parts.length; depth++) {
    await disk.makeDirectory(parts.slice(0, depth).join('/')).catch(() => undefined) // it may be there
  }
  const file = await disk.open(path, { mode: 'write', create: 'maybe' })
  try {
    await file.truncate(0)
    if (bytes.length > 0) await writeFully(file, bytes, 0)
  } finally {
    await file.close()
  }
}

/** The files with one of them changed, or taken away with undefined. */
export function withFile(files: Files, path: string, bytes: Buffer | undefined): Files {
  const changed = new Map(files)
  if (bytes === undefined) changed.delete(path)
  else changed.set(path, bytes)
  return changed
}

export function flipped(bytes: Buffer, offset: number, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[offset] = (copy[offset] ?? 0) ^ (1 << bit)
  return copy
}

/** Paths of the segments, oldest first. */
export function segmentsOf(files: Files): readonly string[] {
  return [...files.keys()].filter((path) => path.startsWith('segments/')).sort()
}

/** Where the line begins that holds this byte. */
export function lineStart(bytes: Buffer, offset: number): number {
  return offset === 0 ? 0 : bytes.lastIndexOf(0x0a, offset - 1) + 1
}
