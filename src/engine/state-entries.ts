// Entries of the state by key, each kind in a map of its own. Kinds live at different speeds: leases come and go while
// entries of the agenda stay, and what left a map keeps its place there until the map grows. Who asks for one kind need not
// look through the others.
//
// Invariant: the kind is the key's first letter, so kinds in the order of their letters are keys in the order of theirs.

type Held = Map<string, unknown>

const letterA = 97

export class StateEntries {
  readonly #kinds: (Held | undefined)[] = []

  get size(): number {
    let size = 0
    for (const kind of this.#kinds) if (kind !== undefined) size += kind.size
    return size
  }

  get(key: string): unknown {
    return this.#kinds[key.charCodeAt(0) - letterA]?.get(key)
  }

  has(key: string): boolean {
    return this.#kinds[key.charCodeAt(0) - letterA]?.has(key) === true
  }

  set(key: string, held: unknown): this {
    const letter = key.charCodeAt(0) - letterA
    const kind = this.#kinds[letter]
    if (kind === undefined) this.#kinds[letter] = new Map([[key, held]])
    else kind.set(key, held)
    return this
  }

  delete(key: string): void {
    this.#kinds[key.charCodeAt(0) - letterA]?.delete(key)
  }

  /** Those whose keys begin with this letter. */
  ofKind(prefix: string): ReadonlyMap<string, unknown> {
    return this.#kinds[prefix.charCodeAt(0) - letterA] ?? none
  }

  *[Symbol.iterator](): Generator<[key: string, held: unknown]> {
    for (const kind of this.#kinds) if (kind !== undefined) yield* kind
  }
}

const none: ReadonlyMap<string, unknown> = new Map()
