// The segment that grows: its descriptor (each write durable when it resolves), its length, the chain's last sum, its
// running SHA-256 and its index in memory. A new one gets its name only after its header is durable.

import { createHash, type Hash } from 'node:crypto'
import { headerBody, type SealedSegment, type SegmentHeader } from '../core/header.ts'
import type { ByteOffset, Position } from '../core/numbers.ts'
import { lineBytesMax, writeLine } from '../core/record.ts'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { writeFully } from '../disks/whole-io.ts'
import { superseded } from './failure.ts'
import { fencePath, folders, nextSegmentName, segmentPath } from './layout.ts'
import { ActiveIndex } from './segment-index.ts'
import { removeIfThere } from './whole-file.ts'

export interface ActiveParts {
  readonly file: DiskFile
  readonly name: string
  readonly number: number
  readonly first: Position
  readonly bytes: ByteOffset
  readonly lastSum: number
  readonly hash: Hash
  readonly index: ActiveIndex
}

/** Gives the lines to be carried behind a new header, given the header's sum. */
export type Carry = (headerSum: number) => { readonly bytes: Buffer; readonly lastSum: number }

export class ActiveSegment {
  readonly file: DiskFile
  readonly name: string
  readonly number: number
  readonly first: Position
  readonly index: ActiveIndex
  readonly #hash: Hash
  /** How much of the file is written and synced. */
  bytes: ByteOffset
  /** Sum of the last line staged for this segment. */
  lastSum: number

  constructor(parts: ActiveParts) {
    this.file = parts.file
    this.name = parts.name
    this.number = parts.number
    this.first = parts.first
    this.index = parts.index
    this.bytes = parts.bytes
    this.lastSum = parts.lastSum
    this.#hash = parts.hash
  }

  /** What was or is being written behind `bytes`, in order. */
  digest(written: Uint8Array): void {
    this.#hash.update(written)
  }

  /** As its successor's header names it. */
  sealed(): SealedSegment {
    return { name: this.name, bytes: this.bytes, sha256: this.#hash.copy().digest('hex') }
  }

  /** Makes the segment that goes on where this one ends now; `carry` as below. */
  createNext(
    disk: Disk,
    header: Omit<SegmentHeader, 'segment' | 'previous' | 'carried'>,
    carry?: Carry,
  ): Promise<ActiveSegment> {
    return ActiveSegment.create(disk, {
      name: nextSegmentName(this.name, header.first),
      header: { ...header, segment: this.number + 1, previous: this.sealed() },
      link: this.lastSum,
      carry,
    })
  }

  /**
   * Makes a segment on disk: header, then `carried` lines (linked to the header by `carry`), durable before the name.
   * `link` is the sum of the last line of the segment before.
   */
  static async create(
    disk: Disk,
    plan: {
      readonly name: string
      readonly header: Omit<SegmentHeader, 'carried'>
      readonly link: number
      readonly carry?: Carry | undefined
    },
  ): Promise<ActiveSegment> {
    const { name, header, link } = plan
    // The header says how many bytes were carried and the first carried line links to the header, so the carried
    // lines are laid out once to be measured, and linked when the header's sum is known. Lengths don't depend on it.
    const carriedBytes = plan.carry === undefined ? 0 : plan.carry(0).bytes.length
    const line = headerLine({ ...header, carried: carriedBytes }, link)
    const carried = plan.carry?.(line.sum)
    const content = carried === undefined ? line.bytes : Buffer.concat([line.bytes, carried.bytes])

    const path = segmentPath(name)
    // A writer that was stopped in here and wakes up behind its successor must not get hold of the successor's file.
    const part = `${path}.${header.fence}.part`
    await removeIfThere(disk, part)
    const file = await disk.open(part, { mode: 'synced', create: 'exclusive' })
    try {
      await writeFully(file, content, 0)
      await file.sync()
      // Its name may be the one that the successor gave to a segment of its own, and renaming replaces.
      if (disk.existsNow(fencePath(header.fence + 1))) throw superseded(disk)
      await disk.rename(part, path)
      await disk.syncDirectory(folders.segments)
    } catch (error) {
      await file.close()
      throw error
    }
    return new ActiveSegment({
      file,
      name,
      number: header.segment,
      first: header.first,
      bytes: content.length,
      lastSum: carried?.lastSum ?? line.sum,
      hash: createHash('sha256').update(content),
      index: new ActiveIndex(),
    })
  }
}

/** A header as a line. */
export function headerLine(header: SegmentHeader, link: number): { readonly bytes: Buffer; readonly sum: number } {
  const body = headerBody(header)
  const bytes = Buffer.allocUnsafe(lineBytesMax(body))
  const { end, sum } = writeLine(bytes, 0, body, link, 'link')
  return { bytes: bytes.subarray(0, end), sum }
}
