// The disk alone: the bytes of a Holdfast line per append, made beforehand, grouped as Holdfast groups them (all that
// came while the write before was on its way is one write), through the thread pool to a descriptor that syncs each
// write. It encodes and numbers nothing: it is what no store that appends to a file in this process can pass.

import * as fs from 'node:fs'
import { join } from 'node:path'

const synced = process.platform === 'linux' ? fs.constants.O_DSYNC : fs.constants.O_SYNC
/** The largest group. */
const groupMax = 20_000

/** `lineBytes`: what Holdfast was seen to write per event. */
export function rawDiskOf(lineBytes) {
  return {
    name: 'raw disk (O_DSYNC)',
    async open(directory) {
      fs.mkdirSync(directory, { recursive: true })
      return new RawDisk(join(directory, 'raw'), lineBytes)
    },
  }
}

class RawDisk {
  #lineBytes
  #descriptor
  #buffer
  #waiting = []
  #isWriting = false
  #end = 0

  constructor(path, lineBytes) {
    const { O_CREAT, O_EXCL, O_RDWR } = fs.constants
    this.#lineBytes = lineBytes
    this.#buffer = Buffer.alloc(groupMax * lineBytes, 0x20)
    this.#descriptor = fs.openSync(path, O_CREAT | O_EXCL | O_RDWR | (synced ?? 0), 0o644)
  }

  append() {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (this.#isWriting) return
      this.#isWriting = true
      process.nextTick(() => this.#write())
    })
  }

  #write() {
    const group = this.#waiting
    this.#waiting = []
    const bytes = group.length * this.#lineBytes
    fs.write(this.#descriptor, this.#buffer, 0, bytes, this.#end, (error, written) => {
      if (error === null && written !== bytes) error = new Error('a short write')
      this.#end += bytes
      this.#isWriting = this.#waiting.length > 0
      for (const { resolve, reject } of group) {
        if (error === null) resolve()
        else reject(error)
      }
      // Behind the callers that were just told: what they append in return shares the write.
      if (this.#isWriting) queueMicrotask(() => this.#write())
    })
  }

  async count() {
    return fs.fstatSync(this.#descriptor).size / this.#lineBytes
  }

  async close() {
    fs.closeSync(this.#descriptor)
  }
}
