// Keeps a bounded number of like tasks going at once: start() waits for room, not for the task. The first failure is
// kept, later tasks are not begun, and nothing runs any more once finished() resolves.

export class WorkWindow {
  readonly #sizeMax: number
  readonly #running: Set<Promise<void>> = new Set()
  #failure: { readonly error: unknown } | undefined

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  /** Begins the task when there is room. Throws the first failure of an earlier one. */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#sizeMax) await Promise.race(this.#running)
    if (this.#failure !== undefined) throw this.#failure.error
    const running = task()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Nothing runs any more. Never rejects. */
  async finished(): Promise<void> {
    await Promise.all(this.#running)
  }

  /** Everything is done, or throws the first failure. */
  async result(): Promise<void> {
    await this.finished()
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
