// Records as bytes: how an event, a control record and a segment header become a line, and how a line is checked.
//
//   line = body ,"sum":"xxxxxxxx","link":"xxxxxxxx"} newline
//
// `body` is a JSON object without its closing brace. `sum` is the CRC-32 of body's bytes: a line is valid alone.
// `link` is the sum of the line before: lines are valid together. A line that begins a write group says "sync" instead
// of "link": everything before this line was durable when the line was written. That is the witness of FORMAT.md.
// Both fields have a fixed width, so they are found from the line's end, and `sum` of an event doesn't depend on
// where the event stands: every store keeps it, and a copy between stores can be verified by it.

import { crc32 } from 'node:zlib'
import { HoldfastError } from '../errors.ts'
import type { RawEvent } from '../stores/store.ts'
import type { Control } from './control.ts'
import { jsonString } from './json-string.ts'
import type { Position, Seq, TimeMs } from './numbers.ts'

/** Bytes of `,"sum":"xxxxxxxx","link":"xxxxxxxx"}`, without the newline. */
export const tailBytes: number = 36
const sumAt = 8
const joinAt = 18
const linkAt = 26
const newline = 0x0a
const linkTail: Buffer = Buffer.from(',"sum":"00000000","link":"00000000"}\n')
const syncTail: Buffer = Buffer.from(',"sum":"00000000","sync":"00000000"}\n')
export const noBlobs: readonly string[] = Object.freeze([])

const hexDigits: Buffer = Buffer.from('0123456789abcdef')
const hexValues: Int8Array = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) hexValues[hexDigits[value] as number] = value

/** What a line's last field is called, and so what it says: linked only, or also "synced before". */
export type Join = 'link' | 'sync'

/** Everything of an event's body that does not depend on where it will stand. */
export interface EventTail {
  readonly type: string
  readonly version: number
  readonly data: string
  readonly meta?: string
  readonly blobs?: readonly string[]
}

/** `,"type":…,"data":…`: encoded once when an append arrives, before its numbers are known. */
export function encodeEventTail(event: EventTail): string {
  let text = `,"type":${jsonString(event.type)}`
  if (event.version !== 1) text += `,"version":${event.version}`
  if (event.blobs !== undefined && event.blobs.length > 0) text += `,"blobs":${JSON.stringify(event.blobs)}`
  text += `,"data":${event.data}`
  return event.meta === undefined ? text : `${text},"meta":${event.meta}`
}

export interface EventPlaceAndTime {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
  readonly time: TimeMs
}

/** The body of an event. `more`: the next line belongs to the same batch. */
export function eventBody(place: EventPlaceAndTime, tail: string, more: boolean): string {
  const head = `{"position":${place.position},"stream":${jsonString(place.stream)},"seq":${place.seq},"time":${place.time}`
  return more ? `${head}${tail},"more":true` : head + tail
}

/** The body of a control record. */
export function controlBody(control: Control, more: boolean): string {
  const text = JSON.stringify(control).slice(0, -1)
  return more ? `${text},"more":true` : text
}

export function bodySum(body: string): number {
  return crc32(body)
}

/** Two digits for each byte: looked up, which takes an eighth of the time that converting the number does. */
const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function hex8(value: number): string {
  const high = `${hexPairs[value >>> 24]}${hexPairs[(value >>> 16) & 255]}`
  return `${high}${hexPairs[(value >>> 8) & 255]}${hexPairs[value & 255]}`
}

/**
 * Writes one line at `at` and returns the offset behind it, with the line's sum.
 * The caller has made room: lineBytesMax(body) is always enough.
 */
export function writeLine(
  into: Buffer,
  at: number,
  body: string,
  link: number,
  join: Join,
): { end: number; sum: number } {
  const bodyEnd = at + into.write(body, at)
  const sum = crc32(into.subarray(at, bodyEnd))
  const tail = join === 'link' ? linkTail : syncTail
  tail.copy(into, bodyEnd)
  writeHex(into, bodyEnd + sumAt, sum)
  writeHex(into, bodyEnd + linkAt, link)
  return { end: bodyEnd + tail.length, sum }
}

/** Links the line that ends at `end` (its newline) to another predecessor. Its body and sum stay as they are. */
export function relink(bytes: Buffer, end: number, link: number): void {
  const tail = end - tailBytes
  linkTail.copy(bytes, tail + joinAt, joinAt, linkAt)
  writeHex(bytes, tail + linkAt, link)
}

/** Upper bound of a line's bytes: a UTF-16 unit is at most 3 bytes of UTF-8. */
export function lineBytesMax(body: string): number {
  return body.length * 3 + tailBytes + 1
}

function writeHex(into: Buffer, at: number, value: number): void {
  for (let digit = 7, rest = value >>> 0; digit >= 0; digit--, rest >>>= 4) {
    into[at + digit] = hexDigits[rest & 15] as number
  }
}

/** Eight lower-case hexadecimal digits, or -1. Upper case is damage: it is one flipped bit away. */
function readHex(from: Buffer, at: number): number {
  let value = 0
  for (let digit = 0; digit < 8; digit++) {
    const nibble = hexValues[from[at + digit] as number] as number
    if (nibble < 0) return -1
    value = value * 16 + nibble
  }
  return value
}

export interface CheckedLine {
  readonly sum: number
  readonly link: number
  readonly join: Join
}

