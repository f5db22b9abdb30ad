// Moves what recovery found readable above the last witness into a new segment. The lines keep their bodies and sums;
// only what links them changes. Bare witnesses stay behind: they witness the file in which they stand.

import type { ByteOffset } from '../core/numbers.ts'
import { checkLine, lineEnd, relink } from '../core/record.ts'
import type { DiskFile } from '../disks/disk.ts'
import { readFully } from '../disks/whole-io.ts'
import { assert } from '../errors.ts'

const witnessStart: Buffer = Buffer.from('{"control":"witness"')

export interface Carried {
  readonly bytes: Buffer
  readonly lastSum: number
}

/** The lines of file[from, to), all of them checked before, as a function of what they shall be linked to. */
export async function carriedLines(
  file: DiskFile,
  range: { readonly from: ByteOffset; readonly to: ByteOffset },
): Promise<(link: number) => Carried> {
  const found = Buffer.allocUnsafe(range.to - range.from)
  const count = await readFully(file, found, range.from)
  assert(count === found.length, 'what was scanned can be read again')
  const lines: Buffer[] = []
  for (let start = 0; start < found.length; ) {
    const end = lineEnd(found, start)
    const line = found.subarray(start, end + 1)
    if (line.compare(witnessStart, 0, witnessStart.length, 0, witnessStart.length) !== 0) lines.push(line)
    start = end + 1
  }
  const kept = Buffer.concat(lines)
  return (link) => linkLines(kept, link)
}

/** The same lines, each linked to the one before, the first to `link`. */
export function linkLines(lines: Buffer, link: number): Carried {
  const bytes = Buffer.from(lines)
  let previous = link
  for (let start = 0; start < bytes.length; ) {
    const end = lineEnd(bytes, start)
    const line = checkLine(bytes, start, end)
    assert(line !== undefined, 'only checked lines are carried')
    relink(bytes, end, previous)
    previous = line.sum
    start = end + 1
  }
  return { bytes, lastSum: previous }
}
