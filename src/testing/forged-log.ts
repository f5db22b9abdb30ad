// A journal's files with sound checksums and any content: what somebody could make who knows the format, or a defective
// program. Segments are linked and named as they must be, unless a part says otherwise.

import { createHash } from 'node:crypto'
import { headerBody, type SealedSegment, type SegmentHeader } from '../core/header.ts'
import { bodySum, hex8, lineBytesMax, writeLine } from '../core/record.ts'
import type { Files } from './sample-journal.ts'

export const forgedIds: { readonly journal: string; readonly epoch: string } = {
  journal: 'a'.repeat(32),
  epoch: 'b'.repeat(32),
}

export interface ForgedSegment {
  /** Bodies of the lines behind the header: JSON objects without their last brace, or bytes as they are. */
  readonly lines: readonly (string | Buffer)[]
  readonly header?: Partial<SegmentHeader>
  /** What the header is linked to, instead of the last line of the segment before. */
  readonly link?: number
}

/** A directory whose segments begin at position 1 and at each next one's `first`. */
export function forgedJournal(segments: readonly ForgedSegment[]): Files {
  const files = new Map<string, Buffer>([['journal.json', identity()]])
  let previous: SealedSegment | null = null
  let sum = 0
  for (const [index, segment] of segments.entries()) {
    const first = segment.header?.first ?? index + 1
    const fields = { ...forgedIds, segment: index + 1, first, fence: 0, time: 1, previous, carried: 0 }
    const { bytes, lastSum } = linked(headerBody({ ...fields, ...segment.header }), segment, segment.link ?? sum)
    const name = `${String(first).padStart(20, '0')}.jsonl`
    files.set(`segments/${name}`, bytes)
    previous = { name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
    sum = lastSum
  }
  return files
}

export function forgedEvent(position: number, fields: Readonly<Record<string, unknown>> = {}): string {
  const event = { position, stream: 's', seq: position, time: 5, type: 't', data: null, ...fields }
  return JSON.stringify(event).slice(0, -1)
}

export function forgedControl(control: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(control).slice(0, -1)
}

function linked(header: string, { lines }: ForgedSegment, link: number): { bytes: Buffer; lastSum: number } {
  const parts: Buffer[] = []
  let sum = link
  for (const body of [header, ...lines]) {
    if (typeof body !== 'string') {
      parts.push(body)
      continue
    }
    const bytes = Buffer.alloc(lineBytesMax(body))
    const written = writeLine(bytes, 0, body, sum, 'link')
    parts.push(bytes.subarray(0, written.end))
    sum = written.sum
  }
  return { bytes: Buffer.concat(parts), lastSum: sum }
}

function identity(): Buffer {
  const body = JSON.stringify({ holdfast: 1, ...forgedIds, created: 1, lock: 'memory' }).slice(0, -1)
  return Buffer.from(`${body},"sum":"${hex8(bodySum(body))}"}\n`)
}
