// A batch as JSON, for the way to another process, and back. It comes from outside, and what a store takes goes into the
// log as it is: so every field is looked at before it is believed.
// Invariant: what `readBatch` returns is what the journal itself could have handed to the store.

import { checkName, checkStreamName } from '../core/names.ts'
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

type Check = (value: unknown) => boolean
type Fields = Readonly<Record<string, Check>>

const whole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const digest: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const name: Check = (value) => accepts(() => checkName(value, 'name'))
const stream: Check = (value) => accepts(() => checkStreamName(value))
/** One line of JSON: a line break inside it would end the log's line. */
const payload: Check = (value) =>
  typeof value === 'string' &&
  Buffer.byteLength(value) <= limits.eventBytesMax &&
  !/[\r\n]/.test(value) &&
  accepts(() => JSON.parse(value))

const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const exactly =
  (constant: string): Check =>
  (value) =>
    value === constant
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
const pair: Check = (value) => Array.isArray(value) && value.length === 2 && stream(value[0]) && whole(value[1])

const isBatch: Check = object({
  events: listOf(
    object({
      stream,
      type: name,
      version: (value) => whole(value) && value !== 0,
      data: payload,
      meta: optional(payload),
      blobs: optional(listOf(digest)),
    }),
  ),
  expect: optional(listOf(pair)),
  agenda: optional(listOf(object({ id: name, due: orNull(whole), data: optional(payload) }))),
  leases: optional(
    listOf(
      either(
        object({ lease: name, op: exactly('acquire'), owner: name, ttlMs: whole }),
        object({ lease: name, op: exactly('renew'), token: whole, ttlMs: whole }),
        object({ lease: name, op: exactly('release'), token: whole }),
      ),
    ),
  ),
  fences: optional(listOf(object({ lease: name, token: whole }))),
  pins: optional(listOf(object({ pin: name, stream: optional(stream), from: orNull(whole), ttlMs: optional(whole) }))),
  releases: optional(listOf(object({ stream, through: optional(whole) }))),
})

function accepts(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    return false // what exactly is wrong with a file that nobody wrote for us doesn't matter
  }
}
