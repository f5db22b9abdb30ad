// How a read gets at its rows: one walker for each kind of query, so that no query touches much more than it gives.
//
//   ScanWalker    rows in order of their numbers: all events, one stream, or a short range with whatever filter
//   ListWalker    positions from an index first (by type; by stream and type), then the rows at these positions
//   PrefixWalker  walks a range of positions and lets the database leave out other streams; as soon as few of what it walked
//                 over matched, it lists positions instead
//
// Invariant: `covered` only moves in the direction of reading, and all rows up to it that match have been given.

import { limits } from '../../limits.ts'
import type { ReadQuery } from '../store.ts'
import type { SqlReader } from './backend.ts'
import type { EventRow } from './rows.ts'

export type Ask = <T>(question: (reader: SqlReader) => Promise<T>) => Promise<T>

export interface Bounds {
  readonly from: number
  readonly to: number
}

export interface Step {
  /** In the direction of reading. */
  readonly rows: readonly EventRow[]
  /** Number up to which nothing is missing; undefined when that is all. */
  readonly covered: number | undefined
}

export interface Walker {
  /** Rows from the bounds' near end on, `rowsMax` at most. */
  next(bounds: Bounds, rowsMax: number): Promise<Step>
}

/** A range so short that filtering its rows costs less than finding them. */
const shortRange = 1_024
/** Positions that a PrefixWalker looks at in one go, and the share of matches below which it changes its way. */
const walkedRange = 8_192
const shareMin = 16
/** Positions held in memory. */
const listMax = 65_536

export function walkerFor(query: ReadQuery, bounds: Bounds, ask: Ask): Walker {
  const { select, types } = query
  const isShort = bounds.to - bounds.from < shortRange
  if (types !== undefined && !isShort) return new ListWalker(query, ask)
  if (select.kind === 'prefix' && !isShort) return new PrefixWalker(query, ask)
  return new ScanWalker(query, ask)
}

class ScanWalker implements Walker {
  readonly #query: ReadQuery
  readonly #ask: Ask

  constructor(query: ReadQuery, ask: Ask) {
    this.#query = query
    this.#ask = ask
  }

  async next({ from, to }: Bounds, rowsMax: number): Promise<Step> {
    const { select, direction, types } = this.#query
    const bytesMax = limits.pageBytes
    const asked = types === undefined ? Math.min(limits.pageEventsMax, rowsMax) : limits.pageEventsMax
    const page = await this.#ask((reader) => reader.events({ select, from, to, direction, rowsMax: asked, bytesMax }))
    const matching = types === undefined ? page.rows : page.rows.filter(({ type }) => types.has(type))
    const rows = matching.slice(0, rowsMax)
    const last = matching.length > rowsMax ? rows.at(-1) : page.ended ? undefined : page.rows.at(-1)
    return { rows, covered: last && numberOf(last, this.#query) }
  }
}

class ListWalker implements Walker {
  readonly #query: ReadQuery
  readonly #ask: Ask
  #list: readonly number[] = []
  #at = 0
  /** Where the next list begins, once there was one. */
  #last: number | undefined
  #isLast = false

  constructor(query: ReadQuery, ask: Ask) {
    this.#query = query
    this.#ask = ask
  }

  async next(bounds: Bounds, rowsMax: number): Promise<Step> {
    for (;;) {
      if (this.#at === this.#list.length) {
        if (this.#isLast) return { rows: [], covered: undefined }
        await this.#nextList(bounds, rowsMax)
        continue
      }
      const wanted = this.#list.slice(this.#at, this.#at + Math.min(limits.pageEventsMax, rowsMax))
      const rows = await this.#ask((reader) => reader.eventsAt(wanted, limits.pageBytes))
      const last = rows.at(-1)
      // What is left out was removed since; behind the last row it may also not have been looked at.
      this.#at += last === undefined ? wanted.length : wanted.indexOf(last.position) + 1
      if (last === undefined) continue
      const isEnd = this.#isLast && this.#at === this.#list.length
      return { rows, covered: isEnd ? undefined : numberOf(last, this.#query) }
    }
  }

  async #nextList(bounds: Bounds, rowsMax: number): Promise<void> {
    const { select, direction, types } = this.#query
    const forward = direction === 'forward'
    const last = this.#last
    const from = last !== undefined && forward ? last + 1 : bounds.from
    const to = last !== undefined && !forward ? last - 1 : bounds.to
    const page = await this.#ask((reader) =>
      reader.positions({
        select,
        ...(types === undefined ? {} : { types: [...types] }),
        from,
        to,
        direction,
        rowsMax: Math.min(listMax, Math.max(rowsMax, 1)),
      }),
    )
    this.#list = page.positions
    this.#at = 0
    this.#last = page.last
    this.#isLast = page.ended
  }
}

class PrefixWalker implements Walker {
  readonly #query: ReadQuery
  readonly #scan: ScanWalker
  readonly #list: ListWalker
  #isSparse = false

  constructor(query: ReadQuery, ask: Ask) {
    this.#query = query
    this.#scan = new ScanWalker(query, ask)
    this.#list = new ListWalker(query, ask)
  }

  async next(bounds: Bounds, rowsMax: number): Promise<Step> {
    if (this.#isSparse) return this.#list.next(bounds, rowsMax)
    const forward = this.#query.direction === 'forward'
    const from = forward ? bounds.from : Math.max(bounds.from, bounds.to - walkedRange + 1)
    const to = forward ? Math.min(bounds.to, bounds.from + walkedRange - 1) : bounds.to
    const { rows, covered } = await this.#scan.next({ from, to }, rowsMax)
    const end = forward ? to : from
    const walked = Math.abs((covered ?? end) - (forward ? from : to)) + 1
    this.#isSparse = rows.length * shareMin < walked
    if (covered !== undefined) return { rows, covered }
    return { rows, covered: end === (forward ? bounds.to : bounds.from) ? undefined : end }
  }
}

export function numberOf(row: { readonly seq: number; readonly position: number }, query: ReadQuery): number {
  return query.select.kind === 'stream' ? row.seq : row.position
}
