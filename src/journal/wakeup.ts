// Waiting for something to happen without missing it: a call of wake() counts also when nobody waits yet.

export class Wakeup {
  #isWoken = false
  #resume: (() => void) | undefined

  wake(): void {
    this.#isWoken = true
    this.#resume?.()
    this.#resume = undefined
  }

  /** Resolves after the next wake(), or at once if there was one since the last wait. */
  async wait(): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
    }
    this.#isWoken = false
  }
}
