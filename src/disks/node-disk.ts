// The disk port over the real file system. Descriptors are raw numbers and the calls are the callback ones: a
// FileHandle costs more per call than the rest of an append's path through JavaScript.
//
// Invariants: a link is never followed to a file, so nothing outside the directory is read or written through one;
// a descriptor's number is not used after close(), when the system may have given it to another file.

import * as fs from 'node:fs'
import * as files from 'node:fs/promises'
import * as nodePath from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Disk, DiskEntry, DiskFile, DiskLock, DiskWatch, OpenMode, OpenOptions } from './disk.ts'
import { diskError, errorCodeOf } from './disk-error.ts'
import { pathParts } from './disk-path.ts'
import { defaultLockMechanism, type LockMechanism, takeKernelLock } from './kernel-lock.ts'
import { PromptReads } from './prompt-reads.ts'

const open = promisify(fs.open)
const close = promisify(fs.close)
const fsync = promisify(fs.fsync)
const fdatasync = promisify(fs.fdatasync)
const fstat = promisify(fs.fstat)
const ftruncate = promisify(fs.ftruncate)

const onWindows = process.platform === 'win32'
// Windows lacks these flags; there a look before the open stands in for O_NOFOLLOW.
const noFollow = fs.constants.O_NOFOLLOW ?? 0
// Opening a named pipe waits for its other end otherwise, and would take a thread of the pool with it.
const noBlock = fs.constants.O_NONBLOCK ?? 0
const directoryOnly = fs.constants.O_DIRECTORY ?? 0
// On macOS the flag exists, but what it promises ends at the drive's cache.
const syncedFlag = process.platform === 'linux' ? (fs.constants.O_DSYNC ?? 0) : 0

/** fdatasync covers content and size. On macOS only F_FULLFSYNC reaches the platter, and that is what libuv's fsync
 * does there. */
const syncContent = process.platform === 'darwin' ? fsync : fdatasync

const undefinedIfAbsent = { throwIfNoEntry: false } as const

export interface NodeDiskOptions {
  /** Insist on the lock mechanism that a journal has recorded. */
  readonly lockMechanism?: LockMechanism
}

export function nodeDisk(directory: string, options: NodeDiskOptions = {}): Disk {
  return new NodeDisk(nodePath.resolve(directory), directory, options.lockMechanism ?? defaultLockMechanism())
}

class NodeDisk implements Disk {
  readonly label: string
  readonly lockMechanism: LockMechanism
  readonly #root: string
  /** What existsNow was asked last. A writer asks for one path after each write, and to put it together costs more than
   * the look. */
  #asked: { readonly path: string; readonly full: string }

  constructor(root: string, label: string, lockMechanism: LockMechanism) {
    this.#root = root
    this.label = label
    this.lockMechanism = lockMechanism
    this.#asked = { path: '', full: root }
  }

  #full(path: string): string {
    return nodePath.join(this.#root, ...pathParts(path))
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    const descriptor = await this.#openRegular(path, openFlags(options))
    return new NodeFile(descriptor, path, options.mode)
  }

