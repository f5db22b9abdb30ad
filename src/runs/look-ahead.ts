// History, read as far ahead as is needed to know what the record says of the turn that is about to begin: whether it
// goes on behind that turn, and which marks were asked for in it.
//
// Of the driver's events, those that were made when a turn had ended come behind those that were under way when it began:
// as many are held at a time as were under way at the same time when the run lived.

import type { Seq } from '../core/numbers.ts'
import type { RunEvent } from './run-event.ts'

export class LookAhead {
  /** Undefined where everything is known already. */
  readonly #source: AsyncIterator<RunEvent> | undefined
  readonly #read: RunEvent[] = []
  /** The newest `seen` of what was read: it never falls. */
  #seen = 0
  #isAtEnd = false

  /** `known`: events that were read already; with no source behind them, they are all that there are. */
  constructor(known: readonly RunEvent[], source?: AsyncIterable<RunEvent>) {
    this.#source = source?.[Symbol.asyncIterator]()
    this.#isAtEnd = source === undefined
    for (const event of known) this.#take(event)
  }

  /** The next event, read far enough beyond it that what stands of its turn is known. */
  async next(): Promise<RunEvent | undefined> {
    if (this.#read.length === 0) await this.#pull()
    const event = this.#read.shift()
    if (event !== undefined) await this.reach(event.seq)
    return event
  }

  /** Reads until there is an event that was made when this turn had ended, or to the end. */
  async reach(turn: Seq): Promise<void> {
    while (!this.#isAtEnd && this.#seen < turn) await this.#pull()
  }

  /** Whether the record has this mark for this turn: undefined when it ends before it could. */
  hasMark(mark: string, turn: Seq): boolean | undefined {
    const isHere = ({ data }: RunEvent): boolean => Array.isArray(data.asked) && data.asked.includes(mark)
    if (this.#read.some(isHere)) return true
    return this.#seen < turn ? undefined : false
  }

  async #pull(): Promise<void> {
    const next = await this.#source?.next()
    if (next === undefined || next.done === true) this.#isAtEnd = true
    else this.#take(next.value)
  }

  #take(event: RunEvent): void {
    this.#read.push(event)
    if (typeof event.data.seen === 'number') this.#seen = Math.max(this.#seen, event.data.seen)
  }
}
