// Writes one table, streaming: memory holds one block per level of the index and the piece that is about to be written,
// plus the bloom filter.
//
//   table  = data and index blocks · bloom filter · footer
//
// The blocks form a static tree: a data block that is full goes out, and its last key with a pointer to it goes into the
// index block above; an index block that is full does the same one level up. So opening never loads an index, and a
// lookup reads one block per level (two or three for millions of entries).
// Invariant: a file with a table's name is whole and durable; what is not yet so is called `.part`.

import type { Disk, DiskFile } from '../../disks/disk.ts'
import { writeFully } from '../../disks/whole-io.ts'
import { assert } from '../../errors.ts'
import { BlockBuilder } from './block-builder.ts'
import { BloomBuilder, hashKey } from './bloom.ts'
import { batchesOf, type EntrySource } from './entry.ts'
import { encodePointer, type Pointer, pointerTo } from './pointer.ts'
import { encodeFooter } from './table-footer.ts'

const blockBytes = 8_192
const pieceBytes = 262_144

/** What vouches for a table: everything else in it is checked from here on. */
export interface TableDescription {
  readonly name: string
  readonly bytes: number
  /** Tombstones included. */
  readonly entries: number
  readonly footer: Pointer
}

export interface TableWriteOptions {
  readonly folder: string
  readonly name: string
  /** About how many entries will come at most, when that is known. */
  readonly keysMax?: number | undefined
  /** Awaited between blocks, so that others get their turn. */
  readonly pause: () => Promise<void>
}

export function tablePath(folder: string, name: string): string {
  return `${folder}/${name}.table`
}

/** Writes `<folder>/<name>.table` and makes its content durable; the caller syncs the directory. Without any entry there
 * is no table, and the answer is undefined. After a throw there is no table either. */
export async function writeTable(
  disk: Disk,
  entries: EntrySource,
  options: TableWriteOptions,
): Promise<TableDescription | undefined> {
  const part = `${options.folder}/${options.name}.part`
  const file = await disk.open(part, { mode: 'write', create: 'exclusive' })
  try {
    const description = await fill(file, entries, options).finally(() => file.close())
    if (description === undefined) await disk.remove(part)
    else await disk.rename(part, tablePath(options.folder, options.name))
    return description
  } catch (error) {
    // What stopped the writing is what the caller must hear. A part that stays is removed at the next open.
    await disk.remove(part).catch(() => undefined)
    throw error
  }
}

async function fill(file: DiskFile, entries: EntrySource, options: TableWriteOptions) {
  const output = new Output(file)
  const tree = new TreeBuilder(output)
  const bloom = new BloomBuilder(options.keysMax)
  let count = 0
  let tombstones = 0
  let firstKey: string | undefined
  for await (const batch of batchesOf(entries)) {
    for (const [key, value] of batch) {
      firstKey ??= key
      count++
      if (value === null) tombstones++
      bloom.add(hashKey(key))
      if (!tree.add(key, value)) continue
      await output.drain()
      await options.pause()
    }
  }
  if (firstKey === undefined) return undefined
  const { root, height, lastKey } = tree.finish()
  const bloomPointer = output.append(bloom.finish())
  const footer = output.append(
    encodeFooter({ entries: count, tombstones, firstKey, lastKey, height, root, bloom: bloomPointer }),
  )
  await output.flush()
  await file.sync()
  return { name: options.name, bytes: output.length, entries: count, footer }
}

/** Appends to a file in large pieces. */
class Output {
  readonly #file: DiskFile
  #piece: Buffer = Buffer.allocUnsafeSlow(pieceBytes + blockBytes * 4)
  #waiting = 0
  #written = 0

  constructor(file: DiskFile) {
    this.#file = file
  }

  get length(): number {
    return this.#written + this.#waiting
  }

  /** Copies, so that the caller can go on with its buffer. Not while a flush is under way. */
  append(bytes: Uint8Array): Pointer {
    const pointer = pointerTo(bytes, this.length)
    if (this.#waiting + bytes.length > this.#piece.length) {
      const larger = Buffer.allocUnsafeSlow(this.#waiting + bytes.length * 2)
      this.#piece.copy(larger, 0, 0, this.#waiting)
      this.#piece = larger
    }
    this.#piece.set(bytes, this.#waiting)
    this.#waiting += bytes.length
    return pointer
  }

  async drain(): Promise<void> {
    if (this.#waiting >= pieceBytes) await this.flush()
  }

  async flush(): Promise<void> {
    await writeFully(this.#file, this.#piece.subarray(0, this.#waiting), this.#written)
    this.#written += this.#waiting
    this.#waiting = 0
  }
}

class TreeBuilder {
  readonly #output: Output
  /** One open block per level, data first. */
  readonly #levels: BlockBuilder[] = [new BlockBuilder(blockBytes)]

  constructor(output: Output) {
    this.#output = output
  }

  /** True when a block went out. */
  add(key: string, value: string | null): boolean {
    return this.#addTo(0, key, value)
  }

  #addTo(level: number, key: string, value: string | Uint8Array | null): boolean {
    const builder = this.#level(level)
    builder.add(key, value)
    if (builder.length < blockBytes) return false
    this.#send(level, builder)
    return true
  }

  #send(level: number, builder: BlockBuilder): void {
    const pointer = this.#output.append(builder.take())
    this.#addTo(level + 1, lastKeyOf(builder), encodePointer(pointer))
  }

  #level(level: number): BlockBuilder {
    const known = this.#levels[level]
    if (known !== undefined) return known
    const builder = new BlockBuilder(blockBytes)
    this.#levels.push(builder)
    return builder
  }

  finish(): { readonly root: Pointer; readonly height: number; readonly lastKey: string } {
    const lastKey = lastKeyOf(this.#level(0))
    // The top level was never sent (sending makes a level above it), so it is not empty, and it is the root.
    for (let level = 0; ; level++) {
      const builder = this.#level(level)
      if (level === this.#levels.length - 1)
        return { root: this.#output.append(builder.take()), height: level, lastKey }
      if (builder.length > 0) this.#send(level, builder)
    }
  }
}

function lastKeyOf(builder: BlockBuilder): string {
  assert(builder.lastKey !== undefined, 'a block that goes out has entries')
  return builder.lastKey
}
