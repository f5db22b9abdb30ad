// What a reader or subscriber was shown, held to the history once the truth is known: events that are there, in order, of the
// streams asked for; none left out but what retention took, and a subscriber was told of that.

import type { Selector } from '../../src/stores/store.ts'
import type { Settled } from '../../src/testing/history.ts'
import { Violation } from './violation.ts'

export interface SeenEvent {
  readonly position: number
  readonly stream: string
  readonly seq: number
  readonly sum: string
}

export interface SeenRange {
  readonly from: number
  readonly to: number
}

export interface SightingOptions {
  readonly who: string
  readonly select: Selector
  /** All behind this position must have been shown, up to the last that was; without it, from the first that was. */
  readonly after?: number
  /** All up to this position must have been shown. */
  readonly through?: number
  /** What was removed between two events must have been told. */
  readonly tells: boolean
}

export class Sighting {
  readonly #options: SightingOptions
  #items: (SeenEvent | SeenRange)[] = []
  #last: number | undefined
  /** Newest position that was shown or told as removed. */
  reached = 0

  constructor(options: SightingOptions) {
    this.#options = options
    this.#last = options.after
  }

  see(event: SeenEvent): void {
    this.#items.push(event)
    this.reached = Math.max(this.reached, event.position)
  }

  /** These were told to be removed. */
  tell(range: SeenRange): void {
    this.#items.push(range)
    this.reached = Math.max(this.reached, range.to)
  }

  /** It was told that anything before the next event may be removed. */
  reset(): void {
    this.#items.push({ from: 1, to: Number.POSITIVE_INFINITY })
  }

  /** Throws a Violation. What was checked is not looked at again. */
  check(history: readonly Settled[]): void {
    const told: SeenRange[] = []
    for (const item of this.#items) {
      if ('from' in item) told.push(item)
      else {
        this.#mustBeThere(item, history[item.position - 1])
        if (this.#last !== undefined && item.position <= this.#last) {
          throw this.#violation('unordered', `${text(item)} was shown behind position ${this.#last}`)
        }
        if (this.#last !== undefined) this.#checkBetween(history.slice(this.#last, item.position - 1), told)
        this.#last = item.position
        told.length = 0
      }
    }
    this.#items = told
    const { through } = this.#options
    if (through !== undefined && (this.#last ?? 0) < through) {
      this.#checkBetween(history.slice(this.#last ?? 0, through), told)
    }
  }

  #mustBeThere(seen: SeenEvent, event: Settled | undefined): void {
    const isSame = event?.stream === seen.stream && event.seq === seen.seq
    if (!isSame || (event.sum !== undefined && event.sum !== seen.sum)) {
      throw this.#violation('phantom', `${text(seen)} was shown and is not there`)
    }
    if (!matches(this.#options.select, event.stream))
      throw this.#violation('foreign', `${text(seen)} was not asked for`)
  }

  #checkBetween(events: readonly Settled[], told: readonly SeenRange[]): void {
    for (const event of events) {
      if (!matches(this.#options.select, event.stream)) continue
      if (event.removal === undefined || event.removal.fate === 'undone') {
        throw this.#violation('skipped', `${text(event)} is there and was not shown`)
      }
      const isTold = told.some(({ from, to }) => event.position >= from && event.position <= to)
      if (this.#options.tells && !isTold)
        throw this.#violation('untold', `${text(event)} was removed, and that was not told`)
    }
  }

  #violation(kind: string, what: string): Violation {
    return new Violation(kind, `${this.#options.who}: ${what}`)
  }
}

export function matches(select: Selector, stream: string): boolean {
  if (select.kind === 'all') return true
  return select.kind === 'stream' ? stream === select.stream : stream.startsWith(select.prefix)
}

function text({ stream, seq, position }: Pick<SeenEvent, 'stream' | 'seq' | 'position'>): string {
  return `${stream}@${seq} (position ${position})`
}
