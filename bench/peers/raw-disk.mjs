// The disk alone: the bytes of a Holdfast line per append, made beforehand, grouped as Holdfast groups them (all that
// came while the write before was on its way is one write), through the thread pool to a descriptor that syncs each
// write. It encodes and numbers nothing: it is what no store in this process can pass.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { eventBytes } from '../event.mjs'

export const rawDisk = {
  name: 'raw disk (O_DSYNC)',
  async open(directory) {
    fs.mkdirSync(directory, { recursive: true })
    return new RawDisk(join(directory, 'raw'))
  },
}

const synced = process.platform === 'linux' ? fs.constants.O_DSYNC : fs.constants.O_SYNC
/** What `{"position":123456,"stream":"","seq":1234,"time":…,"type":"","data":,"sum":…,"link":…}` adds to an event. */
const envelopeBytes = 117
const lineBytes = eventBytes + envelopeBytes
/** The largest group: 20,000 appends at once. */
const room = 20_000 * lineBytes

class RawDisk {
  #descriptor
  #buffer = Buffer.alloc(room, 0x20)
  #waiting = []
  #isWriting = false
  #end = 0

  constructor(path) {
    const { O_CREAT, O_EXCL, O_RDWR } = fs.constants
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
    const bytes = group.length * lineBytes
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
    return fs.fstatSync(this.#descriptor).size / lineBytes
  }

  async close() {
    fs.closeSync(this.#descriptor)
  }
}
