// What a control record of an import must look like before it is believed. Content is judged elsewhere (load.ts);
// here only that every field is there and of its kind, and that a blob's content is what its digest says.

import type { Control } from '../../core/control.ts'
import { contentDigest } from './blobs.ts'

type Check = (value: unknown) => boolean
type Fields = Readonly<Record<string, Check>>

const text: Check = (value) => typeof value === 'string'
const whole: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const flag: Check = (value) => typeof value === 'boolean'
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const tuple =
  (...checks: readonly Check[]): Check =>
  (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, index) => check(value[index]))

const fields: Readonly<Record<Control['control'], Fields>> = {
  agenda: { id: text, due: orNull(whole) },
  lease: { lease: text, owner: text, token: whole, until: whole, held: flag },
  command: {
    id: text,
    time: whole,
    digest: text,
    position: whole,
    events: listOf(tuple(text, whole, whole)),
    leases: optional(listOf(tuple(text, whole, whole))),
  },
  forget: { before: whole },
  pin: { pin: text, stream: optional(text), from: orNull(whole), until: optional(whole) },
  released: { stream: text, through: whole },
  blob: { digest: text, bytes: whole, data: optional(text) },
  retain: { time: whole },
  removed: { from: whole, to: whole, count: whole, streams: listOf(tuple(text, whole, whole)) },
  rewrite: { time: whole },
  witness: { time: whole },
}

/** What is wrong with a parsed control record; undefined when nothing is. */
export function checkControl(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'it is no object'
  const record = value as Readonly<Record<string, unknown>>
  const kind = record.control
  if (typeof kind !== 'string' || !Object.hasOwn(fields, kind)) return 'it is no control record'
  for (const [name, check] of Object.entries(fields[kind as Control['control']])) {
    if (!check(record[name])) return `its field "${name}" is missing or of the wrong kind`
  }
  if (kind === 'removed' && (record.from === 0 || Number(record.from) > Number(record.to))) {
    return 'the removed range is not one'
  }
  if (kind === 'blob' && typeof record.data === 'string') {
    if (contentDigest(Buffer.from(record.data, 'base64')) !== record.digest) return "the blob's content is not its own"
  }
  return undefined
}
