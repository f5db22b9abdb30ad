// Who wants to be woken: by what this process commits, and while anybody watches also by what other processes do.

export class Wakeups {
  /** One entry a call: a function that watches twice is two watchers. */
  readonly #watchers: Set<{ readonly wake: () => void }> = new Set()
  readonly #watchElsewhere: (wake: () => void) => () => void
  #stop: (() => void) | undefined

  constructor(watchElsewhere: (wake: () => void) => () => void) {
    this.#watchElsewhere = watchElsewhere
  }

  add(wake: () => void): () => void {
    const watcher = { wake }
    this.#watchers.add(watcher)
    this.#stop ??= this.#watchElsewhere(() => this.wake())
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) this.#rest()
    }
  }

  wake(): void {
    for (const { wake } of [...this.#watchers]) wake()
  }

  close(): void {
    this.#rest()
    this.wake()
    this.#watchers.clear()
  }

  #rest(): void {
    this.#stop?.()
    this.#stop = undefined
  }
}
