// A segment's header: the first line of each log file (FORMAT.md, section 2). Pure.

import { HoldfastError } from '../errors.ts'
import type { Position, TimeMs } from './numbers.ts'
import { checkLine, ifJson, lineKind } from './record.ts'

export const formatVersion = 1

export interface SealedSegment {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

export interface SegmentHeader {
  readonly journal: string
  readonly epoch: string
  readonly segment: number
  readonly first: Position
  readonly fence: number
  readonly time: TimeMs
  readonly previous: SealedSegment | null
  readonly carried: number
  readonly rewritten?: string
}

export function headerBody(header: SegmentHeader): string {
  const { journal, epoch, segment, first, fence, time, previous, carried, rewritten } = header
  const fields = { holdfast: formatVersion, journal, epoch, segment, first, fence, time, previous, carried, rewritten }
  return JSON.stringify(fields).slice(0, -1)
}

export interface ParsedHeader {
  readonly header: SegmentHeader
  readonly sum: number
  readonly link: number
  /** Length of the header's line with its newline. */
  readonly bytes: number
}

/** The header in a file's first bytes; undefined when they don't hold a valid one. */
export function parseHeader(bytes: Buffer, lineEnd: number, file: string): ParsedHeader | undefined {
  const line = checkLine(bytes, 0, lineEnd)
  if (line === undefined || lineKind(bytes, 0) !== 'header') return undefined
  const text = bytes.toString('utf8', 0, lineEnd)
  const json = ifJson(() => JSON.parse(text) as SegmentHeader & { readonly holdfast: number })
  if (json === undefined) return undefined
  refuseNewer(json.holdfast, file)
  return { header: json, sum: line.sum, link: line.link, bytes: lineEnd + 1 }
}

export function refuseNewer(version: unknown, file: string): void {
  if (typeof version === 'number' && version > formatVersion) {
    throw new HoldfastError(
      'NEWER_FORMAT',
      `${file} has format ${version}; this release reads up to ${formatVersion}`,
      {
        hint: 'Upgrade holdfast to open this journal.',
        details: { file, version },
      },
    )
  }
}
