// How many events the next page may have: few at first, because who reads may have enough with the first ones, then more,
// because each page costs the same beside its events.

import { limits } from '../limits.ts'

const firstEvents = 16

export class PagePace {
  #next: number

  /** `limit`: so many are wanted in all. */
  constructor(limit: number) {
    this.#next = Math.min(limit, firstEvents)
  }

  next(): number {
    const events = this.#next
    this.#next = Math.min(2 * events, limits.pageEventsMax)
    return events
  }
}
