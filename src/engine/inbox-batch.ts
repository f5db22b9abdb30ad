// A batch as JSON, for the way to another process, and back. It comes from outside, and what a store takes goes into the
// log as it is: so every field is looked at before it is believed.
// Invariant: what `readBatch` returns is what the journal itself could have handed to the store.

import { isBlobDigest } from '../core/blob-ref.ts'
import { checkName, checkStreamName } from '../core/names.ts'
import { type Check, isWhole, optional, orNull, passes, tuple } from '../core/value-check.ts'
import { limits } from '../limits.ts'
import type { Batch } from '../stores/store.ts'

/** Without command and durability: whatever waits in an inbox is acknowledged only when it is durable. */
export function batchJson(batch: Batch): object {
  const { events, expect, agenda, leases, fences, pins, releases } = batch
  return { events, expect: expect === undefined ? undefined : [...expect], agenda, leases, fences, pins, releases }
}

/** undefined when it is no batch. */
export function readBatch(value: unknown): Omit<Batch, 'command'> | undefined {
  if (!isBatch(value)) return undefined
  const { expect, ...rest } = value as Omit<Batch, 'expect'> & { readonly expect?: readonly [string, number][] }
  const batch: Batch = { ...rest, durability: 'sync' }
  return expect === undefined ? batch : { ...batch, expect: new Map(expect) }
}

type Fields = Readonly<Record<string, Check>>

const digest: Check = isBlobDigest
const name: Check = passes((value) => checkName(value, 'name'))
const stream: Check = passes(checkStreamName)
const json: Check = passes((value) => JSON.parse(value as string))
/** One line of JSON: a line break inside it would end the log's line. */
const payload: Check = (value) =>
  typeof value === 'string' && Buffer.byteLength(value) <= limits.eventBytesMax && !/[\r\n]/.test(value) && json(value)

const exactly =
  (constant: string): Check =>
  (value) =>
    value === constant
/** No longer than a batch may be. */
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= limits.batchEventsMax && value.every(check)
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value))
/** An object with these fields and no others. */
const object =
  (fields: Fields): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).every((key) => Object.hasOwn(fields, key)) &&
    Object.entries(fields).every(([key, check]) => check((value as Readonly<Record<string, unknown>>)[key]))
const pair: Check = tuple(stream, isWhole)

const isBatch: Check = object({
  events: listOf(
    object({
      stream,
      type: name,
      version: (value) => isWhole(value) && value !== 0,
      data: payload,
      meta: optional(payload),
      blobs: optional(listOf(digest)),
    }),
  ),
  expect: optional(listOf(pair)),
  agenda: optional(listOf(object({ id: name, due: orNull(isWhole), data: optional(payload) }))),
  leases: optional(
    listOf(
      either(
        object({ lease: name, op: exactly('acquire'), owner: name, ttlMs: isWhole }),
        object({ lease: name, op: exactly('renew'), token: isWhole, ttlMs: isWhole }),
        object({ lease: name, op: exactly('release'), token: isWhole }),
      ),
    ),
  ),
  fences: optional(listOf(object({ lease: name, token: isWhole }))),
  pins: optional(
    listOf(object({ pin: name, stream: optional(stream), from: orNull(isWhole), ttlMs: optional(isWhole) })),
  ),
  releases: optional(listOf(object({ stream, through: optional(isWhole) }))),
})
