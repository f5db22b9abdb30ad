// A log of JSON lines with an fsync per line, through the thread pool: how journals are often written by hand.

import * as fs from 'node:fs'
import { join } from 'node:path'

export const jsonl = {
  name: 'JSONL, fsync a line',
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
  #waiting = []
  #isWriting = false

  constructor(path) {
    this.#path = path
    this.#descriptor = fs.openSync(path, 'a', 0o644)
  }

  append({ stream, type, data }) {
    const seq = (this.#seqs.get(stream) ?? 0) + 1
    const position = this.#position + 1
    this.#seqs.set(stream, seq)
    this.#position = position
    const line = `${JSON.stringify({ position, stream, seq, time: Date.now(), type, data })}\n`
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, receipt: { position, seq }, resolve, reject })
      if (!this.#isWriting) this.#writeNext()
    })
  }

  #writeNext() {
    const next = this.#waiting.shift()
    this.#isWriting = next !== undefined
    if (next === undefined) return
    fs.write(this.#descriptor, next.line, (error) => {
      if (error !== null) return next.reject(error)
      fs.fsync(this.#descriptor, (failure) => {
        if (failure !== null) return next.reject(failure)
        next.resolve(next.receipt)
        this.#writeNext()
      })
    })
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
