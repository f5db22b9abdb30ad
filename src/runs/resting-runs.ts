// The runs that rest in memory. There is room for so many; who has rested longest makes room for who comes.

export class RestingRuns {
  readonly #max: number
  /** In the order in which they came to rest. */
  readonly #runs: Set<{ passivate(): void }> = new Set()

  constructor(max: number) {
    this.#max = max
  }

  add(run: { passivate(): void }): void {
    this.#runs.add(run)
    for (const oldest of this.#runs) {
      if (this.#runs.size <= this.#max) return
      this.#runs.delete(oldest)
      oldest.passivate()
    }
  }

  delete(run: { passivate(): void }): void {
    this.#runs.delete(run)
  }
}
