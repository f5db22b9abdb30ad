// Blob content that rides in the log: reads the record at its place and verifies everything that can be verified, the
// line by its checksum and the content by its digest.

import type { ByteOffset } from '../core/numbers.ts'
import { checkLine, lineEnd, lineKind, parseControlLine } from '../core/record.ts'
import { readFully } from '../disks/whole-io.ts'
import { sha256 } from './chunk-files.ts'
import { folders } from './layout.ts'
import { type LogView, readableBytes } from './log-view.ts'
import { damaged, type Segment } from './segment.ts'

/** The record's line beyond its base64: names, digest, length, checksums. */
const frameBytesMax = 512

export interface RecordPlace {
  readonly bytes: number
  readonly at: readonly [segment: number, offset: ByteOffset]
}

/** DAMAGED when the record isn't where the state says, or isn't the blob. */
export async function readBlobRecord(log: LogView, digest: string, place: RecordPlace): Promise<Buffer> {
  const { bytes } = place
  const [number, offset] = place.at
  const segment = log.catalog.byNumber(number)
  if (segment === undefined) {
    throw damaged(
      log.disk,
      folders.segments,
      0,
      'blob-missing',
      `segment ${number}, which holds blob ${digest}, is not there`,
    )
  }
  const line = await recordLine(log, segment, offset, Math.ceil(bytes / 3) * 4 + frameBytesMax)
  if (line === undefined || checkLine(line, 0, line.length) === undefined) {
    throw damaged(log.disk, segment.path, offset, 'line-checksum', 'the line does not match its checksum')
  }
  const control = lineKind(line, 0) === 'control' ? parseControlLine(line.toString('utf8')).control : undefined
  if (control?.control !== 'blob' || control.digest !== digest || control.data === undefined) {
    throw damaged(log.disk, segment.path, offset, 'line-misplaced', `expected the record of blob ${digest}`)
  }
  const content = Buffer.from(control.data, 'base64')
  if (content.length === bytes && sha256(content) === digest) return content
  throw damaged(log.disk, segment.path, offset, 'blob-digest', `the content in the record is not blob ${digest}`)
}

async function recordLine(
  log: LogView,
  segment: Segment,
  offset: number,
  bytesMax: number,
): Promise<Buffer | undefined> {
  return segment.with(async (file) => {
    const room = Math.max(0, readableBytes(segment, log.durableEnd()) - offset)
    const buffer = Buffer.allocUnsafe(Math.min(room, bytesMax))
    const filled = buffer.subarray(0, await readFully(file, buffer, offset))
    const end = lineEnd(filled, 0)
    return end < 0 ? undefined : filled.subarray(0, end)
  })
}
