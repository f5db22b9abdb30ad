// How many blobs a retention would collect: those whose every naming is among what would go. A dry run notes the namings
// of what it would remove, and compares in the end.

import type { TimeMs } from '../../core/numbers.ts'
import { limits } from '../../limits.ts'
import type { SqlReader } from './backend.ts'
import type { EventSize } from './rows.ts'
import type { Ask } from './walkers.ts'

export class DryBlobs {
  readonly #gone: Map<string, number> = new Map()

  async take(reader: SqlReader, removed: readonly EventSize[]): Promise<void> {
    if (removed.length === 0) return
    const digests = await reader.namings(removed.map(({ position }) => position))
    for (const digest of digests) this.#gone.set(digest, (this.#gone.get(digest) ?? 0) + 1)
  }

  async count(ask: Ask, now: TimeMs): Promise<number> {
    let count = await ask((reader) => reader.unusedBlobs(now))
    const digests = [...this.#gone.keys()]
    for (let at = 0; at < digests.length; at += limits.pageEventsMax) {
      const some = digests.slice(at, at + limits.pageEventsMax)
      const references = await ask((reader) => reader.references(some, now))
      count += references.filter(({ digest, events, claimed }) => !claimed && events === this.#gone.get(digest)).length
    }
    return count
  }
}
