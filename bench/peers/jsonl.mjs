// A log of JSON lines with a sync per line: how journals are often written by hand. The calls are the synchronous ones:
// they hold up the process, but through the thread pool the same takes a third longer, and nobody here has anything to do
// meanwhile. fdatasync is enough for what was appended.

import * as fs from 'node:fs'
import { join } from 'node:path'

export const jsonl = {
  name: 'JSONL, a sync a line',
  async open(directory) {
    fs.mkdirSync(directory, { recursive: true })
    return new JsonlStore(join(directory, 'events.jsonl'))
  },
}

class JsonlStore {
  #path
  #descriptor
  #position = 0
  #seqs = new Map()

  constructor(path) {
    this.#path = path
    this.#descriptor = fs.openSync(path, 'a', 0o644)
  }

  async append({ stream, type, data }) {
    const seq = (this.#seqs.get(stream) ?? 0) + 1
    const position = this.#position + 1
    const line = `${JSON.stringify({ position, stream, seq, time: Date.now(), type, data })}\n`
    fs.writeSync(this.#descriptor, line)
    fs.fdatasyncSync(this.#descriptor)
    this.#seqs.set(stream, seq)
    this.#position = position
    return { position, seq }
  }

  seqOf({ seq }) {
    return seq
  }

  async count() {
    return fs.readFileSync(this.#path, 'utf8').split('\n').length - 1
  }

  async close() {
    fs.closeSync(this.#descriptor)
  }
}
