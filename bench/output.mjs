// The files that a run writes. That they can be written is found out before anything is measured, and each is whole at
// every moment: who reads one while the next work runs, or after a kill, finds what the works before had given.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory } from './scratch.mjs'

/** Throws an Error that says why nothing can be written there. */
export function mustBeWritable(path) {
  if (existsSync(path) && statSync(path).isDirectory()) throw new Error(`${path} is a directory, not a file`)
  makeDirectory(dirname(path))
  if (!isReplaced(path)) return accessSync(path, constants.W_OK)
  closeSync(openSync(partOf(path), 'w'))
  rmSync(partOf(path))
}

export function writeOutput(path, content) {
  if (!isReplaced(path)) return writeFileSync(path, content)
  writeFileSync(partOf(path), content)
  renameSync(partOf(path), path)
}

/** A device or a pipe is written to, nothing takes its place. */
function isReplaced(path) {
  return !existsSync(path) || statSync(path).isFile()
}

function partOf(path) {
  return `${path}.part`
}
