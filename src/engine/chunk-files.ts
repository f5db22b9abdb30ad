// The files under blobs/: chunks of large blobs, each named by the SHA-256 of its content (FORMAT.md, section 1). A
// chunk has its final name only after its content was synced; what is found under the name is read and checked
// before it is relied on, and replaced when it isn't what the name says.
//
// Invariant: after put() and makeDurable() the chunk survives a power cut, whoever wrote it first. That is why
// makeDurable() also syncs for chunks that were there before: another put may have renamed one but not synced yet.

import { createHash } from 'node:crypto'
import type { Disk, DiskFile } from '../disks/disk.ts'
import { errorCodeOf } from '../disks/disk-error.ts'
import { readFully, writeFully } from '../disks/whole-io.ts'
import { HoldfastError } from '../errors.ts'
import { blobPath, folders } from './layout.ts'
import { damaged } from './segment.ts'
import { ensureDirectory, removeIfThere } from './whole-file.ts'

export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

export class ChunkFiles {
  readonly #disk: Disk
  /** Folders whose own entry is durable. */
  readonly #durableFolders: Set<string> = new Set()
  readonly #partsInUse: Set<string> = new Set()
  #partNumber = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** The chunk is there under its name, its content synced. It is durable after makeDurable() of its folder. */
  async put(digest: string, content: Uint8Array): Promise<void> {
    if (!(await this.#holds(digest, content.length))) await this.#write(digest, content)
  }

  /** The folder names that makeDurable() takes. */
  static folderOf(digest: string): string {
    return `${folders.blobs}/${digest.slice(0, 2)}`
  }

  async makeDurable(touched: ReadonlySet<string>): Promise<void> {
    if (touched.size === 0) return
    const isKnown = [...touched].every((folder) => this.#durableFolders.has(folder))
    if (!isKnown) {
      if (!this.#durableFolders.has(folders.blobs)) {
        await this.#disk.syncDirectory('')
        this.#durableFolders.add(folders.blobs)
      }
      await this.#disk.syncDirectory(folders.blobs)
      for (const folder of touched) this.#durableFolders.add(folder)
    }
    for (const folder of touched) await this.#disk.syncDirectory(folder)
  }

  /** The chunk's content; DAMAGED when it isn't there or isn't what its name says. */
  async read(digest: string, bytes: number): Promise<Buffer> {
    const path = blobPath(digest)
    let file: DiskFile
    try {
      file = await this.#disk.open(path, { mode: 'read' })
    } catch (error) {
      if (!isAbsence(error)) throw error
      throw damaged(this.#disk, path, 0, 'blob-missing', 'the chunk is not there, though a blob needs it', error)
    }
    try {
      const content = await contentOf(file, bytes)
      if (content !== undefined && sha256(content) === digest) return content
      throw damaged(this.#disk, path, 0, 'blob-digest', 'the chunk is not what its name says')
    } finally {
      await file.close()
    }
  }

  /** Durable after syncDirectory of its folder. */
  async remove(path: string): Promise<void> {
    await removeIfThere(this.#disk, path)
  }

  isPartInUse(path: string): boolean {
    return this.#partsInUse.has(path)
  }

  async #holds(digest: string, bytes: number): Promise<boolean> {
    try {
      await this.read(digest, bytes)
      return true
    } catch (error) {
      // What is missing or damaged or can't be read is written anew, which also mends what else needs the chunk.
      if ((error instanceof HoldfastError && error.code === 'DAMAGED') || errorCodeOf(error) === 'EIO') return false
      throw error
    }
  }

  async #write(digest: string, content: Uint8Array): Promise<void> {
    const path = blobPath(digest)
    const { part, file } = await this.#createPart(digest)
    try {
      try {
        await writeFully(file, content, 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#disk.rename(part, path)
    } catch (error) {
      // The first failure is what matters; a part that stays behind has no meaning and is swept.
      await this.#disk.remove(part).catch(() => undefined)
      throw error
    } finally {
      this.#partsInUse.delete(part)
    }
  }

  /** Several puts may write one chunk at once, and a crash may have left parts: each takes a name that is free. */
  async #createPart(digest: string): Promise<{ readonly part: string; readonly file: DiskFile }> {
    for (;;) {
      const part = `${blobPath(digest)}.${++this.#partNumber}.part`
      this.#partsInUse.add(part)
      try {
        return { part, file: await this.#disk.open(part, { mode: 'write', create: 'exclusive' }) }
      } catch (error) {
        this.#partsInUse.delete(part)
        const code = errorCodeOf(error)
        if (code === 'ENOENT') await this.#makeFolder(ChunkFiles.folderOf(digest))
        else if (code !== 'EEXIST') throw error
      }
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    if (await ensureDirectory(this.#disk, folders.blobs)) this.#durableFolders.clear()
    if (await ensureDirectory(this.#disk, folder)) this.#durableFolders.delete(folder)
  }
}

/** Exactly `bytes` bytes; undefined when the file has another length. */
async function contentOf(file: DiskFile, bytes: number): Promise<Buffer | undefined> {
  if ((await file.size()) !== bytes) return undefined
  const content = Buffer.allocUnsafe(bytes)
  return (await readFully(file, content, 0)) === bytes ? content : undefined
}

function isAbsence(error: unknown): boolean {
  const code = errorCodeOf(error)
  return code === 'ENOENT' || code === 'ENOTFILE'
}
