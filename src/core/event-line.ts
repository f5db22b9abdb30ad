// Reading an event's line without parsing the whole of it. What stands before the payload has a fixed order and is read
// byte by byte; recovery and the making of an index need no more, and a reader parses the payload alone. Both are several
// times as fast as JSON.parse of the line. What isn't plain (escapes in a name, blobs, meta) is parsed whole.
// Invariant: the answer is the one that parsing the whole line gives.

import { never } from '../errors.ts'
import type { RawEvent } from '../stores/store.ts'
import { NameCache } from './name-cache.ts'
import type { Position, Seq, TimeMs } from './numbers.ts'
import { lineHasMore, noBlobs, parseEventLine, parseSound, tailBytes } from './record.ts'

export interface EventStart {
  readonly position: Position
  readonly stream: string
  readonly seq: Seq
  readonly time: TimeMs
  readonly type: string
  readonly blobs: readonly string[]
}

const positionKey: Buffer = Buffer.from('{"position":')
const streamKey: Buffer = Buffer.from(',"stream":"')
const seqKey: Buffer = Buffer.from('","seq":')
const timeKey: Buffer = Buffer.from(',"time":')
const typeKey: Buffer = Buffer.from(',"type":"')
const versionKey: Buffer = Buffer.from('","version":')
const dataKey: Buffer = Buffer.from('","data":')
/** Behind a version, which ends without a quote. */
const dataKeyAfterVersion: Buffer = dataKey.subarray(1)
/** Bytes of `,"sum":"xxxxxxxx`. */
const sumBytes: number = ',"sum":"xxxxxxxx'.length
const sumDigits = 8
const quote = 0x22
const backslash = 0x5c
const space = 0x20
const zero = 0x30
const nine = 0x39
const letterE = 0x65
/** More digits may not be the number that parsing gives. */
const digitsMax = 15

/** The line buffer[start, end) was checked before and is an event's. */
export function eventStart(buffer: Buffer, start: number, end: number): EventStart {
  if (!scan.read(buffer, start, end)) return startParsedWhole(buffer, start, end)
  const { position, stream, seq, time, type } = scan
  return { position, stream, seq, time, type, blobs: noBlobs }
}

/** The same line as an event. `withText`: with its encoded text. */
export function eventIn(buffer: Buffer, start: number, end: number, withText: boolean): RawEvent {
  if (withText || !scan.read(buffer, start, end)) {
    return parseEventLine(buffer.toString('utf8', start, end), withText)
  }
  const { position, stream, seq, time, type, version } = scan
  const bodyEnd = end - tailBytes
  // Only a payload that ends with `true` can be followed by `,"more":true`, or be taken for it.
  const more = buffer[bodyEnd - 1] === letterE && lineHasMore(buffer, start, end)
  const rest = buffer.toString('utf8', scan.dataAt, bodyEnd + sumBytes)
  const text = rest.slice(0, rest.length - (more ? moreBytes + sumBytes : sumBytes))
  const data = payloadIn(text)
  if (data === unparsed) return parseEventLine(buffer.toString('utf8', start, end), false)
  const sum = rest.slice(-sumDigits)
  const tagged = text.includes('$') && text.includes('"$') // looking for one character is much cheaper
  return { position, stream, seq, time, type, version, data, meta: undefined, blobs: noBlobs, sum, tagged, more }
}

const moreBytes: number = ',"more":true'.length
export const unparsed: unique symbol = Symbol('unparsed')

/** Whether the line before had meta: then this one may have it too, and looking first is cheaper than failing to parse. */
let expectsMeta = false

/** The value, or `unparsed` when something stands behind it: the whole line is to be parsed, which also tells damage. */
export function payloadIn(text: string): unknown {
  if (expectsMeta) {
    expectsMeta = text.includes(',"meta":')
    if (expectsMeta) return unparsed
  }
  try {
    return JSON.parse(text)
  } catch {
    expectsMeta = true
    return unparsed
  }
}

/** The one that is used for every line: nothing of it is needed any more when the next line is read. */
const scan = new (class StartScan {
  readonly #streams: NameCache = new NameCache()
  readonly #types: NameCache = new NameCache()
  #at = 0
  position: Position = 0
  stream = ''
  seq: Seq = 0
  time: TimeMs = 0
  type = ''
  version = 1
  /** Where the payload begins; the line has a version or nothing between type and payload. */
  dataAt = 0

  /** False when the line is not plain, and has to be parsed whole. */
  read(buffer: Buffer, start: number, end: number): boolean {
    this.#at = start
    if (!this.#passes(buffer, positionKey)) return false
    this.position = this.#number(buffer)
    if (this.position < 0 || !this.#passes(buffer, streamKey)) return false
    const stream = this.#name(buffer, end, this.#streams)
    if (stream === undefined || !this.#passes(buffer, seqKey)) return false
    this.stream = stream
    this.seq = this.#number(buffer)
    if (this.seq < 0 || !this.#passes(buffer, timeKey)) return false
    this.time = this.#number(buffer)
    if (this.time < 0 || !this.#passes(buffer, typeKey)) return false
    const type = this.#name(buffer, end, this.#types)
    if (type === undefined) return false
    this.type = type
    return this.#toData(buffer)
  }

  /** The payload follows the type, or the version, which is only written where it isn't 1. */
  #toData(buffer: Buffer): boolean {
    this.version = 1
    let isPlain = this.#passes(buffer, dataKey)
    if (!isPlain && this.#passes(buffer, versionKey)) {
      this.version = this.#number(buffer)
      isPlain = this.version >= 0 && this.#passes(buffer, dataKeyAfterVersion)
    }
    this.dataAt = this.#at
    return isPlain
  }

  /** Whether these bytes stand here; then the place moves behind them. */
  #passes(buffer: Buffer, expected: Buffer): boolean {
    const start = this.#at
    const { length } = expected
    for (let at = 0; at < length; at++) if (buffer[start + at] !== expected[at]) return false
    this.#at = start + length
    return true
  }

  /** The digits that stand here, and the place moves behind them; -1 when they are no plain number. */
  #number(buffer: Buffer): number {
    const start = this.#at
    let at = start
    let value = 0
    for (let byte = buffer[at] as number; byte >= zero && byte <= nine; byte = buffer[++at] as number) {
      value = value * 10 + (byte - zero)
    }
    this.#at = at
    const digits = at - start
    const isPlain = digits === 1 || (digits > 1 && digits <= digitsMax && buffer[start] !== zero)
    return isPlain ? value : -1
  }

  /** The text that begins here; the place moves to its closing quote. Undefined when it is not plain. */
  #name(buffer: Buffer, end: number, cache: NameCache): string | undefined {
    const start = this.#at
    let hash = 0
    let all = 0
    let lowest = 0
    for (let at = start; at < end; at++) {
      const byte = buffer[at] as number
      if (byte === quote) {
        if (lowest < 0) return undefined
        this.#at = at
        return all < 0x80 ? cache.ascii(buffer, start, at, hash) : buffer.toString('utf8', start, at)
      }
      if (byte === backslash) return undefined
      all |= byte
      lowest |= byte - space // negative as soon as one is a control character
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    return never('behind each name of a line a quote follows, if only that of its sum')
  }
})()

function startParsedWhole(buffer: Buffer, start: number, end: number): EventStart {
  const json = parseSound(buffer.toString('utf8', start, end)) as Omit<EventStart, 'blobs'> & {
    readonly blobs?: readonly string[]
  }
  const { position, stream, seq, time, type, blobs = noBlobs } = json
  return { position, stream, seq, time, type, blobs }
}
