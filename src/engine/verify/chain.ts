// The chain of segments: each header names the file before with its length and SHA-256. From the headers follows how
// much of each file is journal; from the scans, whether the files are what the headers say. A file that retention
// rewrote is vouched for by a `rewrite` record instead, which may stand anywhere behind it.

import type { RewriteControl } from '../../core/control.ts'
import type { ParsedHeader, SealedSegment } from '../../core/header.ts'
import type { ByteOffset } from '../../core/numbers.ts'
import type { Disk, DiskFile } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { parseSegmentName, segmentPath } from '../layout.ts'
import { readHeader } from '../segment.ts'
import { looking } from './disk-trouble.ts'
import type { Findings } from './findings.ts'
import type { ScanSums } from './segment-scan.ts'

export interface Link {
  readonly name: string
  readonly path: string
  readonly fileBytes: ByteOffset
  /** undefined: there is no valid one. */
  readonly header: ParsedHeader | undefined
  /** Not a segment of this journal at this place, or not readable: it is told, and not looked at any further. */
  readonly isForeign: boolean
}

export interface JournalIds {
  readonly journal: string
  readonly epoch: string
}

/** Reads a segment's header and says what is wrong with it. `ids` undefined: nobody knows whose journal this is. */
export async function readLink(
  disk: Disk,
  name: string,
  ids: JournalIds | undefined,
  findings: Findings,
): Promise<Link> {
  const path = segmentPath(name)
  const found = await looking(findings, path, () => readStart(disk, path))
  if (found.value === 'missing') {
    findings.damage('segment-missing', path, 'the segment is not there: its events are lost', {
      offset: 0,
      repair: 'cut',
    })
  }
  if (found.value === undefined || found.value === 'missing')
    return { name, path, fileBytes: 0, header: undefined, isForeign: true }
  const { fileBytes, header } = found.value
  if (header === undefined) {
    const message =
      'the segment has no valid header: it can not be told where it belongs, and the journal does not open'
    findings.damage('segment-header', path, message, { offset: 0, repair: 'cut' })
    return { name, path, fileBytes, header, isForeign: false }
  }
  const isForeign = !isFrom(header, ids) || header.header.first !== parseSegmentName(name)?.first
  if (isForeign) {
    const message = `this is a segment of another journal, history or place (journal ${header.header.journal}, from position ${header.header.first})`
    findings.damage('segment-foreign', path, message, { offset: 0, repair: 'foreign' })
  }
  return { name, path, fileBytes, header, isForeign }
}

async function readStart(disk: Disk, path: string) {
  let file: DiskFile
  try {
    file = await disk.open(path, { mode: 'read' })
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return 'missing'
    throw error
  }
  try {
    return { fileBytes: await file.size(), header: await readHeader(file, `${disk.label}/${path}`) }
  } finally {
    await file.close()
  }
}

function isFrom({ header }: ParsedHeader, ids: JournalIds | undefined): boolean {
  return ids === undefined || (header.journal === ids.journal && header.epoch === ids.epoch)
}

/** What of a sealed segment is journal: as the next one says, or all of it when it was rewritten. */
export function sealedBytes(link: Link, next: Link | undefined): ByteOffset {
  if (link.header?.header.rewritten !== undefined) return link.fileBytes
  const previous = next?.header?.header.previous
  return previous?.name === link.name ? previous.bytes : link.fileBytes
}

export interface Scanned {
  readonly link: Link
  /** How much of the file is journal. */
  readonly bytes: ByteOffset
  /** undefined: it was not scanned. */
  readonly sums: ScanSums | undefined
  /** Its header was found not to fit, so its digest can't fit either. */
  isOff: boolean
}

/** How two neighbours fit, when both were scanned and every rewrite is known. */
export function checkNeighbours(
  before: Scanned | undefined,
  after: Scanned,
  rewrites: ReadonlyMap<string, RewriteControl>,
  findings: Findings,
): void {
  if (after.link.isForeign || after.link.header === undefined) return
  const { header, link } = after.link.header
  const { previous } = header
  if (before === undefined) {
    if (previous === null && header.segment === 1) {
      if (link !== 0) tellOff(after, 'the first header is linked to something, and nothing stands before it', findings)
      return
    }
    const message = `segment ${header.segment} is the oldest file, but others came before it: ${previous?.name ?? 'they'} and all that it held is lost`
    findings.damage('segment-missing', segmentPath(previous?.name ?? after.link.name), message, { offset: 0 })
    return
  }
  const rewrite = rewrites.get(before.link.name)
  const wasRewritten = before.link.header?.header.rewritten !== undefined
  // A rewritten segment that a cut made the newest again was sealed anew since, and is named as it is.
  if (!wasRewritten || (rewrite === undefined && previous?.name === before.link.name)) {
    checkPlain(before, after, link, findings)
    return
  }
  const sealed = sealedBefore(before, rewrite, findings)
  if (sealed === undefined) return
  if (previous === null || previous.name !== sealed.name || previous.sha256 !== sealed.sha256) {
    tellMissing(before.link, after.link, previous, findings)
  }
}

/** What the segment behind a rewritten one must say of it. Checks the rewritten file on the way. */
function sealedBefore(
  { link, sums }: Scanned,
  rewrite: RewriteControl | undefined,
  findings: Findings,
): SealedSegment | undefined {
  if (rewrite === undefined) {
    const message = 'the segment says that it was rewritten, but no record in the log vouches for that'
    findings.damage('rewrite-unknown', link.path, message, { offset: 0 })
    return undefined
  }
  if (sums?.sha256 !== undefined && sums.sha256 !== rewrite.sha256) {
    const message = `the rewritten segment's SHA-256 is not what its rewrite record says: its content was replaced`
    findings.damage('segment-digest', link.path, message, { offset: 0 })
  }
  const [name, bytes, sha256] = rewrite.sealed
  return { name, bytes, sha256 }
}

function checkPlain(before: Scanned, after: Scanned, link: number, findings: Findings): void {
  const { name, header } = after.link
  const previous = header?.header.previous ?? null
  if (previous === null || previous.name !== before.link.name) {
    tellMissing(before.link, after.link, previous, findings)
    return
  }
  const { sha256, lastSum } = before.sums ?? {}
  if (sha256 === undefined || before.isOff || before.link.fileBytes < previous.bytes) return
  if (sha256 !== previous.sha256) {
    const message = `its SHA-256 is not what ${name} says, though each line is valid: its content was replaced`
    findings.damage('segment-digest', before.link.path, message, { offset: 0 })
  } else if (lastSum !== undefined && lastSum !== link) {
    tellOff(after, `it does not follow the last line of ${before.link.name}`, findings)
  }
}

function tellOff(after: Scanned, message: string, findings: Findings): void {
  findings.damage('line-link', after.link.path, message, { offset: 0 })
  after.isOff = true
}

function tellMissing(before: Link, after: Link, previous: SealedSegment | null, findings: Findings): void {
  const name = previous?.name
  const message =
    name === undefined || name === before.name
      ? `${after.name} does not follow ${before.name}: a segment between them is missing, or one of them was replaced`
      : `${after.name} follows ${name}, which is not there: its events are lost, and the journal does not open`
  findings.damage('segment-missing', segmentPath(name ?? after.name), message, { offset: 0, repair: 'cut' })
}
