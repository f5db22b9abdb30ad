// Where runs begin and are brought back into memory, so many at once: a hundred thousand that are started, or due, at the same
// time come one after another. A run stays inside until it rests, ends, works on something that takes time, or has gone on
// for a while; so what is alive of all of them at once is little.

/** Who waits for a place. */
export interface Guest {
  /** False when it has no use for its place any more. */
  admitted(): boolean
}

export class WakingRoom {
  readonly #max: number
  readonly #waiting: Guest[] = []
  #inside = 0
  #next = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Admits it when there is room; whoever is inside leaves once. */
  enter(guest: Guest): void {
    if (this.#inside >= this.#max) {
      this.#waiting.push(guest)
      return
    }
    this.#inside += 1
    if (!guest.admitted()) this.leave()
  }

  leave(): void {
    for (let guest = this.#takeNext(); guest !== undefined; guest = this.#takeNext()) if (guest.admitted()) return
    this.#inside -= 1
  }

  #takeNext(): Guest | undefined {
    const guest = this.#waiting[this.#next]
    if (guest === undefined) return undefined
    this.#next += 1
    if (this.#next === this.#waiting.length || this.#next === trimmedAt) {
      this.#waiting.splice(0, this.#next)
      this.#next = 0
    }
    return guest
  }
}

/** Those that were admitted are dropped from the front of the list when there are so many. */
const trimmedAt = 10_000
