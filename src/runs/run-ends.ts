// Who waits for the end of a run, wherever it is driven.

export class RunEnds {
  readonly #waiters: Map<string, Set<() => void>> = new Map()

  /** Calls back when it may have ended; the journal says whether it has. Returns how to stop. */
  watch(id: string, look: () => void): () => void {
    const waiters = this.#waiters.get(id) ?? new Set()
    this.#waiters.set(id, waiters)
    waiters.add(look)
    return () => {
      waiters.delete(look)
      if (waiters.size === 0 && this.#waiters.get(id) === waiters) this.#waiters.delete(id)
    }
  }

  tell(id: string): void {
    for (const look of [...(this.#waiters.get(id) ?? [])]) look()
  }

  tellAll(): void {
    for (const id of [...this.#waiters.keys()]) this.tell(id)
  }
}