  async #openRegular(path: string, flags: number): Promise<number> {
    const full = this.#full(path)
    if (noFollow === 0) await refuseLink(full, path)
    let descriptor: number
    try {
      descriptor = await open(full, flags | noFollow | noBlock, 0o644)
    } catch (error) {
      // ELOOP: a link; EISDIR: a directory, for writing; ENXIO: a socket. FreeBSD says EMLINK for a link.
      if (['ELOOP', 'EMLINK', 'EISDIR', 'ENXIO'].includes(errorCodeOf(error) ?? '')) throw notAFile(path)
      throw error
    }
    try {
      if (!(await fstat(descriptor)).isFile()) throw notAFile(path)
    } catch (error) {
      await close(descriptor)
      throw error
    }
    return descriptor
  }

  async list(path: string): Promise<readonly DiskEntry[]> {
    const full = this.#full(path)
    // The directory of the journal itself may be reached through a link; what lies inside may not.
    if (path !== '' && (await files.lstat(full)).isSymbolicLink()) throw diskError('ENOTDIR', 'list', path, 'a link')
    const entries = await files.readdir(full, { withFileTypes: true })
    return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
  }

  async makeDirectory(path: string): Promise<void> {
    await files.mkdir(this.#full(path), { mode: 0o755 })
  }

  async rename(from: string, to: string): Promise<void> {
    await files.rename(this.#full(from), this.#full(to))
  }

  async remove(path: string): Promise<void> {
    await files.unlink(this.#full(path))
  }

  async removeDirectory(path: string): Promise<void> {
    await files.rmdir(this.#full(path))
  }

  /** On Windows this does nothing: a directory cannot be opened for syncing there, and NTFS journals its entries. */
  async syncDirectory(path: string): Promise<void> {
    const full = this.#full(path)
    if (onWindows) return
    const descriptor = await open(full, directoryOnly | (path === '' ? 0 : noFollow))
    try {
      await fsync(descriptor)
    } finally {
      await close(descriptor)
    }
  }

  existsNow(path: string): boolean {
    if (path !== this.#asked.path) this.#asked = { path, full: this.#full(path) }
    // Throws for anything but "not there": an error is never taken for absence.
    return fs.lstatSync(this.#asked.full, undefinedIfAbsent) !== undefined
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    const full = this.#full(path)
    const openPlain = (extraFlags: number) => this.#openRegular(path, fs.constants.O_RDWR | extraFlags)
    return await takeKernelLock({ mechanism: this.lockMechanism, path: full, open: openPlain })
  }

  watch(path: string, changed: () => void): DiskWatch {
    try {
      const watcher = fs.watch(this.#full(path), { persistent: false }, changed)
      // A watch is only a hint, by its contract: whoever listens also looks by itself from time to time. So one that
      // fails, now or later, loses nothing.
      watcher.on('error', () => watcher.close())
      return { close: () => watcher.close() }
    } catch (error) {
      // As above, for a path that is not there or a system that is out of watches; a refused path is our defect.
      if (errorCodeOf(error) === 'ASSERTION') throw error
      return { close: () => undefined }
    }
  }
}

/** Of the whole process: its one thread is what waits. */
const promptReads = new PromptReads()

class NodeFile implements DiskFile {
  readonly #descriptor: number
  readonly #path: string
  readonly #syncAfterWrite: boolean
  /** Operations in flight. close() waits for them: the number must not be reused under one. */
  #inFlight = 0
  #closing: Promise<void> | undefined
  #drained: (() => void) | undefined

  constructor(descriptor: number, path: string, mode: OpenMode) {
    this.#descriptor = descriptor
    this.#path = path
    this.#syncAfterWrite = mode === 'synced' && syncedFlag === 0
  }

  read(into: Uint8Array, at: number): Promise<number> | number {
    if (this.#closing !== undefined) return Promise.reject(this.#closedError('read'))
    const began = performance.now()
    const way = promptReads.wayOf(into.length, began)
    if (way === 'now') return this.#readNow(into, at, began)
    return way === 'pool' ? this.#read(into, at) : this.#run('read', () => this.#readNextTurn(into, at))
  }

  async #readNextTurn(into: Uint8Array, at: number): Promise<number> {
    await nextTurn()
    return this.#readNow(into, at, performance.now())
  }

  #readNow(into: Uint8Array, at: number, began: number): number | Promise<number> {
    try {
      return fs.readSync(this.#descriptor, into, 0, into.length, at)
    } catch (error) {
      return Promise.reject(error)
    } finally {
      promptReads.took(performance.now() - began)
    }
  }

  #read(into: Uint8Array, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, into, 0, into.length, at, (error, count) => {
        this.#leave()
        if (error === null) resolve(count)
        else reject(error)
      })
      this.#inFlight++ // behind the call: one that throws never calls back, and close() would wait for it
    })
  }

  // The hot path of every durable append: one promise, one call.
  write(from: Uint8Array, at: number): Promise<number> {
    if (this.#syncAfterWrite) return this.#writeThenSync(from, at)
    return this.#write(from, at)
  }

  #write(from: Uint8Array, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) return reject(this.#closedError('write'))
      fs.write(this.#descriptor, from, 0, from.length, at, (error, count) => {
        this.#leave()
        if (error === null) resolve(count)
        else reject(error)
      })
      this.#inFlight++ // behind the call, as in #read
    })
  }

  async #writeThenSync(from: Uint8Array, at: number): Promise<number> {
    const count = await this.#write(from, at)
    await this.sync()
    return count
  }

  sync(): Promise<void> {
    return this.#run('sync', syncContent)
  }

  truncate(size: number): Promise<void> {
    return this.#run('truncate', (descriptor) => ftruncate(descriptor, size))
  }

  size(): Promise<number> {
    return this.#run('size', async (descriptor) => (await fstat(descriptor)).size)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
    await close(this.#descriptor)
  }

  async #run<T>(operation: string, call: (descriptor: number) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw this.#closedError(operation)
    this.#inFlight++
    try {
      return await call(this.#descriptor)
    } finally {
      this.#leave()
    }
  }

  #leave(): void {
    this.#inFlight--
    if (this.#inFlight === 0) this.#drained?.()
  }

  #closedError(operation: string): Error {
    return diskError('EBADF', operation, this.#path, 'the file is closed')
  }
}

function openFlags(options: OpenOptions): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants
  const creating = { never: 0, maybe: O_CREAT, exclusive: O_CREAT | O_EXCL }[options.create ?? 'never']
  return creating | { read: O_RDONLY, write: O_RDWR, synced: O_RDWR | syncedFlag }[options.mode]
}

async function refuseLink(full: string, path: string): Promise<void> {
  const found = await files.lstat(full).catch((error: unknown) => {
    // Not there: the open that follows says so, or creates it.
    if (errorCodeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (found?.isSymbolicLink()) throw notAFile(path)
}

function notAFile(path: string): Error {
  return diskError('ENOTFILE', 'open', path, 'not a regular file')
}

function kindOf(entry: fs.Dirent): DiskEntry['kind'] {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'directory' : 'other'
}
