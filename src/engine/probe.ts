// Proves that the journal's disk still keeps what it is given: writes a record that says nothing, makes it durable, and
// reads the log's last line back through a descriptor that has never seen it.

import type { ByteOffset } from '../core/numbers.ts'
import { checkLine, lineEnd, tailBytes } from '../core/record.ts'
import type { DiskFile } from '../disks/disk.ts'
import { readFully } from '../disks/whole-io.ts'
import { segmentPath } from './layout.ts'
import { lineBytesMax } from './line-reader.ts'
import type { LogView } from './log-view.ts'
import { damaged } from './segment.ts'
import type { Writer } from './writer.ts'

const newline = 0x0a
/** Appends at the same time may have made another line the last one, so the first guess may be too short. */
const readBytesFirst = 4_096
/** The longest line, with its newline and the one before it. */
const readBytesMax = lineBytesMax + 2

/** Throws what the writer or the disk says, or DAMAGED when what is read back isn't what was written. */
export async function probeDisk(log: LogView, writer: Writer): Promise<void> {
  await writer.control((time) => [{ control: 'witness', time }])
  const { name, bytes } = writer.active
  const path = segmentPath(name)
  const file = await log.disk.open(path, { mode: 'read' })
  try {
    const line = await lastLine(file, bytes)
    if (line !== undefined && checkLine(line, 0, line.length) !== undefined) return
  } finally {
    await file.close()
  }
  throw damaged(log.disk, path, bytes, 'line-checksum', 'what was just written reads back as something else')
}

/** The line that ends at `end`, without its newline; undefined when none does. */
async function lastLine(file: DiskFile, end: ByteOffset): Promise<Buffer | undefined> {
  for (let size = readBytesFirst; ; size = Math.min(size * 8, readBytesMax)) {
    const from = Math.max(0, end - size)
    const buffer = Buffer.allocUnsafe(end - from)
    const filled = buffer.subarray(0, await readFully(file, buffer, from))
    if (filled.length < end - from || filled.at(-1) !== newline) return undefined
    const before = filled.lastIndexOf(newline, filled.length - 1 - tailBytes)
    if (before >= 0 || from === 0) {
      const start = before + 1
      return filled.subarray(start, lineEnd(filled, start))
    }
    if (size === readBytesMax) return undefined
  }
}
