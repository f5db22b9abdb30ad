// The files of a journal as a whole: how much they take, and a copy of them that is on the disk when it is done, so that
// what is measured next doesn't wait for it.

import { closeSync, constants, copyFileSync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync } from 'node:fs'
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
