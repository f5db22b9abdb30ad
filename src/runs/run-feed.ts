// What happens to runs elsewhere: the one subscription by which this process hears of what other processes, and the people at
// them, append to the runs that it drives, and of the ends and beginnings that it waits for.

import type { Clock } from '../host/clock.ts'
import type { Journal } from '../journal.ts'
import { endings, fromOutside, idOfStream, type RunEvent, runEvents } from './run-event.ts'

export interface FeedListener {
  outside(id: string, event: RunEvent): void
  ended(id: string): void
  begun(name: string): void
  /** Something may have been missed. */
  missed(): void
}

/** How soon a run hears of what another process appended to it, at the latest. To look after each of one's own events
 * would nearly double the cost of a step. */
const paceMs = 20
const retryMs = 1_000

export class RunFeed {
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #listener: FeedListener
  readonly #stop: AbortController = new AbortController()
  #isOn = false

  constructor(journal: Journal, clock: Clock, listener: FeedListener) {
    this.#journal = journal
    this.#clock = clock
    this.#listener = listener
  }

  /** From now on; idempotent. */
  start(): void {
    if (this.#isOn || this.#stop.signal.aborted) return
    this.#isOn = true
    const { signal } = this.#stop
    const types = [runEvents.created, ...fromOutside, ...endings]
    const events = this.#journal.subscribe({
      select: { prefix: 'run/' },
      from: 'now',
      types,
      signal,
      pace: paceMs,
      keepsAlive: false,
    })
    this.#follow(events).then(
      () => this.#again(),
      () => this.#again(),
    )
  }

  stop(): void {
    this.#stop.abort()
  }

  async #follow(events: AsyncIterable<{ readonly stream: string } | { readonly notice: string }>): Promise<void> {
    for await (const item of events) {
      if ('notice' in item) this.#listener.missed()
      else this.#tell(idOfStream(item.stream), item as unknown as RunEvent)
    }
  }

  #tell(id: string, event: RunEvent): void {
    if (event.type === runEvents.created) this.#listener.begun(String(event.data.name))
    else if (endings.includes(event.type)) this.#listener.ended(id)
    else this.#listener.outside(id, event)
  }

  /** The journal has failed or closed. Where it comes back, so does this. */
  #again(): void {
    if (this.#stop.signal.aborted) return
    this.#clock.after(retryMs, () => {
      this.#isOn = false
      this.start()
      this.#listener.missed()
    })
  }
}
