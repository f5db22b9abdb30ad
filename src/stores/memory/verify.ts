// Verification: sums anew over every text, numbers against each other, blobs against their names.
// Memory can't be damaged by a disk; what this finds is a defect, and the suite asks every store for it.

import { contentDigest } from '../../core/content-digest.ts'
import { sumOfText } from '../../core/event-bytes.ts'
import { mustNotBeAborted } from '../aborted.ts'
import type { Finding, LongWork, VerifyProgress, VerifyReport } from '../store.ts'
import type { MemoryState } from './state.ts'

const eventsPerStep = 1_000

export async function verifyState(open: () => MemoryState, work: LongWork<VerifyProgress>): Promise<VerifyReport> {
  const { events, streams, blobs, bytes, commands, agenda, leases, pins } = open()
  const findings: Finding[] = []
  const lastSeqs = new Map<string, number>()
  let position = 0
  let bytesDone = 0
  for (const [index, event] of events.entries()) {
    if (index % eventsPerStep === 0) {
      await Promise.resolve()
      mustNotBeAborted(work.signal, 'verification')
      open()
      work.progress?.({ bytesDone, bytesTotal: bytes })
    }
    if (sumOfText(event.text) !== event.sum) findings.push(damage('event-checksum', `position ${event.position}`))
    if (event.position <= position) findings.push(damage('position-order', `position ${event.position}`))
    const last = lastSeqs.get(event.stream)
    if (last !== undefined && event.seq !== last + 1) findings.push(damage('seq-gap', `position ${event.position}`))
    lastSeqs.set(event.stream, event.seq)
    position = event.position
    bytesDone += event.bytes
  }
  for (const [name, seq] of lastSeqs) {
    if (streams.get(name)?.seq !== seq) findings.push(damage('stream-head', `stream ${JSON.stringify(name)}`))
  }
  for (const [digest, blob] of blobs) {
    if (contentDigest(blob.content) !== digest) findings.push(damage('blob-digest', `blob ${digest}`))
  }
  mustNotBeAborted(work.signal, 'verification')
  work.progress?.({ bytesDone, bytesTotal: bytes })
  const records = events.length + commands.size + agenda.size + leases.size + pins.size
  return {
    events: events.length,
    records,
    segments: 0,
    blobs: blobs.size,
    bytes: bytesDone,
    findings,
    ok: findings.length === 0,
  }
}

function damage(kind: string, where: string): Finding {
  const message = `${where} is not what was stored`
  return { severity: 'damage', kind, file: 'memory:', offset: undefined, message, repair: undefined }
}
