// What of the state lies in memory between two seals, and how a seal writes it out.

import type { AgendaControl } from '../core/control.ts'
import type { Position, Seq } from '../core/numbers.ts'
import { compareUtf8 } from '../core/utf8-order.ts'
import { never } from '../errors.ts'
import { entryText, entryValue } from './entry-text.ts'
import { StateEntries } from './state-entries.ts'
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
  /** An entry of the agenda has a second row, which orders the agenda by time. It follows from the first, so it isn't held;
   * that such a row is gone is. */
  readonly entries: StateEntries
}

export function emptyMemory(): Memory {
  return { heads: new Map(), entries: new StateEntries() }
}

export function formatHead(head: StreamState): string {
  return `[${head.seq},${head.position},${head.segment}]`
}

/** The text of a row that orders the agenda: all that it says stands in its key. */
const dueText = '1'

/** The keys that order the entries of the agenda that are held. */
export function* dueKeys(entries: StateEntries): Generator<string> {
  for (const held of entries.ofKind(kindPrefix.agenda).values()) {
    if (held === null) continue
    const { due, id } = entryValue(held) as AgendaControl
    yield stateKeys.due(due ?? never('an entry that is cleared is not held'), id)
  }
}

/** As the tables take it: in rising order of key, each made when it is asked for. Must not change meanwhile. */
export class MemoryRows implements Iterable<Entry> {
  readonly length: number
  readonly #memory: Memory

  constructor({ heads, entries }: Memory) {
    this.#memory = { heads, entries }
    let length = heads.size + entries.size
    for (const held of entries.ofKind(kindPrefix.agenda).values()) if (held !== null) length++
    this.length = length
  }

  *[Symbol.iterator](): Generator<Entry> {
    const { heads, entries } = this.#memory
    for (const letter of letters) {
      if (kindPrefix.head.startsWith(letter)) {
        for (const stream of [...heads.keys()].sort(compareUtf8)) {
          yield [stateKeys.head(stream), formatHead(heads.get(stream) as StreamState)] // its own key
        }
      }
      const keys = [...entries.ofKind(letter).keys()]
      if (kindPrefix.due.startsWith(letter)) keys.push(...dueKeys(entries))
      for (const key of keys.sort(compareUtf8)) {
        const held = entries.get(key)
        yield [key, held === undefined ? dueText : entryText(held)]
      }
    }
  }
}

const letters = 'abcdefghijklmnopqrstuvwxyz'

/** What these hold under a prefix, the later before the earlier, as the tables would keep it. */
export function rowsUnder(
  memories: readonly (Memory | undefined)[],
  prefix: string,
  after: string | undefined,
): readonly Entry[] {
  const merged = new Map<string, string | null>()
  for (const memory of memories) if (memory !== undefined) mergeRows(merged, memory, prefix)
  const rows = after === undefined ? [...merged] : [...merged].filter(([key]) => compareUtf8(key, after) > 0)
  return rows.sort(([a], [b]) => compareUtf8(a, b))
}

function mergeRows(into: Map<string, string | null>, { heads, entries }: Memory, prefix: string): void {
  if (prefix.startsWith(kindPrefix.head)) {
    const named = prefix.slice(kindPrefix.head.length)
    for (const [stream, head] of heads) {
      if (stream.startsWith(named)) into.set(stateKeys.head(stream), formatHead(head))
    }
    return
  }
  for (const [key, held] of entries.ofKind(prefix)) if (key.startsWith(prefix)) into.set(key, entryText(held))
  if (prefix === kindPrefix.due) for (const key of dueKeys(entries)) into.set(key, dueText)
}
