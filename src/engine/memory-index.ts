// A segment's index in memory: that of the active segment, and of a sealed one until its table is written.

import type { ByteOffset } from '../core/numbers.ts'
import { compareUtf8 } from '../core/utf8-order.ts'
import { assert } from '../errors.ts'
import type { ActiveIndex, Marks, SegmentIndex, StreamPlaces } from './segment-index.ts'

/** How many streams or types are given at a time. */
const pageNames = 256

export class MemoryIndex implements SegmentIndex {
  readonly #index: ActiveIndex
  /** Looks up the earlier segment of a stream that the index doesn't know it of yet. */
  readonly #previous: (stream: string) => Promise<number>

  constructor(index: ActiveIndex, previous: (stream: string) => Promise<number>) {
    this.#index = index
    this.#previous = previous
  }

  async places(stream: string): Promise<StreamPlaces | undefined> {
    const places = this.#index.byStream.get(stream)
    if (places === undefined) return undefined
    const previous = places.previous ?? (await this.#previous(stream))
    places.previous = previous
    return { first: places.first, previous, offsets: places.offsets }
  }

  async typePlaces(type: string): Promise<readonly ByteOffset[]> {
    return this.#index.byType.get(type) ?? []
  }

  async marks(): Promise<Marks> {
    return this.#index
  }

  async hasPrefix(prefix: string): Promise<boolean> {
    for (const stream of this.#index.byStream.keys()) if (stream.startsWith(prefix)) return true
    return false
  }

  async blobs(): Promise<readonly string[]> {
    return [...this.#index.blobDigests]
  }

  async *streams(): AsyncIterable<readonly (readonly [stream: string, places: StreamPlaces])[]> {
    const names = [...this.#index.byStream.keys()].sort(compareUtf8)
    for (let at = 0; at < names.length; at += pageNames) {
      const page: (readonly [string, StreamPlaces])[] = []
      for (const stream of names.slice(at, at + pageNames)) {
        const places = await this.places(stream)
        assert(places !== undefined, 'its own streams have places')
        page.push([stream, places])
      }
      yield page
    }
  }

  async *types(): AsyncIterable<readonly (readonly [type: string, offsets: readonly ByteOffset[]])[]> {
    const sorted = [...this.#index.byType].sort(([a], [b]) => compareUtf8(a, b))
    for (let at = 0; at < sorted.length; at += pageNames) yield sorted.slice(at, at + pageNames)
  }

  async close(): Promise<void> {}
}
