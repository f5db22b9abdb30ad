// The agenda as users see it: what is due when. It is changed only by appends, together with the event that causes it.
// Workers share it by claims: each gets entries that nobody else has, with the fence under which it may finish them.

import { parseDuration } from '../core/duration.ts'
import { checkName } from '../core/names.ts'
import type { TimeMs } from '../core/numbers.ts'
import { needsDecode, type PayloadCodec } from '../core/payload.ts'
import { assert } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import { limits } from '../limits.ts'
import type { AgendaItem, AgendaQuery, Store } from '../stores/store.ts'
import type { Duration, Fence } from './append-options.ts'
import { checkObject, checkWhole, invalidArgument } from './argument.ts'

export interface AgendaEntry {
  readonly id: string
  readonly due: TimeMs
  readonly data: unknown
}

export interface AgendaFilter {
  /** Only ids that begin with this. */
  readonly prefix?: string
  /** At most so many; all by default. */
  readonly limit?: number
}

export interface ClaimOptions {
  /** Who takes them: for people and for LEASE_HELD. Claims of one owner get different entries too. */
  readonly owner: string
  /** For how long nobody else gets them. Who needs longer renews the lease. */
  readonly ttl: Duration
  /** At most so many; 1 by default. */
  readonly limit?: number
  /** Only ids that begin with this. */
  readonly prefix?: string
}

export interface ClaimedEntry extends AgendaEntry {
  /** For what is appended about the entry: refused with LEASE_LOST once somebody else has taken it. */
  readonly fence: Fence
  /** From this time on others can take it. */
  readonly until: TimeMs
}

export class Agenda {
  readonly #store: Store
  readonly #codec: PayloadCodec
  readonly #clock: Clock

  constructor(store: Store, codec: PayloadCodec, clock: Clock) {
    this.#store = store
    this.#codec = codec
    this.#clock = clock
  }

  /** What is due by a time (by default: now), earliest first. */
  due(filter: AgendaFilter & { readonly by?: Date | number } = {}): Promise<readonly AgendaEntry[]> {
    const { by = this.#clock.now() } = filter
    return this.#query(filter, by)
  }

  /** All that is on it, earliest first. */
  list(filter: AgendaFilter = {}): Promise<readonly AgendaEntry[]> {
    return this.#query(filter, undefined)
  }

  /** Takes entries that are due, earliest first, and that nobody else has: each with a lease of its name, so that no two
   * claims get the same entry, from however many processes. Empty when there is none, and then nothing is written.
   *
   * The entry stays on the agenda until it is done: append the outcome under its `fence`, with `agenda` that clears the
   * entry (or sets it to when it is due again) and `leases` that release it. A worker that dies lets go by doing nothing:
   * past `until`, another gets the entry, under a higher token, and whatever the first still appends is refused. */
  async claim(options: ClaimOptions): Promise<readonly ClaimedEntry[]> {
    checkObject(options, 'the options of claim')
    const { owner, ttl, limit = 1, prefix } = options
    checkName(owner, 'lease owner')
    if (prefix !== undefined && typeof prefix !== 'string') throw invalidArgument('prefix', 'text')
    if (checkWhole(limit, 'limit') > limits.batchEventsMax) {
      throw invalidArgument('limit', `at most ${limits.batchEventsMax}`)
    }
    const claim = { owner, ttlMs: parseDuration(ttl, 'ttl'), dueBy: this.#clock.now(), limit }
    const { claimed, leases } = await this.#store.append({
      events: [],
      claim: prefix === undefined ? claim : { ...claim, prefix },
      durability: 'sync',
    })
    assert(
      claimed !== undefined && claimed.length === leases.length,
      'a claim is answered with entries and their leases',
    )
    return claimed.map((item, index) => {
      const grant = leases[index]
      assert(grant?.lease === item.id, 'the lease of an entry has its name')
      const { lease, token, until } = grant
      return { id: item.id, due: item.due, data: this.#decode(item), fence: { lease, token }, until }
    })
  }

  async #query(filter: AgendaFilter, by: Date | number | undefined): Promise<readonly AgendaEntry[]> {
    const { prefix, limit } = filter
    const query: AgendaQuery = {
      ...(by === undefined ? {} : { dueBy: checkWhole(Number(by), 'by') }),
      ...(prefix === undefined ? {} : { prefix }),
      ...(limit === undefined ? {} : { limit: checkWhole(limit, 'limit') }),
    }
    const items = await this.#store.agenda(query)
    return items.map((item) => ({ id: item.id, due: item.due, data: this.#decode(item) }))
  }

  #decode({ data }: AgendaItem): unknown {
    if (data === undefined) return undefined
    const parsed: unknown = JSON.parse(data)
    return needsDecode(data) ? this.#codec.decode(parsed) : parsed
  }
}
