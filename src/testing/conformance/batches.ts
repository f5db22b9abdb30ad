// What cases append and read: small builders of events and batches, and readers that gather pages.

import { ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type {
  Batch,
  EncodedEvent,
  RawEvent,
  ReadItem,
  ReadQuery,
  Receipt,
  RemovedRange,
  RetentionReport,
  RetentionRule,
  Selector,
  Store,
  StreamHead,
} from '../../stores/store.ts'

export type EventParts = Partial<Omit<EncodedEvent, 'stream'>>

export function event(stream: string, parts: EventParts = {}): EncodedEvent {
  return { stream, type: 'noted', version: 1, data: '{}', ...parts }
}

export function batch(events: readonly EncodedEvent[], parts: Partial<Batch> = {}): Batch {
  return { events, durability: 'sync', ...parts }
}

/** Appends to the streams named, one event each, in one batch. */
export function put(store: Store, ...streams: readonly string[]): Promise<Receipt> {
  return store.append(batch(streams.map((stream) => event(stream))))
}

/** `count` events of one stream, numbered in their data from 1, in one batch. */
export function putMany(store: Store, stream: string, count: number): Promise<Receipt> {
  return store.append(batch(numbered(stream, count)))
}

export function numbered(stream: string, count: number): readonly EncodedEvent[] {
  return Array.from({ length: count }, (_, index) => event(stream, { data: `{"n":${index + 1}}` }))
}

export function change(store: Store, parts: Partial<Batch>): Promise<Receipt> {
  return store.append(batch([], parts))
}

/** A command whose digest stands for `content`. */
export function command(id: string, content = 'content'): { readonly id: string; readonly digest: string } {
  return { id, digest: sha256(content) }
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

export const everything: Selector = { kind: 'all' }
export function only(stream: string): Selector {
  return { kind: 'stream', stream }
}
export function under(prefix: string): Selector {
  return { kind: 'prefix', prefix }
}

export async function gather<T>(pages: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const items: T[] = []
  for await (const page of pages) items.push(...page)
  return items
}

export function query(select: Selector, parts: Partial<ReadQuery> = {}): ReadQuery {
  return { select, direction: 'forward', ...parts }
}

export function items(store: Store, select: Selector, parts: Partial<ReadQuery> = {}): Promise<readonly ReadItem[]> {
  return gather(store.read(query(select, parts)))
}

export async function events(
  store: Store,
  select: Selector = everything,
  parts: Partial<ReadQuery> = {},
): Promise<readonly RawEvent[]> {
  return (await items(store, select, parts)).map((item) => {
    ok(!isRemoved(item), 'removed ranges are told only when asked for')
    return item
  })
}

export async function firstEvent(store: Store, select: Selector = everything): Promise<RawEvent> {
  const [first] = await events(store, select, { limit: 1 })
  ok(first, 'there is an event')
  return first
}

export async function positions(store: Store, select: Selector = everything): Promise<readonly number[]> {
  return (await events(store, select)).map(({ position }) => position)
}

export async function seqs(store: Store, stream: string): Promise<readonly number[]> {
  return (await events(store, only(stream))).map(({ seq }) => seq)
}

/** `stream#seq` in reading order. */
export async function places(store: Store, select: Selector = everything): Promise<readonly string[]> {
  return (await events(store, select)).map(({ stream, seq }) => `${stream}#${seq}`)
}

export async function removedRanges(
  store: Store,
  select: Selector = everything,
  parts: Partial<ReadQuery> = {},
): Promise<readonly (readonly [number, number])[]> {
  const all = await items(store, select, { tellRemoved: true, ...parts })
  return all.filter(isRemoved).map(({ removed }) => [removed.from, removed.to])
}

export function isRemoved(item: ReadItem): item is RemovedRange {
  return 'removed' in item
}

export async function heads(
  store: Store,
  parts: { readonly prefix?: string; readonly after?: string } = {},
): Promise<readonly StreamHead[]> {
  return gather(store.streams(parts))
}

export async function streamNames(
  store: Store,
  parts: { readonly prefix?: string; readonly after?: string } = {},
): Promise<readonly string[]> {
  return (await heads(store, parts)).map(({ stream }) => stream)
}

export function retain(store: Store, rule: RetentionRule): Promise<RetentionReport> {
  return store.retain(rule, { dryRun: false })
}

export function dropAll(store: Store, ...streams: readonly string[]): Promise<RetentionReport> {
  return retain(store, { streams: streams.map((stream) => ({ stream, before: 'all' })) })
}

export async function bytesOf(store: Store, digest: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.readBlob(digest)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}
