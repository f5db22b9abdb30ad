// What of the state lies in memory between two seals, and how a seal writes it out.

import type { Position, Seq } from '../core/numbers.ts'
import { compareUtf8 } from '../core/utf8-order.ts'
import { entryText } from './entry-text.ts'
import { kindPrefix, stateKeys } from './state-keys.ts'
import type { Entry } from './tables/entry.ts'

export interface StreamState {
  readonly seq: Seq
  readonly position: Position
  /** Number of the segment that holds the newest event. */
  readonly segment: number
}

export interface Memory {
  readonly heads: Map<string, StreamState>
  readonly entries: Map<string, unknown>
}

export function emptyMemory(): Memory {
  return { heads: new Map(), entries: new Map() }
}

export function formatHead(head: StreamState): string {
  return `[${head.seq},${head.position},${head.segment}]`
}

/** As the tables take it: in rising order of key, each made when it is asked for. Must not change meanwhile. */
export class MemoryRows implements Iterable<Entry> {
  readonly length: number
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
    this.length = memory.heads.size + memory.entries.size
  }

  *[Symbol.iterator](): Generator<Entry> {
    const { heads, entries } = this.#memory
    const keys = [...entries.keys()].sort(compareUtf8)
    // No entry has a head's prefix, so the heads stand together.
    const firstBehind = keys.findIndex((key) => compareUtf8(key, kindPrefix.head) > 0)
    const behind = firstBehind === -1 ? keys.length : firstBehind
    for (let at = 0; at < behind; at++) yield this.#row(keys[at] as string) // below the length
    for (const stream of [...heads.keys()].sort(compareUtf8)) {
      yield [stateKeys.head(stream), formatHead(heads.get(stream) as StreamState)] // its own key
    }
    for (let at = behind; at < keys.length; at++) yield this.#row(keys[at] as string)
  }

  #row(key: string): Entry {
    return [key, entryText(this.#memory.entries.get(key))]
  }
}
