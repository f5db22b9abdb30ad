// A sealed segment's index on disk: a sorted table under index/. A cache: TableDamaged sends the caller back to the
// segment itself. Keys: `b` the blobs, `m` the marks, `s:<stream>` a stream's places as [first, previous, offset, delta, …].

import type { ByteOffset } from '../core/numbers.ts'
import type { Disk } from '../disks/disk.ts'
import { assert } from '../errors.ts'
import { folders } from './layout.ts'
import type { Marks, SegmentIndex, StreamPlaces } from './segment-index.ts'
import type { BlockCache } from './tables/block-cache.ts'
import type { Entry } from './tables/entry.ts'
import { TableReader } from './tables/table-reader.ts'
import { type TableDescription, writeTable } from './tables/table-writer.ts'

const streamKey = 's:'

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
    return found.found && found.value !== null ? parsePlaces(found.value) : undefined
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
      yield page.map(([key, value]) => {
        assert(value !== null, 'a segment index deletes nothing')
        return [key.slice(streamKey.length), parsePlaces(value)] as const
      })
    }
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
    yield page.map(([stream, places]): Entry => [streamKey + stream, formatPlaces(places)])
  }
}

function formatPlaces(places: StreamPlaces): string {
  let before: ByteOffset = 0
  let text = `[${places.first},${places.previous}`
  for (const offset of places.offsets) {
    text += `,${offset - before}`
    before = offset
  }
  return `${text}]`
}

function parsePlaces(text: string): StreamPlaces {
  const [first = 0, previous = 0, ...offsets] = JSON.parse(text) as number[]
  for (let at = 1; at < offsets.length; at++) offsets[at] = (offsets[at] as number) + (offsets[at - 1] as number)
  return { first, previous, offsets }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
