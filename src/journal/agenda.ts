// The agenda as users see it: what is due when. It is changed only by appends, together with the event that causes it.

import type { TimeMs } from '../core/numbers.ts'
import { needsDecode, type PayloadCodec } from '../core/payload.ts'
import type { Clock } from '../host/clock.ts'
import type { AgendaItem, AgendaQuery, Store } from '../stores/store.ts'
import { checkWhole } from './argument.ts'

export interface AgendaEntry {
  readonly id: string
  readonly due: TimeMs
  readonly data: unknown
}

export interface AgendaFilter {
  /** Only ids that begin with this. */
  readonly prefix?: string
  readonly limit?: number
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
