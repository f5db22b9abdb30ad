// Which segments the log has, oldest first. Sealed ones never change in place: retention replaces objects, so a reader
// that holds one goes on undisturbed. At most a fixed number of them have their files open.

import type { ByteOffset, Position } from '../core/numbers.ts'
import type { Disk } from '../disks/disk.ts'
import { assert, HoldfastError } from '../errors.ts'
import { OpenSegments } from './open-segments.ts'
import { Segment, type SegmentFacts } from './segment.ts'

export class Catalog {
  readonly #disk: Disk
  readonly #open: OpenSegments = new OpenSegments()
  /** Sealed segments by number, then the active one. */
  #segments: readonly Segment[] = []
  #byNumber: Map<number, Segment> = new Map()
  #isClosed = false

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** All segments, oldest first; the last one is active. */
  get all(): readonly Segment[] {
    // Whoever reads on must not take it for the end of the log.
    this.#mustBeOpen()
    return this.#segments
  }

  get sealed(): readonly Segment[] {
    return this.all.slice(0, -1)
  }

  get active(): Segment {
    const last = this.all.at(-1)
    assert(last !== undefined, 'a log has an active segment')
    return last
  }

  byNumber(number: number): Segment | undefined {
    this.#mustBeOpen()
    return this.#byNumber.get(number)
  }

  /** The newest segment whose first position is at or below this one; the oldest when there is none. */
  indexFor(position: Position): number {
    let low = 0
    let high = this.all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#segments[middle] as Segment).facts.first <= position) low = middle + 1
      else high = middle
    }
    // Several segments may begin at one position (ties): the oldest of them may hold what comes first.
    let index = Math.max(0, low - 1)
    while (index > 0 && this.#segments[index]?.facts.first === position) index--
    return index
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw closedLog()
  }

  add(...facts: readonly SegmentFacts[]): void {
    this.#set([...this.#segments, ...facts.map((each) => this.#make(each))])
  }

  /** The active segment is sealed at this length, and another one is active. */
  seal(
    sealed: { readonly bytes: ByteOffset; readonly sha256: string; readonly events: number },
    next: SegmentFacts,
  ): Segment {
    const old = this.active
    const { bytes, sha256, events } = sealed
    const segment = this.#make({ ...old.facts, sealed: { bytes, sha256 }, events })
    segment.index = old.index
    old.sealedAt = bytes
    this.#set([...this.#segments.slice(0, -1), segment, this.#make(next)])
    void old.retire()
    return segment
  }

  /** One segment takes the place of several adjacent ones, which are told to close when nobody reads them. */
  replace(old: readonly Segment[], facts: SegmentFacts): Segment {
    const segment = this.#make(facts)
    const gone = new Set(old)
    const at = this.#segments.findIndex((candidate) => gone.has(candidate))
    assert(at >= 0, 'what is replaced is in the catalog')
    const left = this.#segments.filter((candidate) => !gone.has(candidate))
    this.#set([...left.slice(0, at), segment, ...left.slice(at)])
    for (const each of old) void each.retire()
    return segment
  }

  #make(facts: SegmentFacts): Segment {
    return new Segment(this.#disk, facts, (segment) => this.#open.used(segment))
  }

  #set(segments: readonly Segment[]): void {
    this.#segments = segments
    this.#byNumber = new Map(segments.map((segment) => [segment.facts.number, segment]))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const segment of this.#segments) {
      await segment.retire()
      await segment.closeIndex()
    }
    this.#set([])
  }
}

/** Not CLOSED: the journal is open, and what follows it goes on when it is mended. */
export function closedLog(): HoldfastError {
  return new HoldfastError('LATCHED', 'the log is closed, to be opened anew', {
    hint: 'When reopen() has failed, mend what it names and call it again.',
  })
}
