// The port to directories outside the journal's own: a backup is built in one. Paths are the operating system's, as the
// user gives them. Failures are the operating system's errors with their `code`.

import type { Disk } from './disk.ts'

/** A directory in the making: nobody sees it under its name until commit(). */
export interface NewDirectory {
  readonly disk: Disk
  /** The directory takes its name, durably. What is in it must be durable before. */
  commit(): Promise<void>
  /** Nothing of it is left. */
  discard(): Promise<void>
}

export interface Directories {
  /**
   * Begins a directory that is to stand at `path`, where there must be nothing or an empty directory.
   * ENOTEMPTY, ENOTDIR (a file stands there), ENOENT (its parent is missing), EBUSY (another process makes one there).
   */
  begin(path: string): Promise<NewDirectory>
}
