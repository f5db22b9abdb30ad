// The disk port: the only way in which the file store touches a file. Small on purpose, so that the simulated
// and the faulty disk can be exact. Paths are relative to the journal's directory, with '/' as separator and ''
// for the directory itself. Failures are the operating system's errors with their `code` ('ENOENT', 'EIO', …).

export interface DiskEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'other'
}

/**
 * read    an existing file, for reading
 * write   for reading and writing; a write is durable only after sync()
 * synced  for reading and writing; every write is durable when its promise resolves
 *         (O_DSYNC on Linux, write + fdatasync elsewhere)
 */
export type OpenMode = 'read' | 'write' | 'synced'

export interface OpenOptions {
  readonly mode: OpenMode
  /** never: must exist (default). exclusive: must not exist. maybe: either. */
  readonly create?: 'never' | 'exclusive' | 'maybe'
}

export interface DiskFile {
  /** Reads up to into.length bytes at the offset; fewer is normal, 0 only at the end of the file. A small read may be
   * answered at once, where that is quicker than to ask another thread. Failures are always rejections. */
  read(into: Uint8Array, at: number): Promise<number> | number
  /** Writes up to from.length bytes at the offset; a short count is normal and not an error. */
  write(from: Uint8Array, at: number): Promise<number>
  /** Content and size of this file are durable when it resolves. After a failure the descriptor is done for. */
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** A lock that the kernel releases when this process dies, however it dies. */
export interface DiskLock {
  release(): Promise<void>
}

export interface DiskWatch {
  close(): void
}

export interface Disk {
  /** For messages: the directory as a person would name it. */
  readonly label: string
  /** Which lock mechanism `lock` uses: recorded in the journal, so that two kinds never meet. */
  readonly lockMechanism: string
  open(path: string, options: OpenOptions): Promise<DiskFile>
  /** Unordered. ENOENT when the directory is missing, ENOTDIR when it is a file. */
  list(path: string): Promise<readonly DiskEntry[]>
  /** Creates one directory; EEXIST when it is there. */
  makeDirectory(path: string): Promise<void>
  /** Atomic; replaces an existing file. Durable after syncDirectory of both parents. */
  rename(from: string, to: string): Promise<void>
  /** Removes one file. Durable after syncDirectory of the parent. */
  remove(path: string): Promise<void>
  /** Removes one empty directory. */
  removeDirectory(path: string): Promise<void>
  /** Creations, renames and removals in this directory are durable when it resolves. */
  syncDirectory(path: string): Promise<void>
  /** Synchronous on purpose: the writer asks it between sync and acknowledgement (the fence), where a trip
   * through the thread pool would cost a sixth of the whole append. */
  existsNow(path: string): boolean
  /** Takes the kernel's lock on an existing file without waiting; undefined when another holds it. */
  lock(path: string): Promise<DiskLock | undefined>
  /** Calls back when something at this path (file or directory) may have changed. A hint only: it may come
   * late, twice or never. */
  watch(path: string, changed: () => void): DiskWatch
}
