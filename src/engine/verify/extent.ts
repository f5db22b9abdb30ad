// How much of a segment's file is journal. Of a sealed one, its successor says it; of the newest, the opened log does,
// or else what recovery would take: all that a witness vouches for, and the complete batches behind.

import type { ByteOffset } from '../../core/numbers.ts'
import type { Disk } from '../../disks/disk.ts'
import { readFully } from '../../disks/whole-io.ts'
import type { DurablePlace } from '../durable-mark.ts'
import { compareNames, durablePath, segmentPath } from '../layout.ts'
import { scanTail } from '../tail-scan.ts'
import type { Link } from './chain.ts'
import { looking } from './disk-trouble.ts'
import type { Findings } from './findings.ts'

export interface Extent {
  readonly bytes: ByteOffset
  /** The file should be longer, which has been told. */
  readonly isShort: boolean
}

export function sealedExtent(link: Link, bytes: ByteOffset, findings: Findings): Extent {
  if (link.fileBytes < bytes) return short(link, bytes, findings)
  if (link.fileBytes > bytes) {
    const message = `${link.fileBytes - bytes} bytes stand behind the end of the sealed segment and are not part of the journal`
    findings.warning('segment-excess', link.path, message, { offset: bytes })
  }
  return { bytes, isShort: false }
}

/** `witness`: up to where the file must reach. */
export function activeExtent(
  link: Link,
  end: { readonly witness: ByteOffset; readonly bytes: ByteOffset },
  findings: Findings,
): Extent {
  return link.fileBytes < end.witness ? short(link, end.witness, findings) : { bytes: end.bytes, isShort: false }
}

function short(link: Link, bytes: ByteOffset, findings: Findings): Extent {
  if (link.header === undefined) return { bytes: link.fileBytes, isShort: true } // told as such
  const message = `the file has ${link.fileBytes} of ${bytes} bytes: what stood behind is lost`
  findings.damage('segment-short', link.path, message, { offset: link.fileBytes, repair: 'cut' })
  return { bytes: link.fileBytes, isShort: true }
}

/** Of the newest segment of a log that nobody has opened; undefined when the disk can't read it. */
export async function tailExtent(
  disk: Disk,
  link: Link,
  mark: DurablePlace | undefined,
  findings: Findings,
): Promise<Extent | undefined> {
  checkMarkedSegment(link.name, mark, findings)
  const { header, fileBytes, path } = link
  if (header === undefined) return { bytes: fileBytes, isShort: false }
  const looked = await looking(findings, path, async () => {
    const file = await disk.open(path, { mode: 'read' })
    try {
      const marked = mark?.segment === link.name ? mark.bytes : 0
      if (marked > 0 && marked <= fileBytes) {
        const before = Buffer.alloc(1)
        await readFully(file, before, marked - 1)
        if (before[0] !== 0x0a) tellImplausible(`byte ${marked} of ${link.name} is no end of a line`, findings)
      }
      const floor = header.bytes + header.header.carried
      const start = { from: header.bytes, witness: Math.max(floor, marked), position: header.header.first - 1 }
      return await scanTail(file, fileBytes, start)
    } finally {
      await file.close()
    }
  })
  if (looked.value === undefined) return undefined
  const { witness, complete } = looked.value
  const bytes = Math.max(witness, complete)
  if (bytes < fileBytes && complete >= witness) {
    const message = `${fileBytes - bytes} bytes of an unfinished write: they were never acknowledged, and are copied aside and cut at the next opening`
    findings.note('tail-torn', path, message, { offset: bytes })
  }
  return activeExtent(link, { witness, bytes }, findings)
}

function checkMarkedSegment(newest: string, mark: DurablePlace | undefined, findings: Findings): void {
  if (mark === undefined || compareNames(mark.segment, newest) <= 0) return
  const message = `${durablePath} says that this segment held durable data, but it is not there: its events are lost`
  findings.damage('segment-missing', segmentPath(mark.segment), message, { offset: 0, repair: 'cut' })
}

export function tellImplausible(why: string, findings: Findings): void {
  const message = `the published durable place fits nothing that is there (${why}): either it or the newest segment was replaced`
  findings.warning('durable-implausible', durablePath, message, { offset: 0 })
}
