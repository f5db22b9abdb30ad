// Adds one record to a log that isn't open. It goes into a new segment, as recovery would have made one: what stands above the
// last witness is carried along, and the new segment gets its name when all of it is durable.

import type { RewriteControl } from '../../core/control.ts'
import type { ParsedHeader } from '../../core/header.ts'
import type { ByteOffset } from '../../core/numbers.ts'
import { controlBody } from '../../core/record.ts'
import { judgeTail } from '../../core/recovery-table.ts'
import type { DiskFile } from '../../disks/disk.ts'
import { assert } from '../../errors.ts'
import { ActiveSegment } from '../active-segment.ts'
import { carriedLines, linkLines } from '../carry.ts'
import { digestOf } from '../file-digest.ts'
import { nextSegmentName } from '../layout.ts'
import { cutFile } from '../set-aside.ts'
import { copyAside, findSegments, type RepairScene, scanNewest } from './repair-scene.ts'
import { bodyLine, segmentLines } from './segment-lines.ts'

/** Durable when it resolves. Returns the copy of an unfinished write, when there was one behind the log's end. */
export async function appendRecord(
  scene: RepairScene,
  make: (time: number) => RewriteControl,
): Promise<string | undefined> {
  const { disk, clock, fence } = scene
  const segment = (await findSegments(disk)).at(-1)
  assert(segment?.header !== undefined, 'a log has an active segment')
  const { header } = segment
  const tail = await scanNewest(disk, segment, header)
  const file = await disk.open(segment.path, { mode: 'read' })
  try {
    const verdict = judgeTail(tail)
    assert(!verdict.then.refuse, 'the plan has seen to it that the end of the log is sound')
    const facts = await sealedFacts(file, header, tail.witness)
    const carried = await carriedLines(file, {
      from: tail.witness,
      to: verdict.then.carry ? tail.complete : tail.witness,
    })
    const time = Math.max(clock.now(), facts.time)
    const record = bodyLine(controlBody(make(time), false))
    const { journal, epoch, segment: number } = header.header
    const first = tail.position + 1
    const previous = { name: segment.name, bytes: tail.witness, sha256: facts.sha256 }
    const made = await ActiveSegment.create(disk, {
      name: nextSegmentName(segment.name, first),
      header: { journal, epoch, segment: number + 1, first, fence, time, previous },
      link: facts.sum,
      carry: (sum) => linkLines(Buffer.concat([carried(sum).bytes, record]), sum),
    })
    await made.file.close()
    const copy = verdict.then.setAside ? await copyAside(disk, segment.path, tail.complete) : undefined
    if (verdict.then.cut) await cutFile(disk, segment.path, tail.witness)
    return copy
  } finally {
    await file.close()
  }
}

/** Digest of a segment's beginning, the sum of its last line and its newest time. */
async function sealedFacts(
  file: DiskFile,
  header: ParsedHeader,
  to: ByteOffset,
): Promise<{ readonly sha256: string; readonly sum: number; readonly time: number }> {
  const hash = await digestOf(file, to)
  let { sum } = header
  let { time } = header.header
  for await (const line of segmentLines(file, { from: header.bytes, to, sum })) {
    assert(!('bad' in line), 'the plan has seen to it that the end of the log is sound')
    sum = line.sum
    time = Math.max(time, line.event?.time ?? 0)
  }
  return { sha256: hash.digest('hex'), sum, time }
}
