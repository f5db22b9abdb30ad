// Where things stand within one segment: the places of each stream and of each type, and marks to find a position without
// reading from the start. The active segment has one in memory (ActiveIndex); a sealed segment's is a sorted table on disk, a
// cache that is made anew from the segment when it is missing, stale or damaged.

import type { ByteOffset, Position, Seq } from '../core/numbers.ts'

/** One stream's events within one segment: contiguous seqs from `first`, each at its offset. */
export interface StreamPlaces {
  readonly first: Seq
  /** Number of the newest earlier segment that held events of this stream; 0 when none did. */
  readonly previous: number
  readonly offsets: readonly ByteOffset[]
}

/** Every so many bytes the place of an event: `offsets[i]` is where the event at `positions[i]` begins. */
export interface Marks {
  readonly positions: readonly Position[]
  readonly offsets: readonly ByteOffset[]
}

export interface SegmentIndex {
  places(stream: string): Promise<StreamPlaces | undefined>
  /** Where the events of a type begin; undefined when there are so many that nobody looks them up one by one. */
  typePlaces(type: string): Promise<readonly ByteOffset[] | undefined>
  marks(): Promise<Marks>
  /** Whether any stream with this prefix has events here. */
  hasPrefix(prefix: string): Promise<boolean>
  /** Digests of the blobs that events here name. */
  blobs(): Promise<readonly string[]>
  /** Streams by name as UTF-8 bytes, with their places. */
  streams(): AsyncIterable<readonly (readonly [stream: string, places: StreamPlaces])[]>
  /** Types by name as UTF-8 bytes, with their places. */
  types(): AsyncIterable<readonly (readonly [type: string, offsets: readonly ByteOffset[] | undefined])[]>
  close(): Promise<void>
}

export const markBytes = 65_536

/** A list that is pushed to has room for seventeen at once: too much where each of very many streams has a few events. */
const fewPlaces = 8

/** One stream's events within the segment that is being written. */
class GrowingPlaces {
  readonly first: Seq
  /** undefined: not looked up yet (after a replay). */
  previous: number | undefined
  /** Of one event alone, no list is made. */
  #offsets: ByteOffset | ByteOffset[]

  constructor(first: Seq, previous: number | undefined, offset: ByteOffset) {
    this.first = first
    this.previous = previous
    this.#offsets = offset
  }

  get offsets(): readonly ByteOffset[] {
    return typeof this.#offsets === 'number' ? [this.#offsets] : this.#offsets
  }

  add(offset: ByteOffset): void {
    if (typeof this.#offsets === 'number') this.#offsets = [this.#offsets, offset]
    else if (this.#offsets.length < fewPlaces) this.#offsets = [...this.#offsets, offset]
    else this.#offsets.push(offset)
  }
}

/** What an index is told of an event. */
export interface IndexedEvent {
  readonly stream: string
  readonly seq: Seq
  readonly position: Position
  readonly type: string
}

/** The index of a segment that is being written or read through, in memory. */
export class ActiveIndex {
  readonly byStream: Map<string, GrowingPlaces> = new Map()
  readonly byType: Map<string, ByteOffset[]> = new Map()
  readonly positions: Position[] = []
  readonly offsets: ByteOffset[] = []
  readonly blobDigests: Set<string> = new Set()
  events = 0
  lastPosition: Position = 0
  #nextMark: ByteOffset = 0

  /** `previous` as in StreamPlaces; undefined when it is not known yet. */
  add(event: IndexedEvent, offset: ByteOffset, previous: number | undefined): void {
    const { stream, seq, position, type } = event
    this.events++
    this.lastPosition = position
    if (offset >= this.#nextMark) {
      this.positions.push(position)
      this.offsets.push(offset)
      this.#nextMark = offset + markBytes
    }
    const places = this.byStream.get(stream)
    if (places === undefined) this.byStream.set(stream, new GrowingPlaces(seq, previous, offset))
    else places.add(offset)
    const ofType = this.byType.get(type)
    if (ofType === undefined) this.byType.set(type, [offset])
    else ofType.push(offset)
  }

  addBlobs(digests: readonly string[]): void {
    for (const digest of digests) this.blobDigests.add(digest)
  }
}

/** With one event of a type in fewer bytes, it is cheaper to read everything than to read these alone. */
const sparseBytes = 2_048

/** Whether so many places within so many bytes are few enough to be looked up one by one. */
export function areSparse(count: number, bytes: number): boolean {
  return count * sparseBytes <= bytes
}

/** Whether an index on disk lists these places of a type; undefined stands for many. */
export function isWorthListing(
  offsets: readonly ByteOffset[] | undefined,
  marks: Marks,
): offsets is readonly ByteOffset[] {
  // Where there is an event, there is a mark.
  return offsets !== undefined && areSparse(offsets.length, marks.offsets.at(-1) as ByteOffset)
}

/** Index of the last element that is at or below `value`; -1 when all are above. */
export function lastAtOrBelow(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}
