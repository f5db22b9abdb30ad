// Reading what is there: a lazy query that can be iterated event by event, page by page, or taken as an array.
//
// Nothing is read before the iteration begins, one page is held at a time, and iterating again reads again.

import type { EventDefinitions } from '../core/schema.ts'
import { HoldfastError } from '../errors.ts'
import type { RawEvent, ReadQuery, Selector, Store } from '../stores/store.ts'
import { checkWhole, invalidArgument, throwIfAborted } from './argument.ts'
import type { EventDecoder, EventOf } from './event.ts'
import { PagedIterator } from './paged-iterator.ts'
import { bounds, isFrontLost, startAfterCursor } from './place.ts'
import { type Select, selectorOf, typesOf } from './select.ts'

export interface ReadOptions {
  /** First number to read, inclusive: a seq when one stream is read, else a position. */
  readonly from?: number
  /** Read only what follows this number, or this cursor. */
  readonly after?: number | string
  /** Last number to read, inclusive. */
  readonly to?: number
  /** At most so many events, counted after all filters. */
  readonly limit?: number
  /** Oldest first is 'forward', the default. */
  readonly direction?: 'forward' | 'backward'
  /** Only events of these types. */
  readonly types?: string | readonly string[]
  /** Aborting makes the iteration fail with ABORTED. */
  readonly signal?: AbortSignal
}

export class EventReading<D extends EventDefinitions> implements AsyncIterable<EventOf<D>> {
  readonly #store: Store
  readonly #decoder: EventDecoder<D>
  readonly #select: Select | undefined
  readonly #options: ReadOptions

  constructor(
    source: { readonly store: Store; readonly decoder: EventDecoder<D> },
    select: Select | undefined,
    options: ReadOptions,
  ) {
    this.#store = source.store
    this.#decoder = source.decoder
    this.#select = select
    this.#options = options
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<EventOf<D>, undefined> {
    const { signal } = this.#options
    return new PagedIterator(this.#read(), signal === undefined ? {} : { isStopped: () => signal.aborted })
  }

  /** Pages of bounded memory, each with at least one event. */
  pages(): AsyncIterable<readonly EventOf<D>[]> {
    return { [Symbol.asyncIterator]: () => this.#read() }
  }

  async toArray(): Promise<EventOf<D>[]> {
    const events: EventOf<D>[] = []
    for await (const page of this.#read()) for (const event of page) events.push(event)
    return events
  }

  async *#read(): AsyncGenerator<readonly EventOf<D>[], void, undefined> {
    const { signal } = this.#options
    throwIfAborted(signal, 'the read')
    await this.#store.refresh()
    const query = await queryOf(this.#store, selectorOf(this.#select), this.#options)
    let isUnderWay = false
    for await (const page of this.#store.read(query)) {
      throwIfAborted(signal, 'the read')
      const events: EventOf<D>[] = []
      for (const item of page) {
        if (!('removed' in item)) events.push(this.#decoder.decode(item as RawEvent))
        else if (isUnderWay || events.length > 0) throw overtaken(query.select, item.removed.to + 1)
      }
      if (events.length === 0) continue
      isUnderWay = true
      yield events
      throwIfAborted(signal, 'the read')
    }
  }
}

async function queryOf(store: Store, select: Selector, options: ReadOptions): Promise<ReadQuery> {
  const { to, limit, direction = 'forward' } = options
  if (direction !== 'forward' && direction !== 'backward') {
    throw invalidArgument('direction', "'forward' or 'backward'")
  }
  const types = typesOf(options.types)
  const from = await firstNumber(store, select, options)
  return {
    select,
    direction,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to: checkWhole(to, 'to') }),
    ...(limit === undefined ? {} : { limit: checkWhole(limit, 'limit') }),
    ...(types === undefined ? {} : { types }),
    // A stream loses events at its front only, so a removed range that comes behind an event was removed just now.
    tellRemoved: select.kind === 'stream' && direction === 'forward',
  }
}

/** Undefined: from the earliest that is retained. */
async function firstNumber(store: Store, select: Selector, options: ReadOptions): Promise<number | undefined> {
  const { from, after } = options
  if (from !== undefined && after !== undefined) {
    throw invalidArgument('the start', 'given by from (inclusive) or after (exclusive), not by both')
  }
  if (typeof after === 'string') {
    const start = await startAfterCursor(store, select, after)
    if ('reset' in start) throw await cursorReset(store, select, start.reset)
    return start.next
  }
  const first = from === undefined ? checkWhole(after ?? 0, 'after') + 1 : checkWhole(from, 'from')
  if ((from ?? after ?? 0) === 0) return undefined
  const { earliest } = await bounds(store, select)
  if (await isFrontLost(store, select, first, earliest)) throw retained(select, first, earliest)
  return first
}

async function cursorReset(store: Store, select: Selector, reason: string): Promise<HoldfastError> {
  const { earliest } = await bounds(store, select)
  return new HoldfastError('CURSOR_RESET', `the cursor can't be honoured: it is ${reason.replaceAll('-', ' ')}`, {
    hint: 'What was read with it may have changed: read again from the earliest event that is retained.',
    details: { reason, earliest },
  })
}

function retained(select: Selector, first: number, earliest: number): HoldfastError {
  const number = select.kind === 'stream' ? 'seq' : 'position'
  return new HoldfastError('RETAINED', `${number} ${first} is no longer retained, the earliest is ${earliest}`, {
    hint: 'Retention removed it. Read from the earliest, or without a start.',
    details: { earliest },
  })
}

function overtaken(select: Selector, earliest: number): HoldfastError {
  return new HoldfastError('RETAINED', 'retention removed what was to be read next', {
    hint: 'Read faster, pin what is being read, or start again from the earliest.',
    details: { earliest, ...(select.kind === 'stream' ? { stream: select.stream } : {}) },
  })
}
