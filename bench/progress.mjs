// How far a run is: on a terminal one line that is rewritten, elsewhere a plain line now and then. On standard error, so
// that the tables can be redirected alone.

const everyMs = 10_000

export class Progress {
  #stream
  #now
  #began
  #toldAt
  #work = ''
  #what = ''

  constructor({ stream, now }) {
    this.#stream = stream
    this.#now = now
    this.#began = now()
    this.#toldAt = this.#began - everyMs
  }

  begin(work) {
    this.#work = work
    this.tell('begins')
  }

  /** `row`: what is measured; `round` counts from 0. */
  tell(row, round) {
    this.#what = `${this.#work}: ${row}${round === undefined ? '' : `, round ${round + 1}`}`
    this.again()
  }

  /** Nothing new but the time: what takes long is still at it. */
  again() {
    const now = this.#now()
    const text = `${this.#what}, ${Math.round((now - this.#began) / 1_000)} s`
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[K${text}`)
    else if (now - this.#toldAt >= everyMs) {
      this.#toldAt = now
      this.#stream.write(`${text}\n`)
    }
  }

  /** The line makes room for what is printed next. */
  clear() {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K')
  }
}
