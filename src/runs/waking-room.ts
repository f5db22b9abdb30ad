// Bringing runs back into memory, so many at once: a hundred thousand that are due at the same time come one after another.

export class WakingRoom {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #inside = 0
  #next = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Begins when there is room; whoever is inside leaves once. */
  enter(begin: () => void): void {
    if (this.#inside < this.#max) {
      this.#inside += 1
      begin()
    } else this.#waiting.push(begin)
  }

  leave(): void {
    const begin = this.#waiting[this.#next]
    if (begin === undefined) {
      this.#inside -= 1
      return
    }
    this.#next += 1
    if (this.#next === this.#waiting.length) {
      this.#waiting.length = 0
      this.#next = 0
    }
    begin()
  }
}
