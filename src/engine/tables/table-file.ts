// The open file of one table: checked reads of its parts. Two that ask for one part at a time share the read.
// Invariant: the descriptor is closed after the last read has settled, because its number may then be another file's.

import { crc32 } from 'node:zlib'
import type { DiskFile } from '../../disks/disk.ts'
import { readFully } from '../../disks/whole-io.ts'
import { HoldfastError } from '../../errors.ts'
import type { Pointer } from './pointer.ts'
import { TableDamaged } from './table-damaged.ts'

const readAheadMax = 131_072

export interface ReadWindow {
  read(pointer: Pointer): Promise<Buffer>
}

export class TableFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #shared = new Map<number, Promise<Buffer>>()
  readonly #reads = new Set<Promise<unknown>>()
  #closed: Promise<void> | undefined

  constructor(file: DiskFile, path: string) {
    this.#file = file
    this.path = path
  }

  /** The bytes that the pointer means, or TableDamaged. */
  read(pointer: Pointer): Promise<Buffer> {
    const known = this.#shared.get(pointer.offset)
    if (known !== undefined) return known
    const reading = this.#readChecked(pointer).finally(() => this.#shared.delete(pointer.offset))
    this.#shared.set(pointer.offset, reading)
    return reading
  }

  async #readChecked(pointer: Pointer): Promise<Buffer> {
    return this.#check(await this.#readBytes(pointer.offset, pointer.length), pointer)
  }

  #check(bytes: Buffer, pointer: Pointer): Buffer {
    if (bytes.length < pointer.length) throw new TableDamaged(this.path, pointer.offset, 'the file ends too early')
    if (crc32(bytes) !== pointer.sum) throw new TableDamaged(this.path, pointer.offset, 'the checksum does not match')
    return bytes
  }

  /** For a scan: reads ahead, the further the longer the scan goes on. */
  window(): ReadWindow {
    let start = 0
    let held: Buffer = Buffer.alloc(0)
    let ahead = 0
    return {
      read: async (pointer) => {
        if (pointer.offset < start || pointer.offset + pointer.length > start + held.length) {
          held = await this.#readBytes(pointer.offset, Math.max(pointer.length, ahead))
          start = pointer.offset
          ahead = Math.min(readAheadMax, Math.max(pointer.length, ahead) * 2)
        }
        const at = pointer.offset - start
        return this.#check(held.subarray(at, at + pointer.length), pointer)
      },
    }
  }

  /** Lets what is being read end, then closes. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#reads).then(() => this.#file.close())
    return this.#closed
  }

  async #readBytes(offset: number, length: number): Promise<Buffer> {
    if (this.#closed !== undefined) throw new HoldfastError('CLOSED', `the tables are closed: ${this.path}`)
    const bytes = Buffer.allocUnsafeSlow(length)
    const reading = readFully(this.#file, bytes, offset)
    this.#reads.add(reading)
    try {
      return bytes.subarray(0, await reading)
    } finally {
      this.#reads.delete(reading)
    }
  }
}
