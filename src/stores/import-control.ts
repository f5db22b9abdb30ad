// What a control record of an import must look like before it is believed. Content is judged elsewhere (load.ts);
// here only that every field is there and of its kind, and that a blob's content is what its digest says.

import { contentDigest } from '../core/content-digest.ts'
import type { Control } from '../core/control.ts'
import { type Check, isFlag, isText, isWhole, listOf, optional, orNull, tuple } from '../core/value-check.ts'

type Fields = Readonly<Record<string, Check>>

const fields: Readonly<Record<Control['control'], Fields>> = {
  agenda: { id: isText, due: orNull(isWhole) },
  lease: { lease: isText, owner: isText, token: isWhole, until: isWhole, held: isFlag },
  command: {
    id: isText,
    time: isWhole,
    digest: isText,
    position: isWhole,
    events: listOf(tuple(isText, isWhole, isWhole)),
    leases: optional(listOf(tuple(isText, isWhole, isWhole))),
  },
  forget: { before: isWhole },
  pin: { pin: isText, stream: optional(isText), from: orNull(isWhole), until: optional(isWhole) },
  released: { stream: isText, through: isWhole },
  blob: { digest: isText, bytes: isWhole, data: optional(isText) },
  retain: { time: isWhole },
  removed: { from: isWhole, to: isWhole, count: isWhole, streams: listOf(tuple(isText, isWhole, isWhole)) },
  rewrite: { time: isWhole },
  witness: { time: isWhole },
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
