// Following a journal: what is there, then what comes, without gap and without duplicate.
//
// How: the watch is set before the first read, each round reads from the next number to what was durable when the round
// began, and only then waits. A wake-up during a round makes another round, so none is lost. Memory is one page: the
// consumer pulls, nothing is pushed, and a slow consumer is overtaken by retention at worst, which it is told.
//
// What can't be delivered is said by a notice, never by silence and never by an error:
//   removed   events inside the history are gone (a deleted stream, say); the iteration goes on behind them
//   reset     the place of the reader can't be honoured; what it derived from earlier events may be wrong. The iteration
//             goes on from `startAgain`: the earliest retained event, or, after a read error, where it was

import { encodeCursor } from '../core/cursor.ts'
import type { EventDefinitions } from '../core/schema.ts'
import { assert, isHoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import { keepAlive } from '../host/keep-alive.ts'
import type { ReadItem, RemovedRange, Selector, Store } from '../stores/store.ts'
import type { EventDecoder, EventOf } from './event.ts'
import { type LiveChannel, type LiveEvent, LiveInbox } from './live.ts'
import { PagedIterator } from './paged-iterator.ts'
import { PinKeeper, type PinPlace } from './pin-keeper.ts'
import {
  bounds,
  cursorAtStart,
  eventAt,
  isFrontLost,
  type ResetReason,
  type Start,
  startAfterCursor,
  startAfterNumber,
  startInStream,
  unverifiedCursor,
} from './place.ts'
import { Wakeup } from './wakeup.ts'

/** Events inside the history that retention removed, by position, both inclusive. A single stream loses events at its
 * front only, which is a reset. */
export interface RemovedNotice {
  readonly notice: 'removed'
  readonly from: number
  readonly to: number
  /** Behind what was removed. */
  readonly cursor: string
}

export interface ResetNotice {
  readonly notice: 'reset'
  readonly reason: ResetReason
  /** Where the iteration goes on, and where a new one can start. */
  readonly startAgain: string
}

export type Notice = RemovedNotice | ResetNotice

/** Where a subscription begins: at the earliest retained event, behind a position, or behind a number or cursor. */
export type Beginning =
  | { readonly at: 'start' }
  | { readonly at: 'position'; readonly position: number }
  | { readonly at: 'number'; readonly after: number }
  | { readonly at: 'cursor'; readonly cursor: string }

export interface SubscriptionHost<D extends EventDefinitions> {
  readonly store: Store
  readonly clock: Clock
  readonly decoder: EventDecoder<D>
  readonly live: { readonly channel: LiveChannel; readonly decode: (text: string) => unknown }
  isClosed(): boolean
}

export interface SubscriptionPlan {
  readonly select: Selector
  readonly begin: Beginning
  readonly types: ReadonlySet<string> | undefined
  readonly pin: PinPlace | undefined
  readonly signal: AbortSignal | undefined
  /** Between two looks for more. */
  readonly paceMs: number
  readonly keepsAlive: boolean
  /** Whether it hears of broadcasts. */
  readonly isLive: boolean
}

type Item<D extends EventDefinitions> = EventOf<D> | Notice | LiveEvent

export function subscription<D extends EventDefinitions>(
  host: SubscriptionHost<D>,
  plan: SubscriptionPlan,
): AsyncIterableIterator<Item<D>, undefined> {
  const follower = new Follower(host, plan)
  return new PagedIterator(follower.pages(), {
    isStopped: () => plan.signal?.aborted === true,
    onReturn: () => follower.stop(),
  })
}

class Follower<D extends EventDefinitions> {
  readonly #host: SubscriptionHost<D>
  readonly #plan: SubscriptionPlan
  readonly #store: Store
  readonly #wakeup: Wakeup = new Wakeup()
  readonly #pin: PinKeeper | undefined
  readonly #live: LiveInbox | undefined
  #epoch: string
  /** The next number to read. */
  #next = 1
  /** Behind the last event that was handed out. */
  #cursor: string
  #isStopped = false
  #endRest: (() => void) | undefined

  constructor(host: SubscriptionHost<D>, plan: SubscriptionPlan) {
    this.#host = host
    this.#plan = plan
    this.#store = host.store
    this.#pin = plan.pin === undefined ? undefined : new PinKeeper(host, plan.pin, plan.select)
    this.#live = plan.isLive ? new LiveInbox(plan, host.live.decode, () => this.#wake()) : undefined
    const { epoch } = host.store.identity()
    this.#epoch = epoch
    this.#cursor = encodeCursor({ epoch, position: 0, sum: '00000000' })
  }

  stop(): void {
    this.#isStopped = true
    this.#wake()
  }

  async *pages(): AsyncGenerator<readonly Item<D>[], void, undefined> {
    if (this.#isOver()) return
    const { signal } = this.#plan
    const wake = () => this.#wake()
    const unwatch = this.#store.watch(wake)
    const unlisten = this.#live === undefined ? undefined : this.#host.live.channel.listen(this.#live)
    signal?.addEventListener('abort', wake)
    try {
      yield* this.#untilClosed(this.#begin())
      while (!this.#isOver()) {
        yield* this.#untilClosed(this.#round())
        if (!this.#isOver()) await this.#waitForMore()
        if (!this.#isOver() && this.#plan.paceMs > 0) await this.#rest(this.#plan.paceMs)
      }
    } finally {
      unwatch()
      unlisten?.()
      signal?.removeEventListener('abort', wake)
      this.#pin?.stop()
    }
  }

  /** A process that only follows has nothing else that would keep it from ending here. */
  async #waitForMore(): Promise<void> {
    const letGo = this.#plan.keepsAlive ? keepAlive() : undefined
    try {
      await this.#wakeup.wait()
    } finally {
      letGo?.()
    }
  }

  #wake(): void {
    this.#wakeup.wake()
    if (this.#isOver()) this.#endRest?.()
  }

  /** What comes meanwhile is read together. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#host.clock.after(ms, resolve)
      this.#endRest = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  #isOver(): boolean {
    return this.#isStopped || this.#plan.signal?.aborted === true || this.#host.isClosed()
  }

  /** The journal may close in the middle of a read: that ends the iteration, and is no error. Damage is told. */
  async *#untilClosed(
    pages: AsyncGenerator<readonly Item<D>[], void, undefined>,
  ): AsyncGenerator<readonly Item<D>[], void, undefined> {
    try {
      yield* pages
    } catch (error) {
      if (isHoldfastError(error, 'CLOSED') || this.#host.isClosed()) this.#isStopped = true
      // Retention came between two pages: the next round finds it, and there is no reason to wait for that.
      else if (isHoldfastError(error, 'RETAINED')) this.#wakeup.wake()
      // Tried again at the next wake-up, so that a read error that stays doesn't spin.
      else if (isHoldfastError(error, 'DAMAGED', 'IO')) {
        yield [{ notice: 'reset', reason: 'read-error', startAgain: this.#cursor }]
      } else throw error
    }
  }

  async *#begin(): AsyncGenerator<readonly Item<D>[], void, undefined> {
    await this.#store.refresh()
    this.#cursor = cursorAtStart(this.#store)
    const { select, begin } = this.#plan
    // Pinned before the place is judged, so that retention can't come in between.
    const { earliest } = await bounds(this.#store, select)
    await this.#pin?.start(earliest)
    this.#next = earliest
    const start = await this.#start(begin, earliest)
    if ('reset' in start) yield await this.#reset(start.reset)
    else {
      this.#next = start.next
      if (begin.at === 'cursor') this.#cursor = begin.cursor
    }
    this.#pin?.moveTo(this.#next)
  }

  async #start(begin: Beginning, earliest: number): Promise<Start> {
    const { select } = this.#plan
    switch (begin.at) {
      case 'start':
        return { next: earliest }
      case 'number':
        return startAfterNumber(this.#store, select, begin.after)
      case 'cursor':
        return startAfterCursor(this.#store, select, begin.cursor)
      case 'position': {
        const { position } = begin
        if (select.kind !== 'stream') return { next: position + 1 }
        const event = position === 0 ? undefined : await eventAt(this.#store, position)
        return startInStream(this.#store, select.stream, { position, event })
      }
    }
  }

  /** Reads from the next number to what is durable now. */
  async *#round(): AsyncGenerator<readonly Item<D>[], void, undefined> {
    await this.#store.refresh()
    // All that is durable up to here is read in this round.
    const { position } = this.#store.head()
    const { select } = this.#plan
    const { earliest, newest } = await bounds(this.#store, select)
    const reason = await this.#lostPlace(earliest, newest)
    if (reason !== undefined) yield await this.#reset(reason)
    if (this.#next <= newest && (yield* this.#read(newest))) return
    const live = this.#live?.take(position) ?? []
    if (live.length > 0) yield live
  }

  /** Whether it was left before the newest. */
  async *#read(newest: number): AsyncGenerator<readonly Item<D>[], boolean, undefined> {
    const { select, types } = this.#plan
    const pages = this.#store.read({
      select,
      from: this.#next,
      direction: 'forward',
      tellRemoved: true,
      ...(types === undefined ? {} : { types }),
    })
    for await (const page of pages) {
      const { items, isOvertaken } = await this.#deliver(page)
      if (items.length > 0) yield items
      // Retention was faster: judge the place anew, and don't wait for that.
      if (isOvertaken) this.#wakeup.wake()
      if (isOvertaken || this.#isOver()) return true
      this.#pin?.moveTo(this.#next)
    }
    // What was passed without a match needs no second look. A stream's newest seq may not be durable yet, and so was
    // perhaps not passed; there only events count.
    if (select.kind !== 'stream') this.#next = Math.max(this.#next, newest + 1)
    this.#pin?.moveTo(this.#next)
    return false
  }

  async #lostPlace(earliest: number, newest: number): Promise<ResetReason | undefined> {
    const { epoch } = this.#store.identity()
    if (epoch !== this.#epoch) return 'other-epoch'
    if (this.#next > newest + 1) return 'newer-than-newest'
    const isLost = await isFrontLost(this.#store, this.#plan.select, this.#next, earliest)
    return isLost ? 'older-than-retained' : undefined
  }

  async #reset(reason: ResetReason): Promise<readonly Item<D>[]> {
    this.#epoch = this.#store.identity().epoch
    this.#cursor = cursorAtStart(this.#store)
    this.#next = (await bounds(this.#store, this.#plan.select)).earliest
    this.#pin?.moveTo(this.#next)
    return [{ notice: 'reset', reason, startAgain: this.#cursor }]
  }

  /** Overtaken: the page goes on with what retention removed at the front since the round began. */
  async #deliver(page: readonly ReadItem[]): Promise<{ readonly items: Item<D>[]; readonly isOvertaken: boolean }> {
    const { select } = this.#plan
    const isStream = select.kind === 'stream'
    const items: Item<D>[] = []
    for (const item of page) {
      if ('removed' in item) {
        const { earliest } = await bounds(this.#store, select)
        if (item.removed.to < earliest) return { items, isOvertaken: true }
        items.push(this.#removedNotice(item))
        this.#next = item.removed.to + 1
      } else {
        const event = this.#host.decoder.decode(item)
        if (this.#live !== undefined) items.push(...this.#live.take(event.position - 1))
        items.push(event)
        this.#next = (isStream ? item.seq : item.position) + 1
        this.#cursor = event.cursor
      }
    }
    return { items, isOvertaken: false }
  }

  #removedNotice({ removed: { from, to } }: RemovedRange): RemovedNotice {
    assert(this.#plan.select.kind !== 'stream', 'a stream loses events at its front only')
    this.#cursor = unverifiedCursor(this.#store, to)
    return { notice: 'removed', from, to, cursor: this.#cursor }
  }
}
