// What of the state lies in memory between two seals, and how a seal writes it out.

import type { AgendaControl } from '../core/control.ts'
import type { Position, Seq, TimeMs } from '../core/numbers.ts'
import { compareUtf8 } from '../core/utf8-order.ts'
import { entryText, entryValue } from './entry-text.ts'
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
  readonly entries: Map<string, unknown>
}

export function emptyMemory(): Memory {
  return { heads: new Map(), entries: new Map() }
}

export function formatHead(head: StreamState): string {
  return `[${head.seq},${head.position},${head.segment}]`
}

/** The text of a row that orders the agenda: all that it says stands in its key. */
const dueText = '1'

/** When what is held under a key is due, if it is an entry of the agenda. */
function dueOf(key: string, held: unknown): TimeMs | undefined {
  if (held === null || !key.startsWith(kindPrefix.agenda)) return undefined
  return (entryValue(held) as AgendaControl).due ?? undefined
}

/** The keys that order the entries of the agenda that are held. */
export function* dueKeys(entries: Memory['entries']): Iterable<string> {
  for (const [key, held] of entries) {
    const due = dueOf(key, held)
    if (due !== undefined) yield stateKeys.due(due, key.slice(kindPrefix.agenda.length))
  }
}

/** As the tables take it: in rising order of key, each made when it is asked for. Must not change meanwhile. */
export class MemoryRows implements Iterable<Entry> {
  readonly length: number
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
    let length = memory.heads.size
    for (const [key, held] of memory.entries) length += dueOf(key, held) === undefined ? 1 : 2
    this.length = length
  }

  *[Symbol.iterator](): Generator<Entry> {
    const { heads, entries } = this.#memory
    const keys = [...entries.keys(), ...dueKeys(entries)].sort(compareUtf8)
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
    const held = this.#memory.entries.get(key)
    return [key, held === undefined ? dueText : entryText(held)]
  }
}

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
  for (const [key, held] of entries) if (key.startsWith(prefix)) into.set(key, entryText(held))
  if (prefix === kindPrefix.due) for (const key of dueKeys(entries)) into.set(key, dueText)
}
