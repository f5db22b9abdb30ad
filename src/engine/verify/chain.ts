// The chain of segments: each header names the file before with its length and SHA-256. From the headers follows how
// much of each file is journal; from the scans, whether the files are what the headers say. A file that retention
// rewrote is vouched for by a `rewrite` record instead, which may stand anywhere behind it.

import type { RewriteControl } from '../../core/control.ts'
import type { ParsedHeader, SealedSegment } from '../../core/header.ts'
import type { ByteOffset } from '../../core/numbers.ts'
import type { Disk, DiskFile } from '../../disks/disk.ts'
import { parseSegmentName, segmentPath } from '../layout.ts'
import { readHeader } from '../segment.ts'
import { errorCodeOf } from '../whole-file.ts'
import { looking } from './disk-trouble.ts'
import type { Findings } from './findings.ts'
import type { ScanResult } from './segment-scan.ts'

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

/** What of a sealed segment is journal: as the next one says, or it itself when it was rewritten. */
export function sealedBytes(link: Link, next: Link | undefined): ByteOffset {
  const { header } = link
  if (header?.header.rewritten !== undefined) return header.bytes + header.header.carried
  const previous = next?.header?.header.previous
  return previous?.name === link.name ? previous.bytes : link.fileBytes
}

export interface Scanned {
  readonly link: Link
  /** How much of the file is journal. */
  readonly bytes: ByteOffset
  /** undefined: it was not scanned. */
  readonly result: ScanResult | undefined
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
    if (previous === null && header.segment === 1 && link === 0) return
    const message = `segment ${header.segment} is the oldest file, but others came before it: ${previous?.name ?? 'they'} and all that it held is lost`
    findings.damage('segment-missing', segmentPath(previous?.name ?? after.link.name), message, { offset: 0 })
    return
  }
  const wasRewritten = before.link.header?.header.rewritten !== undefined
  const sealed = wasRewritten ? sealedBefore(before, rewrites, findings) : before.link.name
  if (sealed === undefined) return
  if (typeof sealed === 'string') checkPlain(before, after.link, previous, link, findings)
  else if (previous === null || previous.name !== sealed.name || previous.sha256 !== sealed.sha256) {
    tellMissing(before.link, after.link, previous, findings)
  }
}

/** What the segment behind a rewritten one must say of it. Checks the rewritten file on the way. */
function sealedBefore(
  { link, result }: Scanned,
  rewrites: ReadonlyMap<string, RewriteControl>,
  findings: Findings,
): SealedSegment | undefined {
  const rewrite = rewrites.get(link.name)
  if (rewrite === undefined) {
    const message = 'the segment says that it was rewritten, but no record in the log vouches for that'
    findings.damage('rewrite-unknown', link.path, message, { offset: 0 })
    return undefined
  }
  if (result?.sha256 !== undefined && result.sha256 !== rewrite.sha256) {
    const message = `the rewritten segment's SHA-256 is not what its rewrite record says: its content was replaced`
    findings.damage('segment-digest', link.path, message, { offset: 0 })
  }
  const [name, bytes, sha256] = rewrite.sealed
  return { name, bytes, sha256 }
}

function checkPlain(
  before: Scanned,
  after: Link,
  previous: SealedSegment | null,
  link: number,
  findings: Findings,
): void {
  if (previous === null || previous.name !== before.link.name) {
    tellMissing(before.link, after, previous, findings)
    return
  }
  const { sha256, lastSum } = before.result ?? {}
  if (sha256 === undefined || before.link.fileBytes < previous.bytes) return
  if (sha256 !== previous.sha256) {
    const message = `its SHA-256 is not what ${after.name} says, though each line is valid: its content was replaced`
    findings.damage('segment-digest', before.link.path, message, { offset: 0 })
  } else if (lastSum !== undefined && lastSum !== link) {
    const message = `it does not follow the last line of ${before.link.name}`
    findings.damage('line-link', after.path, message, { offset: 0 })
  }
}

function tellMissing(before: Link, after: Link, previous: SealedSegment | null, findings: Findings): void {
  const name = previous?.name
  const message =
    name === undefined || name === before.name
      ? `${after.name} does not follow ${before.name}: a segment between them is missing, or one of them was replaced`
      : `${after.name} follows ${name}, which is not there: its events are lost, and the journal does not open`
  findings.damage('segment-missing', segmentPath(name ?? after.name), message, { offset: 0, repair: 'cut' })
}
