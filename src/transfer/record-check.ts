// What one record of an import must look like before any store sees it. The file may come from anywhere: its checksums
// say that it is whole, not that it is honest. So each line is read as strictly as it would have been written: known
// kinds and fields only, names and sizes within the limits of an append, no number that a later one couldn't follow.
//
// Invariant: an event that passes is, up to its data, the very text that its fields encode to; no two readers of it can
// disagree about its place.

import { isBlobDigest } from '../core/blob-ref.ts'
import { type ExportedKind, exportedFields, isExportedKind } from '../core/control-text.ts'
import { leaseFloorName } from '../core/lease-floor.ts'
import { checkName, checkStreamName } from '../core/names.ts'
import { type Check, isFlag, isText, isWhole, listOf, optional, orNull, passes, tuple } from '../core/value-check.ts'
import { limits } from '../limits.ts'

/** Beyond this, numbers could not go on for as long as anybody may append. */
const numberMax = Number.MAX_SAFE_INTEGER / 2
/** The last moment of a Date. */
const timeMax = 8_640_000_000_000_000
/** A level of a payload takes at most three of JSON ({"$map":[[), and a record adds a few. */
const jsonDepthMax: number = limits.depthMax * 4 + 8

const whole: Check = (value) => isWhole(value) && (value as number) <= numberMax
const above0: Check = (value) => whole(value) && value !== 0
const moment: Check = (value) => whole(value) && (value as number) <= timeMax
const digest: Check = isBlobDigest
const stream: Check = passes(checkStreamName)
const name: Check = passes((value) => checkName(value, 'name'))
const leaseName: Check = (value) => value === leaseFloorName || name(value)
const anything: Check = () => true

const controlChecks: Readonly<Record<ExportedKind, Readonly<Record<string, Check>>>> = {
  agenda: { id: name, due: orNull(whole), data: anything },
  lease: { lease: leaseName, owner: name, token: above0, until: whole, held: isFlag },
  command: {
    id: name,
    time: moment,
    digest,
    position: whole,
    events: listOf(tuple(stream, above0, above0)),
    leases: optional(listOf(tuple(name, above0, whole))),
  },
  forget: { before: whole },
  pin: { pin: name, stream: optional(stream), from: orNull(whole), until: optional(whole) },
  released: { stream, through: whole },
  blob: { digest, bytes: (value) => whole(value) && (value as number) <= limits.blobBytesMax, data: optional(isText) },
  removed: { from: above0, to: above0, count: whole, streams: listOf(tuple(stream, above0, above0)) },
  witness: { time: moment },
}

/** A control record, parsed and known to be sound, or what is wrong with it. */
export function readControl(text: string): Readonly<Record<string, unknown>> | string {
  const record = parseObject(text)
  if (typeof record === 'string') return record
  const kind = record.control
  if (!isExportedKind(kind)) return 'a control record of a kind that no export holds'
  for (const key of Object.keys(record)) {
    if (!exportedFields[kind].includes(key)) return `a ${kind} record has no field ${JSON.stringify(key.slice(0, 64))}`
  }
  for (const [field, check] of Object.entries(controlChecks[kind])) {
    if (!check(record[field])) return `the field "${field}" of a ${kind} record is missing or not what it may be`
  }
  if (kind === 'removed') return checkRemoved(record) ?? record
  return record
}

function checkRemoved({ from, to, streams }: Readonly<Record<string, unknown>>): string | undefined {
  if (Number(from) > Number(to)) return 'a removed range ends before it begins'
  const isTurned = (streams as readonly [string, number, number][]).some(([, first, last]) => first > last)
  return isTurned ? 'removed seqs end before they begin' : undefined
}

const eventKeys = ['position', 'stream', 'seq', 'time', 'type', 'version', 'blobs', 'data', 'meta', 'more']

/** What is wrong with an event's text; undefined when nothing is. */
export function checkEventText(text: string): string | undefined {
  const event = parseObject(text)
  if (typeof event === 'string') return event
  const { position, seq, time, type, version, blobs } = event
  for (const key of Object.keys(event)) {
    if (!eventKeys.includes(key)) return `an event has no field ${JSON.stringify(key.slice(0, 64))}`
  }
  if (!above0(position) || !above0(seq) || !moment(time))
    return 'position, seq or time of an event is not what it may be'
  if (!stream(event.stream)) return 'the stream of an event has no valid name'
  if (!name(type)) return 'the type of an event has no valid name'
  if (version !== undefined && !(above0(version) && version !== 1))
    return 'the version of an event is not what it may be'
  if (blobs !== undefined && !(listOf(digest)(blobs) && (blobs as []).length > 0))
    return 'the blobs of an event are no digests'
  if (!Object.hasOwn(event, 'data')) return 'an event has no data'
  const head = headText(event)
  if (!text.startsWith(head)) return 'the fields of an event are not as they are written'
  const hasMore = text.endsWith(',"more":true}')
  if (Object.hasOwn(event, 'more') && (event.more !== true || !hasMore)) return 'an event has a wrong mark of its batch'
  if (Buffer.byteLength(text) - Buffer.byteLength(head) > limits.eventBytesMax + 32) return 'an event has too much data'
  return undefined
}

/** Everything before the data, as core/record.ts writes it. */
function headText(event: Readonly<Record<string, unknown>>): string {
  const { position, seq, time, type, version, blobs } = event
  const place = `{"position":${position},"stream":${JSON.stringify(event.stream)},"seq":${seq},"time":${time}`
  const more = `${version === undefined ? '' : `,"version":${version}`}${blobs === undefined ? '' : `,"blobs":${JSON.stringify(blobs)}`}`
  return `${place},"type":${JSON.stringify(type)}${more},"data":`
}

function parseObject(text: string): Readonly<Record<string, unknown>> | string {
  if (isTooDeep(text)) return 'it nests too deeply'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'it is not JSON' // where exactly doesn't help: the line was written by a program
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is no JSON object'
  return value as Readonly<Record<string, unknown>>
}

const quote = 0x22
const backslash = 0x5c

/** Counted without parsing: what reads the value later may recurse. */
function isTooDeep(text: string): boolean {
  if (text.length <= 2 * jsonDepthMax) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === quote) at = stringEnd(text, at)
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > jsonDepthMax) return true
    } else if (unit === 0x7d || unit === 0x5d) depth--
  }
  return false
}

/** Of the closing quote, or of the end of the text. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return at
  }
  return text.length
}
