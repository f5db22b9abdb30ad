// Reads one table. Opening looks at nothing but the file's size; the footer comes with the first use, the bloom filter
// with the first lookup, blocks through the cache. A scan leaves only its first blocks there: short scans that come
// again are served from memory, long ones don't push the rest out.
// Invariant: whatever it returns was checked along the chain manifest → footer → index → block; else TableDamaged.

import { compareUtf8 } from '../../core/utf8-order.ts'
import type { Disk, DiskFile } from '../../disks/disk.ts'
import { errorCodeOf } from '../../disks/disk-error.ts'
import { Block } from './block.ts'
import type { BlockCache, BlockShelf } from './block-cache.ts'
import { bloomMayContain, hashKey, type KeyHash } from './bloom.ts'
import { type Entry, KeyRange, type ScanRange } from './entry.ts'
import type { Pointer } from './pointer.ts'
import { TableDamaged } from './table-damaged.ts'
import { type ReadWindow, TableFile } from './table-file.ts'
import { decodeFooter, type TableFooter } from './table-footer.ts'
import { type TableDescription, tablePath } from './table-writer.ts'

export type Lookup = { readonly found: false } | { readonly found: true; readonly value: string | null }

/** Where tables live, and the cache that they share. */
export interface TableHome {
  readonly disk: Disk
  readonly folder: string
  readonly cache: BlockCache
}

const notFound: Lookup = { found: false }

const scanBlocksCached = 2

interface Scan {
  readonly range: KeyRange
  readonly window: ReadWindow
  blocksRead: number
}

export class TableReader {
  readonly description: TableDescription
  readonly #file: TableFile
  readonly #shelf: BlockShelf
  #footer: TableFooter | undefined
  #bloom: Buffer | undefined
  #closed = false

  private constructor(file: TableFile, description: TableDescription, cache: BlockCache) {
    this.#file = file
    this.description = description
    this.#shelf = cache.shelf()
  }

  /** TableDamaged when the file is missing, is no file, or does not have its length. */
  static async open(home: TableHome, description: TableDescription): Promise<TableReader> {
    const path = tablePath(home.folder, description.name)
    const file = await openFile(home.disk, path)
    try {
      const size = await file.size()
      if (size !== description.bytes) {
        throw new TableDamaged(path, size, `the file should have ${description.bytes} bytes`)
      }
    } catch (error) {
      await file.close()
      throw error
    }
    return new TableReader(new TableFile(file, path), description, home.cache)
  }

  /** True when the filter is at hand and rules the key out: an answer without waiting. */
  excludes(hash: KeyHash): boolean {
    return this.#bloom !== undefined && !bloomMayContain(this.#bloom, hash)
  }

  async get(key: string, hash: KeyHash = hashKey(key)): Promise<Lookup> {
    const footer = this.#footer ?? (await this.#loadFooter())
    this.#bloom ??= await this.#file.read(footer.bloom)
    if (!bloomMayContain(this.#bloom, hash)) return notFound
    let pointer = footer.root
    for (let height = footer.height; ; height--) {
      const block = this.#shelf.get(pointer.offset) ?? (await this.#load(pointer))
      const index = block.lowerBound(key)
      if (index === block.keys.length) return notFound
      if (height > 0) pointer = block.pointer(index)
      else return block.keys[index] === key ? { found: true, value: block.value(index) } : notFound
    }
  }

  /** In order, a batch per block. */
  async *scan(scanned: ScanRange | KeyRange = {}): AsyncGenerator<readonly Entry[]> {
    const range = scanned instanceof KeyRange ? scanned : new KeyRange(scanned)
    const footer = this.#footer ?? (await this.#loadFooter())
    const isAhead = !range.isBefore(footer.firstKey) && range.isBehind(footer.firstKey)
    if (isAhead || compareUtf8(footer.lastKey, range.start) < 0) return
    yield* this.#walk(footer.root, footer.height, { range, window: this.#file.window(), blocksRead: 0 })
  }

  /** Lets reads that are under way end; later ones throw CLOSED. Idempotent. */
  close(): Promise<void> {
    this.#closed = true
    this.#shelf.clear()
    return this.#file.close()
  }

  /** Returns true when it came to the end of the range. */
  async *#walk(pointer: Pointer, height: number, scan: Scan): AsyncGenerator<readonly Entry[], boolean> {
    if (height === 0) {
      const { batch, ended } = entriesWithin(await this.#scanBlock(pointer, scan), scan.range)
      if (batch.length > 0) yield batch
      return ended
    }
    const block = this.#shelf.get(pointer.offset) ?? (await this.#load(pointer))
    for (let index = block.lowerBound(scan.range.start); index < block.keys.length; index++) {
      if (yield* this.#walk(block.pointer(index), height - 1, scan)) return true
    }
    return false
  }

  async #scanBlock(pointer: Pointer, scan: Scan): Promise<Block> {
    const cached = this.#shelf.get(pointer.offset)
    if (cached !== undefined) return cached
    if (scan.blocksRead++ < scanBlocksCached) return await this.#load(pointer)
    return this.#decode(await scan.window.read(pointer), pointer)
  }

  async #loadFooter(): Promise<TableFooter> {
    const { footer } = this.description
    this.#footer = decodeFooter(await this.#file.read(footer), { file: this.#file.path, offset: footer.offset })
    return this.#footer
  }

  async #load(pointer: Pointer): Promise<Block> {
    const bytes = await this.#file.read(pointer)
    // Another lookup may have waited for the same bytes and be first.
    const known = this.#shelf.get(pointer.offset)
    if (known !== undefined) return known
    const block = this.#decode(bytes, pointer)
    // What is closed has left the cache for good.
    if (!this.#closed) this.#shelf.put(pointer.offset, block)
    return block
  }

  #decode(bytes: Buffer, pointer: Pointer): Block {
    return new Block(bytes, { file: this.#file.path, offset: pointer.offset })
  }
}

async function openFile(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, { mode: 'read' })
  } catch (error) {
    const code = errorCodeOf(error)
    if (code === 'ENOENT') throw new TableDamaged(path, 0, 'the file is missing')
    if (code === 'ENOTFILE') throw new TableDamaged(path, 0, 'this is not a regular file')
    throw error
  }
}

function entriesWithin(block: Block, range: KeyRange): { readonly batch: readonly Entry[]; readonly ended: boolean } {
  const batch: Entry[] = []
  for (let index = block.lowerBound(range.start); index < block.keys.length; index++) {
    const key = block.keys[index] as string
    if (range.isBefore(key)) continue
    if (range.isBehind(key)) return { batch, ended: true }
    batch.push([key, block.value(index)])
  }
  return { batch, ended: false }
}
