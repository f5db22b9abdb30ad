// From a path to the file store in it: the part of opening that knows the real file system and this process.

import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { nodeDirectories } from './disks/node-directories.ts'
import { nodeDisk } from './disks/node-disk.ts'
import { isHoldfastError } from './errors.ts'
import { type Clock, systemClock } from './host/clock.ts'
import { type Random, systemRandom } from './host/random.ts'
import { makeDirectories } from './make-directories.ts'
import type { FileStore } from './stores/file/file-store.ts'
import { type FileOpenOptions, openFileStore } from './stores/file/open-file-store.ts'

export interface DirectoryOptions {
  readonly readOnly?: boolean
  readonly takeover?: boolean
  readonly create?: 'if-missing' | 'never' | 'exclusive'
  readonly segmentBytes?: number
  readonly progress?: NonNullable<FileOpenOptions['progress']>
  readonly clock?: Clock
  readonly random?: Random
  /** How often a lock that is held is asked for again. Somebody who only looks whether there is an owner holds it for a
   * moment, and an agent that just restarts shall not fail by that. */
  readonly lockAttempts?: number
  /** Also where it is marked as moved: for copying alone. */
  readonly evenMoved?: boolean
}

const lockAttemptsDefault = 4
const lockRetryMs = 60

export async function openDirectory(path: string, options: DirectoryOptions): Promise<FileStore> {
  const directory = resolve(path)
  const { clock = systemClock, random = systemRandom, lockAttempts = lockAttemptsDefault, ...rest } = options
  const { readOnly, create } = rest
  if (readOnly !== true && create !== 'never') await makeDirectories(directory)
  for (let attempt = 1; ; attempt++) {
    try {
      return await openOnce(directory, { ...rest, clock, random })
    } catch (error) {
      if (attempt >= lockAttempts || !isHoldfastError(error, 'LOCKED')) throw error
      await new Promise((resolve) => setTimeout(resolve, lockRetryMs))
    }
  }
}

function openOnce(
  directory: string,
  options: Omit<FileOpenOptions, 'disk' | 'directories' | 'process'>,
): Promise<FileStore> {
  return openFileStore({
    ...options,
    disk: nodeDisk(directory),
    directories: nodeDirectories,
    process: { pid: process.pid, host: hostname() },
  })
}
