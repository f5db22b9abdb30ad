// Where the log ends: what of the newest segment is sound, by the recovery table, and what hangs over at the one before.
// Judging changes nothing; a log whose end can't be what was written is refused here.

import type { ParsedHeader } from '../core/header.ts'
import { judgeTail } from '../core/recovery-table.ts'
import type { Disk } from '../disks/disk.ts'
import type { Catalog } from './catalog.ts'
import type { DurablePlace } from './durable-mark.ts'
import { compareNames, segmentPath } from './layout.ts'
import { damaged, type Segment } from './segment.ts'
import { cutFile, setAside } from './set-aside.ts'
import { scanTail, type Tail, type TailStart } from './tail-scan.ts'

/** What of the active segment is sound, and what the table says is to be done about the rest. */
export interface ActiveEnd {
  readonly segment: Segment
  readonly header: ParsedHeader
  readonly tail: Tail
  readonly verdict: ReturnType<typeof judgeTail>
}

/** `mark` is the published durable place, read before the segments were listed. */
export async function judgeActive(disk: Disk, segment: Segment, mark: DurablePlace | undefined): Promise<ActiveEnd> {
  if (mark !== undefined && compareNames(mark.segment, segment.facts.name) > 0) {
    const path = segmentPath(mark.segment)
    throw damaged(disk, path, 0, 'segment-missing', 'a segment that held durable data is gone')
  }
  return segment.with(async (file) => {
    const header = await segment.header()
    const tail = await scanTail(file, await file.size(), tailStart(segment, header, mark))
    const verdict = judgeTail(tail)
    if (!verdict.then.refuse) return { segment, header, tail, verdict }
    const at = tail.badAt ?? Math.min(tail.fileBytes, tail.complete)
    const kind = tail.fileBytes < tail.witness ? 'segment-short' : 'line-checksum'
    throw damaged(disk, segment.path, at, kind, verdict.why)
  })
}

function tailStart(segment: Segment, header: ParsedHeader, mark: DurablePlace | undefined): TailStart {
  const floor = header.bytes + header.header.carried
  if (mark !== undefined && mark.segment === segment.facts.name && mark.bytes >= floor) {
    return { from: mark.bytes, witness: mark.bytes, position: mark.position }
  }
  return { from: header.bytes, witness: floor, position: header.header.first - 1 }
}

/** A sealed segment may be longer than sealed: the rest of an interrupted cut, or of a superseded writer. */
export async function trimExcess(disk: Disk, catalog: Catalog): Promise<void> {
  const segment = catalog.sealed.at(-1)
  const sealed = segment?.facts.sealed
  if (segment === undefined || sealed === undefined) return
  if (!disk.existsNow(segment.path)) return // a rewrite may have been cut off; checkPresence has the last word
  const file = await disk.open(segment.path, { mode: 'read' })
  try {
    const size = await file.size()
    if (size <= sealed.bytes) return
    await setAside(disk, { file, name: segment.facts.name, from: sealed.bytes, to: size })
  } finally {
    await file.close()
  }
  await cutFile(disk, segment.path, sealed.bytes)
}
