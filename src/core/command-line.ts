// Reading a command's record without parsing it. A log that was not closed may end with ten thousands of them, and an
// opening needs their ids and times alone: what else they say is parsed when somebody asks for that one command. So the
// line is compared with the one form that releases write; what differs in a single byte is parsed whole. By a pattern, because
// an opening comes first in a process: a pattern is quick from its first use on, a loop over bytes only when it is warm.
// Invariant: the text is canonical. Parsing it gives what parsing the line gives, and writing that gives the text again.

import type { TimeMs } from './numbers.ts'
import { tailBytes } from './record.ts'

export interface CommandStart {
  readonly id: string
  readonly time: TimeMs
  /** The record as JSON, as controlBody() wrote it. */
  readonly text: string
}

/** Longer ones are few, and a pattern that repeats a group keeps a note of each turn. */
const textBytesMax = 4_096
/** ASCII that stands in JSON as it is. */
const plain = '[\\x20!#-\\x5b\\x5d-\\x7f]*'
/** More digits may not be the number that parsing gives. */
const digits = '(?:0|[1-9][0-9]{0,14})'
const place = `\\["${plain}",${digits},${digits}\\]`
const form = new RegExp(
  `^\\{"control":"command","id":"(${plain})","time":(${digits}),"digest":"${plain}","position":${digits},` +
    `"events":\\[(?:${place}(?:,${place})*)?\\](,"more":true)?$`,
)
/** Where the word stands that tells a command from other records. */
const kindAt = '{"control":"'.length
const letterC = 0x63
const letterM = 0x6d
const moreLength = ',"more":true'.length

/** The line buffer[from, end) was checked before. Undefined when it is another record, or has to be parsed whole. */
export function commandStart(buffer: Buffer, from: number, end: number): CommandStart | undefined {
  const bodyEnd = end - tailBytes
  const mayBe = buffer[from + kindAt] === letterC && buffer[from + kindAt + 2] === letterM
  if (!mayBe || bodyEnd - from > textBytesMax) return undefined
  const body = buffer.toString('latin1', from, bodyEnd)
  const found = form.exec(body)
  if (found === null) return undefined
  const [, id, time, more] = found as unknown as readonly [string, string, string, string | undefined]
  return { id, time: Number(time), text: `${more === undefined ? body : body.slice(0, -moreLength)}}` }
}
