// Where journals are made: a directory of its own for each run, which is removed at the end of it. A run that was killed
// can't do that and may leave gigabytes, so each directory says whose it is, and the next run removes those of the dead.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { fileSystemOf, isInMemory } from './machine.mjs'

const ownerFile = 'owner.json'

/** Throws an Error that says what is wrong with the place, and leaves nothing behind where it refuses. */
export function makeScratch(directory, { mayBeInMemory }) {
  const fileSystem = fileSystemOf(nearestThere(directory))
  if (isInMemory(fileSystem) && !mayBeInMemory) {
    throw new Error(
      `${directory} is in memory (${fileSystem}), where a sync costs nothing and no figure means anything.\n` +
        'Name a directory on a disk with --dir, or say --dir and --force.',
    )
  }
  makeDirectory(directory)
  for (const left of leftBehind(directory)) removeScratch(left)
  const scratch = mkdtempSync(join(directory, 'run-'))
  writeFileSync(join(scratch, ownerFile), JSON.stringify({ host: hostname(), pid: process.pid }))
  return scratch
}

/** What stops while it is removed may still make a file or two. */
export function removeScratch(scratch) {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

/** The directories of runs on this machine whose process is gone. */
export function leftBehind(directory, isAlive = isRunning) {
  return readdirSync(directory)
    .filter((name) => name.startsWith('run-'))
    .map((name) => join(directory, name))
    .filter((path) => {
      const owner = ownerOf(path)
      return owner?.host === hostname() && !isAlive(owner.pid)
    })
}

function ownerOf(path) {
  try {
    return JSON.parse(readFileSync(join(path, ownerFile), 'utf8'))
  } catch {
    return undefined // not one of ours, or of a run that is just beginning
  }
}

function isRunning(pid) {
  if (pid === process.pid) return false // that number was another's: this run has no directory yet
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code !== 'ESRCH'
  }
}

/** The directory and those above it that are missing. One by one: mkdir of Node goes on for ever below /proc. */
export function makeDirectory(path) {
  if (existsSync(path)) {
    readdirSync(path) // throws where it is no directory
    return
  }
  const above = dirname(path)
  if (!existsSync(above)) makeDirectory(above)
  mkdirSync(path)
}

function nearestThere(path) {
  return existsSync(path) ? path : nearestThere(dirname(path))
}