/** Checks the line from[start, end) (end is at its newline) alone; undefined when it isn't what was written. */
export function checkLine(from: Buffer, start: number, end: number): CheckedLine | undefined {
  const line = lineTail(from, start, end)
  if (line === undefined) return undefined
  return crc32(from.subarray(start, end - tailBytes)) === line.sum ? line : undefined
}

/** What the line from[start, end) says of itself, without looking whether it is so; undefined when it has no valid tail. */
export function lineTail(from: Buffer, start: number, end: number): CheckedLine | undefined {
  const bodyEnd = end - tailBytes
  if (bodyEnd <= start) return undefined
  const join = tailJoin(from, bodyEnd)
  if (join === undefined) return undefined
  const sum = readHex(from, bodyEnd + sumAt)
  const link = readHex(from, bodyEnd + linkAt)
  return sum < 0 || link < 0 ? undefined : { sum, link, join }
}

/** The sum that stands in the line that ends at `end`; -1 when there are no digits where it should be. */
export function lineSum(from: Buffer, end: number): number {
  return readHex(from, end - tailBytes + sumAt)
}

/** Whether the line that ends at `end` has a valid tail and is linked to the line that ends at `before`, which has one. */
export function isLinkedTo(from: Buffer, end: number, before: number): boolean {
  const at = end - tailBytes
  const sum = before - tailBytes + sumAt
  return tailJoin(from, at) !== undefined && isSame(from, at + linkAt - sum, from, sum, sum + 8)
}

function tailJoin(from: Buffer, at: number): Join | undefined {
  const tail = from[at + joinAt + 1] === 0x6c /* l */ ? linkTail : syncTail
  const isWhole =
    isSame(from, at, tail, 0, sumAt) &&
    isSame(from, at, tail, sumAt + 8, linkAt) &&
    isSame(from, at, tail, linkAt + 8, tailBytes)
  if (!isWhole) return undefined
  return tail === linkTail ? 'link' : 'sync'
}

/** Whether text[start, end) stands in `from`, where `at` is the place of text[0]. A native call would take longer. */
function isSame(from: Buffer, at: number, text: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (from[at + index] !== text[index]) return false
  return true
}

export type LineKind = 'event' | 'control' | 'header'

/** By the first key, whose first letter stands at a fixed place. The line was checked before. */
export function lineKind(from: Buffer, start: number): LineKind | undefined {
  switch (from[start + 2]) {
    case 0x70: // p
      return 'event'
    case 0x63: // c
      return 'control'
    case 0x68: // h
      return 'header'
    default:
      return undefined
  }
}

const kindAt = '{"control":'.length
const removedKind: Buffer = Buffer.from('"removed"')

/** Whether the control record in a checked line stands for removed events: most that are passed by don't. */
export function isRemovedStub(from: Buffer, start: number): boolean {
  return isSame(from, start + kindAt, removedKind, 0, removedKind.length)
}

interface EventJson {
  readonly position: number
  readonly stream: string
  readonly seq: number
  readonly time: number
  readonly type: string
  readonly version?: number
  readonly blobs?: readonly string[]
  readonly data: unknown
  readonly meta?: unknown
  readonly more?: true
}

/** What `parse` gives; undefined when the text is not JSON. It may do nothing that could fail for another reason. */
export function ifJson<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined // a sound checksum doesn't make it well-formed: the caller tells
  }
}

/** What stands in a line that matches its checksum: no disk makes another text of it, only a program that is not ours. */
export function parseSound(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HoldfastError('DAMAGED', `a line matches its checksum and is no JSON: ${text.slice(0, 120)}`, {
      hint: 'Run verify() to see where it stands. Restore a backup, or choose what to give up with repair().',
      details: { kind: 'line-content' },
      cause: error,
    })
  }
}

/** The event in a checked line (text without newline). */
export function parseEventLine(line: string, withText: boolean): RawEvent {
  const json = parseSound(line) as EventJson & { readonly sum: string }
  const event = eventOf(json, json.sum, line.includes('"$'))
  return withText ? { ...event, text: `${line.slice(0, -tailBytes)}}` } : event
}

/** The event in an encoded text (a body with its closing brace), as exports and other stores keep it. */
export function parseEventText(text: string, sum: string, withText: boolean = true): RawEvent {
  const event = eventOf(parseSound(text) as EventJson, sum, text.includes('"$'))
  return withText ? { ...event, text } : event
}

function eventOf(json: EventJson, sum: string, tagged: boolean): RawEvent {
  return {
    position: json.position,
    stream: json.stream,
    seq: json.seq,
    time: json.time,
    type: json.type,
    version: json.version ?? 1,
    data: json.data,
    meta: json.meta,
    blobs: json.blobs ?? noBlobs,
    sum,
    tagged,
    more: json.more === true,
  }
}

/** The control record in a checked line. `more` and the two checksums are taken off. */
export function parseControlLine(line: string): { control: Control; more: boolean } {
  const body = line.slice(0, -tailBytes)
  const more = body.endsWith(moreField)
  return { control: parseSound(`${more ? body.slice(0, -moreField.length) : body}}`) as Control, more }
}
const moreField = ',"more":true'

/** Whether the checked line is followed by another of its batch: `,"more":true` stands right before the tail. */
export function lineHasMore(from: Buffer, start: number, end: number): boolean {
  const at = end - tailBytes - moreText.length
  return at > start && isSame(from, at, moreText, 0, moreText.length)
}
const moreText: Buffer = Buffer.from(moreField)

/** Offset of the newline at or after `from`, or -1. */
export function lineEnd(bytes: Buffer, from: number): number {
  return bytes.indexOf(newline, from)
}
