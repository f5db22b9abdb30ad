// Those who wait for the next time that something happens. Whoever needs a condition looks again when it is told: by then
// it may no longer hold.

export class Waiters {
  readonly #resolves: (() => void)[] = []

  /** Resolves with the next tell(). Never rejects. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#resolves.push(resolve))
  }

  tell(): void {
    if (this.#resolves.length === 0) return
    for (const resolve of this.#resolves.splice(0)) resolve()
  }
}
