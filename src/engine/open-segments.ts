// Which segments were used last: at most so many keep their files open, so that descriptors and memory don't grow with the
// history.

import type { Segment } from './segment.ts'

const openMax = 48

export class OpenSegments {
  /** In the order of their last use. */
  readonly #recent: Set<Segment> = new Set()

  /** Called at each use. What was not used for longest is closed, unless it is in use or would be lost. */
  used(segment: Segment): void {
    this.#recent.delete(segment)
    this.#recent.add(segment)
    if (this.#recent.size <= openMax) return
    for (const oldest of this.#recent) {
      if (!oldest.mayRest) continue
      this.#recent.delete(oldest)
      void oldest.rest()
      return
    }
  }
}
