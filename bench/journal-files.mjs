// The files of a journal as a whole: how much they take, and a copy of them that is on the disk when it is done, so that
// what is measured next doesn't wait for it.

import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Of st_blocks, whatever the file system's own blocks are. */
const blockBytes = 512

/** `allocated`: as `du` counts; `length`: of the files. */
export function sizeOf(path) {
  const status = lstatSync(path)
  let allocated = status.blocks * blockBytes
  let length = status.isFile() ? status.size : 0
  if (status.isDirectory()) {
    for (const name of readdirSync(path)) {
      const inside = sizeOf(join(path, name))
      allocated += inside.allocated
      length += inside.length
    }
  }
  return { allocated, length }
}

export function copyDirectory(from, to) {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyDirectory(source, target)
    else {
      copyFileSync(source, target, constants.COPYFILE_EXCL)
      sync(target)
    }
  }
}

function sync(path) {
  const descriptor = openSync(path, 'r+')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** Of a journal of Holdfast: how long the newest line is that has this text in it, with its end. */
export function newestLineBytes(directory, text) {
  const segments = readdirSync(join(directory, 'segments'))
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
  const lines = segments.flatMap((name) => readFileSync(join(directory, 'segments', name), 'utf8').split('\n'))
  const line = lines.findLast((each) => each.includes(text))
  if (line === undefined) throw new Error(`${directory}: no line has ${text}`)
  return Buffer.byteLength(line) + 1
}
