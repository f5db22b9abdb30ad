// A journal with everything in it that an export must carry, and what can be seen of a journal, to compare two.

import type { Journal } from '../../src/journal.ts'
import { createJournal } from '../../src/journal.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Batch, EncodedEvent, ReadItem, Receipt, Selector, Store } from '../../src/stores/store.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'
import { prng } from '../../src/testing/prng.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'

const small = Buffer.from('a small blob')
const large = Buffer.from(Uint8Array.from({ length: 600_000 }, byteOf(7)))

export function byteOf(seed: number): () => number {
  const chance = prng(seed)
  return () => chance.below(256)
}

export function event(stream: string, data: unknown = null, blobs?: readonly string[]): EncodedEvent {
  const encoded = { stream, type: 't', version: 1, data: JSON.stringify(data) }
  return blobs === undefined ? encoded : { ...encoded, blobs }
}

export function append(store: Store, events: readonly EncodedEvent[], rest: Partial<Batch> = {}): Promise<Receipt> {
  return store.append({ events, durability: 'sync', ...rest })
}

export function memoryScene(seed = 1): { readonly store: Store; readonly clock: FakeClock } {
  const clock = fakeClock()
  return { store: memoryStore({ clock, random: seededRandom(seed) }), clock }
}

export function digestOf(letter: string): string {
  return letter.repeat(64)
}

/** Events of many streams, blobs, commands, agenda, leases, pins and releases, some of each taken away again. */
export async function fill(store: Store, clock: FakeClock): Promise<void> {
  await append(store, [event('gone', 1), event('a', { 'ä€😀': [1, { $$x: '"\\' }] }), event('gone', 2)])
  await append(store, [event('gone/too', 1)], { command: { id: 'old', digest: digestOf('a') } })
  clock.advance(1_000)
  const blobs = [await store.stageBlob(small), await store.stageBlob(large)]
  await append(store, [event('a', 2, [blobs[0]?.digest ?? '']), event('front', 1), event('gone', 3)])
  await append(store, [event('front', 2), event('b', 1, [blobs[1]?.digest ?? ''])])
  await append(store, [event('front', 3), { ...event('a', 3), version: 7, meta: '{"by":"m"}' }, event('b', 2)], {
    command: { id: 'order-17', digest: digestOf('b') },
    agenda: [
      { id: 'wake', due: 5_000, data: '{"n":[1]}' },
      { id: 'later', due: 9_000 },
    ],
    leases: [{ lease: 'l', op: 'acquire', owner: 'o', ttlMs: 60_000 }],
    pins: [
      { pin: 'hard', stream: 'a', from: 2 },
      { pin: 'soft', stream: 'b', from: 1, ttlMs: 3_600_000 },
      { pin: 'short', from: 1, ttlMs: 1 },
    ],
    releases: [{ stream: 'b', through: 1 }],
  })
  clock.advance(1_000)
  await append(store, [], {
    agenda: [{ id: 'later', due: null }],
    leases: [{ lease: 'free', op: 'acquire', owner: 'p', ttlMs: 1_000 }],
    command: { id: 'no events', digest: digestOf('c') },
  })
  await append(store, [event('__proto__', { __proto__: null, constructor: 1 }), event('../../etc/passwd')], {
    leases: [{ lease: 'free', op: 'release', token: 1 }],
  })
}

/** Takes away the front of some streams, all of others, and an old command id. */
export async function trim(store: Store, clock: FakeClock): Promise<void> {
  await store.retain(
    {
      streams: [
        { stream: 'front', before: 3 },
        { stream: 'gone', before: 'all' },
        { stream: 'gone/too', before: 'all' },
      ],
      commandsBefore: clock.now() - 1_500,
    },
    { dryRun: false },
  )
}

export async function exportOf(source: Store | Journal): Promise<Buffer> {
  const journal = 'append' in source && 'export' in source ? source : createJournal(source)
  const pieces: Uint8Array[] = []
  await journal.export((bytes) => {
    pieces.push(bytes)
  })
  return Buffer.concat(pieces)
}

/** What is the same in two exports of the same content: all but header and trailer. */
export function recordLines(exported: Buffer): readonly string[] {
  return exported.toString('utf8').split('\n').slice(1, -2)
}

export async function* inPieces(bytes: Buffer, pieceBytes = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

/** All that a store shows. */
export async function seen(store: Store): Promise<unknown> {
  const heads = []
  for await (const page of store.streams({})) heads.push(...page)
  const blobs: Record<string, string> = {}
  const events = await readAll(store, { kind: 'all' })
  const streams: unknown[] = []
  for (const { stream } of heads) streams.push(await readAll(store, { kind: 'stream', stream }))
  for (const item of events) {
    for (const digest of 'removed' in item ? [] : item.blobs) blobs[digest] = await contentOf(store, digest)
  }
  const { position, appended, earliest, time } = store.head()
  return {
    head: { position, appended, earliest, time },
    heads,
    events,
    streams,
    blobs,
    agenda: await store.agenda({}),
    leases: [await store.lease('l'), await store.lease('free')],
    pins: await store.pins(),
    commands: [await store.command('old'), await store.command('order-17'), await store.command('no events')],
  }
}

export async function readAll(store: Store, select: Selector): Promise<readonly ReadItem[]> {
  const items: ReadItem[] = []
  const query = { select, direction: 'forward', tellRemoved: true, withText: true } as const
  for await (const page of store.read(query)) items.push(...page)
  return items
}

async function contentOf(store: Store, digest: string): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.readBlob(digest)) pieces.push(piece)
  return Buffer.concat(pieces).toString('base64')
}

export async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: { readonly code?: unknown }) => error.code,
  )
}
