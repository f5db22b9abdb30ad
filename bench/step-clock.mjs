// When each step of a run was called: what a step takes, and what the first and the last tenth of them took. A run is
// measured from the first call to the last, so that what an engine needs to begin, or to tell that it has ended, is no
// part of it. While the clock stands, what others do in the same process isn't counted.

const tenth = 10

export class StepClock {
  #now
  #times
  #count = 0
  #left = 0
  #stoodAt

  constructor(steps, now = () => performance.now()) {
    this.#now = now
    this.#times = new Float64Array(steps)
  }

  /** A step's function is called. Past the number of steps, it is only counted. */
  mark() {
    if (this.#count < this.#times.length) this.#times[this.#count] = this.#now() - this.#left
    this.#count++
  }

  stop() {
    this.#stoodAt = this.#now()
  }

  go() {
    this.#left += this.#now() - this.#stoodAt
  }

  /** How often a step was called. */
  get count() {
    return this.#count
  }

  /** In µs a step: of all, of the first tenth, of the last. */
  figures() {
    const last = this.#count - 1
    const few = Math.max(1, Math.floor(last / tenth))
    const between = (from, to) => ((this.#times[to] - this.#times[from]) * 1_000) / (to - from)
    return { stepUs: between(0, last), firstUs: between(0, few), lastUs: between(last - few, last) }
  }
}
