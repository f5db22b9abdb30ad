// A sealed segment's index on disk: a sorted table under index/. A cache: TableDamaged sends the caller back to the
// segment itself. Keys: `b` the blobs, `m` the marks, `s:<stream>` a stream's places as `first previous offsets`, `t:<type>`
// the offsets of a type's events, or nothing where they are many; offsets are as short as number-text.ts makes them.

import type { ByteOffset } from '../core/numbers.ts'
import type { Disk } from '../disks/disk.ts'
import { assert } from '../errors.ts'
import { folders } from './layout.ts'
import { decodeRising, encodeRising } from './number-text.ts'
import { isWorthListing, type Marks, type SegmentIndex, type StreamPlaces } from './segment-index.ts'
import type { BlockCache } from './tables/block-cache.ts'
import type { Entry } from './tables/entry.ts'
import { TableReader } from './tables/table-reader.ts'
import { type TableDescription, writeTable } from './tables/table-writer.ts'

const streamKey = 's:'
const typeKey = 't:'

export class TableIndex implements SegmentIndex {
  readonly #table: TableReader

  private constructor(table: TableReader) {
    this.#table = table
  }

  static async open(disk: Disk, description: TableDescription, cache: BlockCache): Promise<TableIndex> {
    return new TableIndex(await TableReader.open({ disk, folder: folders.index, cache }, description))
  }

  /** Writes a segment's index; undefined when there is nothing in it. */
  static write(disk: Disk, name: string, index: SegmentIndex): Promise<TableDescription | undefined> {
    return writeTable(disk, rows(index), { folder: folders.index, name, pause: nextTurn })
  }

  async places(stream: string): Promise<StreamPlaces | undefined> {
    const found = await this.#table.get(streamKey + stream)
    return found.found && found.value !== null ? this.#placesIn(found.value) : undefined
  }

  async typePlaces(type: string): Promise<readonly ByteOffset[] | undefined> {
    const found = await this.#table.get(typeKey + type)
    return found.found ? this.#typePlacesIn(found.value) : []
  }

  async marks(): Promise<Marks> {
    const numbers = await this.#list<number>('m')
    const half = numbers.length / 2
    return { positions: numbers.slice(0, half), offsets: numbers.slice(half) }
  }

  async hasPrefix(prefix: string): Promise<boolean> {
    const found = await this.#table.scan({ prefix: streamKey + prefix }).next()
    return found.done !== true
  }

  async blobs(): Promise<readonly string[]> {
    return this.#list<string>('b')
  }

  async *streams(): AsyncIterable<readonly (readonly [stream: string, places: StreamPlaces])[]> {
    for await (const page of this.#table.scan({ prefix: streamKey })) {
      yield page.map(([key, value]) => [key.slice(streamKey.length), this.#placesIn(value)] as const)
    }
  }

  async *types(): AsyncIterable<readonly (readonly [type: string, offsets: readonly ByteOffset[] | undefined])[]> {
    for await (const page of this.#table.scan({ prefix: typeKey })) {
      yield page.map(([key, value]) => [key.slice(typeKey.length), this.#typePlacesIn(value)] as const)
    }
  }

  #typePlacesIn(value: string | null): readonly ByteOffset[] | undefined {
    return value === '' ? undefined : this.#offsetsIn(value)
  }

  #placesIn(value: string | null): StreamPlaces {
    assert(value !== null, 'a segment index deletes nothing')
    const previousAt = value.indexOf(' ') + 1
    const offsetsAt = value.lastIndexOf(' ') + 1
    const first = Number(value.slice(0, previousAt))
    const previous = Number(value.slice(previousAt, offsetsAt))
    return { first, previous, offsets: this.#offsetsIn(value.slice(offsetsAt)) }
  }

  #offsetsIn(value: string | null): readonly ByteOffset[] {
    assert(value !== null, 'a segment index deletes nothing')
    const offsets = decodeRising(value)
    assert(offsets !== undefined, 'a segment index whose checksums hold was written by this release')
    return offsets
  }

  /** Written with every index; one whose checksums hold has it. */
  async #list<T>(key: string): Promise<readonly T[]> {
    const found = await this.#table.get(key)
    assert(found.found && found.value !== null, `a segment index has ${key}`)
    return JSON.parse(found.value) as T[]
  }

  close(): Promise<void> {
    return this.#table.close()
  }
}

async function* rows(index: SegmentIndex): AsyncGenerator<readonly Entry[]> {
  const marks = await index.marks()
  yield [
    ['b', JSON.stringify(await index.blobs())],
    ['m', JSON.stringify([...marks.positions, ...marks.offsets])],
  ]
  for await (const page of index.streams()) {
    yield page.map(([stream, { first, previous, offsets }]): Entry => {
      return [streamKey + stream, `${first} ${previous} ${encodeRising(offsets)}`]
    })
  }
  for await (const page of index.types()) {
    yield page.map(([type, offsets]): Entry => {
      return [typeKey + type, isWorthListing(offsets, marks) ? encodeRising(offsets) : '']
    })
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
