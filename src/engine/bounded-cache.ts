// A cache of bounded size that forgets what was not used for long. Two generations: what is used moves to the young one;
// when that is full it becomes the old one, and the former old one is dropped whole. No order is kept and nothing is
// searched for, so a full cache costs no more than an empty one.
//
// While it is held it forgets nothing: who needs more at once than the cache has room for gets it all, in the end.

export class BoundedCache<V> {
  readonly #generationMax: number
  #young: Map<string, V> = new Map()
  #old: Map<string, V> = new Map()
  isHeld = false

  constructor(entriesMax: number) {
    this.#generationMax = Math.max(1, entriesMax >>> 1)
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    if (!this.isHeld && this.#young.size >= this.#generationMax && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  /** Forgets what has its place elsewhere. */
  forget(keys: { has(key: string): boolean }): void {
    for (const generation of [this.#young, this.#old]) {
      for (const key of generation.keys()) if (keys.has(key)) generation.delete(key)
    }
  }
}
