// A segment's index in memory: that of the active segment, and of a sealed one until its table is written.

import { compareUtf8 } from '../core/utf8-order.ts'
import { assert } from '../errors.ts'
import type { ActiveIndex, Marks, SegmentIndex, StreamPlaces } from './segment-index.ts'

/** How many streams are given at a time. */
const pageStreams = 256

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
    for (let at = 0; at < names.length; at += pageStreams) {
      const page: (readonly [string, StreamPlaces])[] = []
      for (const stream of names.slice(at, at + pageStreams)) {
        const places = await this.places(stream)
        assert(places !== undefined, 'its own streams have places')
        page.push([stream, places])
      }
      yield page
    }
  }

  async close(): Promise<void> {}
}
