// Reading an event's text where it is known which event must stand there, as in a table that has its numbers and names in
// columns. What stands before the payload is compared instead of parsed, and the payload parsed alone: half the time that
// parsing the whole text takes. What isn't plain (a version, blobs, meta) is parsed whole.
// Invariant: the answer is the one that parsing the whole text and comparing its fields gives.

import type { RawEvent } from '../stores/store.ts'
import { payloadIn, unparsed } from './event-line.ts'
import { jsonString } from './json-string.ts'
import { type EventPlaceAndTime, noBlobs, parseEventText } from './record.ts'

export interface EventPlaceAndType extends EventPlaceAndTime {
  readonly type: string
}

const positionKey = '{"position":'
const timeKey = ',"time":'
const moreEnd = ',"more":true}'
const brace = 0x7d
const letterE = 0x65
const zero = 0x30
const nine = 0x39
/** More digits may not be the number that parsing gives. */
const digitsMax = 15

/** The event in a text that matches its checksum; undefined when it is not the one of this place. */
export function eventInText(text: string, place: EventPlaceAndType, sum: string): RawEvent | undefined {
  const at = payloadAt(text, place)
  if (at < 0 || text.charCodeAt(text.length - 1) !== brace) return parsedWhole(text, place, sum)
  // Only a payload that ends with `true` can be followed by this, or be taken for it.
  const more = text.charCodeAt(text.length - 2) === letterE && text.endsWith(moreEnd)
  const payload = text.slice(at, more ? -moreEnd.length : -1)
  const data = payloadIn(payload)
  if (data === unparsed) return parsedWhole(text, place, sum)
  const { position, stream, seq, time, type } = place
  const tagged = payload.includes('$') && payload.includes('"$') // looking for one character is much cheaper
  return { position, stream, seq, time, type, version: 1, data, meta: undefined, blobs: noBlobs, sum, tagged, more }
}

function parsedWhole(text: string, place: EventPlaceAndType, sum: string): RawEvent | undefined {
  const event = parseEventText(text, sum, false)
  const isInPlace =
    event.position === place.position &&
    event.stream === place.stream &&
    event.seq === place.seq &&
    event.time === place.time &&
    event.type === place.type
  return isInPlace ? event : undefined
}

/** Where the payload begins, behind exactly this place and type; -1 when that is not what stands there, or not plainly. */
function payloadAt(text: string, { position, stream, seq, time, type }: EventPlaceAndType): number {
  if (!text.startsWith(positionKey)) return -1
  let at = numberEnd(text, positionKey.length, position)
  const streamField = streamFields.of(stream)
  if (at < 0 || !text.startsWith(streamField, at)) return -1
  at = numberEnd(text, at + streamField.length, seq)
  if (at < 0 || !text.startsWith(timeKey, at)) return -1
  at = numberEnd(text, at + timeKey.length, time)
  const typeField = typeFields.of(type)
  return at < 0 || !text.startsWith(typeField, at) ? -1 : at + typeField.length
}

/** Where the digits end that begin at `at`; -1 when they are not those of this number. */
function numberEnd(text: string, at: number, expected: number): number {
  let end = at
  let value = 0
  for (let digit = text.charCodeAt(end); digit >= zero && digit <= nine; digit = text.charCodeAt(++end)) {
    value = value * 10 + (digit - zero)
  }
  const digits = end - at
  const isPlain = digits === 1 || (digits > 1 && digits <= digitsMax && text.charCodeAt(at) !== zero)
  return isPlain && value === expected ? end : -1
}

/** Names recur: the fields that they stand in are made once. */
class Fields {
  readonly #before: string
  readonly #behind: string
  readonly #fields: Map<string, string> = new Map()

  constructor(before: string, behind: string) {
    this.#before = before
    this.#behind = behind
  }

  of(name: string): string {
    const known = this.#fields.get(name)
    if (known !== undefined) return known
    if (this.#fields.size >= fieldsMax) this.#fields.clear()
    const field = `${this.#before}${jsonString(name)}${this.#behind}`
    this.#fields.set(name, field)
    return field
  }
}

/** Of 512 bytes at most: below three megabytes. */
const fieldsMax = 4_096
const streamFields: Fields = new Fields(',"stream":', ',"seq":')
const typeFields: Fields = new Fields(',"type":', ',"data":')
