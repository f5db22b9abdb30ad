// A cache of bounded size that forgets what was not used for long. Two generations: what is used moves to the young one;
// when that is full it becomes the old one, and the former old one is dropped whole. No order is kept and nothing is
// searched for, so a full cache costs no more than an empty one.

export class BoundedCache<V> {
  readonly #generationMax: number
  #young: Map<string, V> = new Map()
  #old: Map<string, V> = new Map()

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
    if (this.#young.size >= this.#generationMax && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
