// The entries that the claims of a group can take: those that the database gave, and what the batches before a claim in the
// group made of them. An entry that was set here counts as it is now, one that was cleared not at all.

import { compareUtf8 } from '../../core/utf8-order.ts'
import type { ClaimQuery } from '../store.ts'
import type { DueFound } from './backend.ts'
import type { AgendaRow, LeaseRow } from './rows.ts'

type Changed = ReadonlyMap<string, AgendaRow | { readonly id: string; readonly due: null }>

export class Due {
  /** In order, each once. */
  readonly #entries: readonly AgendaRow[]
  readonly leases: readonly LeaseRow[]

  constructor(found: readonly (readonly DueFound[])[]) {
    const [only, ...others] = found
    const lists = others.length === 0 ? (only ?? []) : found.flat()
    this.leases = lists.flatMap(({ lease }) => lease ?? [])
    const entries = lists.map(({ entry }) => entry)
    // One list is in order as it comes; of several, an entry may stand in more than one.
    this.#entries = others.length === 0 ? entries : inOrder(new Map(entries.map((entry) => [entry.id, entry])).values())
  }

  /** One by one: a claim seldom wants all. */
  *of({ dueBy, prefix = '' }: ClaimQuery, changed: Changed): Generator<AgendaRow, void, undefined> {
    const fits = ({ id, due }: AgendaRow): boolean => due <= dueBy && id.startsWith(prefix)
    const set = inOrder([...changed.values()].filter((entry): entry is AgendaRow => entry.due !== null && fits(entry)))
    let at = 0
    for (const entry of this.#entries) {
      if (changed.has(entry.id) || !fits(entry)) continue
      for (let next = set[at]; next !== undefined && compareEntries(next, entry) < 0; next = set[++at]) yield next
      yield entry
    }
    yield* set.slice(at)
  }
}

function inOrder(entries: Iterable<AgendaRow>): readonly AgendaRow[] {
  return [...entries].sort(compareEntries)
}

function compareEntries(a: AgendaRow, b: AgendaRow): number {
  return a.due - b.due || compareUtf8(a.id, b.id)
}
