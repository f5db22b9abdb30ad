// The digest of a batch's content, by which a command id that comes a second time is told from one that is reused for
// something else. Stored with the command, so this form is part of the format and never changes.
// In it: events, agenda, leases, pins, releases. Not in it: time, durability, and the conditions (expected seqs, fences),
// which may well differ when the same command is tried again.
// Invariant: the hashed text is one JSON array whose places are fixed and whose object keys are sorted, hence two batches
// give the same text only if they have the same content; order counts wherever the journal keeps order.

import { createHash } from 'node:crypto'
import type { AgendaChange, Batch, EncodedEvent, LeaseChange, PinChange, Release } from '../stores/store.ts'

export type BatchContent = Pick<Batch, 'events' | 'agenda' | 'leases' | 'pins' | 'releases'>

/** 64 lower-case hexadecimal digits. */
export function digestBatch({ events, agenda, leases, pins, releases }: BatchContent): string {
  const text = `[${list(events, event)},${list(agenda, due)},${list(leases, lease)},${list(pins, pin)},${list(releases, release)}]`
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

function list<T>(items: readonly T[] | undefined, write: (item: T) => string): string {
  return items === undefined ? '[]' : `[${items.map(write).join(',')}]`
}

function event({ stream, type, version, data, meta, blobs }: EncodedEvent): string {
  // Blobs stand in the order in which they were met, which follows the order of keys.
  const names = blobs === undefined ? [] : [...blobs].sort()
  return `[${JSON.stringify(stream)},${JSON.stringify(type)},${version},${payload(data)},${payload(meta)},${JSON.stringify(names)}]`
}

function due({ id, due, data }: AgendaChange): string {
  return `[${JSON.stringify(id)},${due},${payload(data)}]`
}

function lease(change: LeaseChange): string {
  return canonical(change)
}

function pin(change: PinChange): string {
  return canonical(change)
}

function release(change: Release): string {
  return canonical(change)
}

/** In an array of its own, so that no payload and a payload `null` differ. */
function payload(text: string | undefined): string {
  return text === undefined ? '[]' : `[${canonical(JSON.parse(text))}]`
}

/** JSON text with the keys of every object sorted by UTF-16 code units. Takes what JSON.parse gives, and objects of such
 * values in which a property that is undefined counts as absent. */
function canonical(value: unknown): string {
  // JSON.stringify writes -0 as 0, but a payload keeps them apart.
  if (Object.is(value, -0)) return '-0'
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const object = value as Readonly<Record<string, unknown>>
  const keys = Object.keys(object).filter((key) => object[key] !== undefined)
  return `{${keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(object[key])}`)
    .join(',')}}`
}
