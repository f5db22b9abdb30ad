// History, read as far ahead as is needed to know what the record says of the turn that is about to begin: whether it
// goes on behind that turn, and which marks were asked for in it.
//
// Of the driver's events, those that were made when a turn had ended come behind those that were under way when it began:
// as many are looked at ahead of time as were under way at the same time when the run lived. They come page by page, and
// one whose page is there is not waited for: of a long history, that would take as long as all else.

import type { Seq } from '../core/numbers.ts'
import type { RunEvent } from './run-event.ts'

export class LookAhead {
  /** Undefined where everything is known already. */
  readonly #source: AsyncIterator<readonly RunEvent[]> | undefined
  /** The page that was read last, and how much of it was looked at. */
  #page: readonly RunEvent[] = []
  #looked = 0
  readonly #read: RunEvent[] = []
  /** The newest `seen` of what was read: it never falls. */
  #seen = 0
  #isAtEnd = false

  /** `known`: events that were read already; with no source behind them, they are all that there are. */
  constructor(known: readonly RunEvent[], source?: AsyncIterable<readonly RunEvent[]>) {
    this.#source = source?.[Symbol.asyncIterator]()
    this.#isAtEnd = source === undefined
    for (const event of known) this.#take(event)
  }

  /** The next event, if what stands of its turn is known; if not, or if there is none, readOn() says which. */
  next(): RunEvent | undefined {
    if (this.#read.length === 0) this.#look()
    const [event] = this.#read
    return event !== undefined && this.#reaches(event.seq) ? this.#read.shift() : undefined
  }

  /** Reads a page more; false at the end. */
  async readOn(): Promise<boolean> {
    if (this.#isAtEnd) return false
    const next = await this.#source?.next()
    this.#isAtEnd = next === undefined || next.done === true
    this.#page = next === undefined || next.done === true ? [] : next.value
    this.#looked = 0
    // At the end there may be what could not be given before, because more of its turn might have come.
    return !this.#isAtEnd || this.#read.length > 0
  }

  /** Reads until there is an event that was made when this turn had ended, or to the end. */
  async reach(turn: Seq): Promise<void> {
    while (!this.#reaches(turn)) await this.readOn()
  }

  /** Whether the record has this mark for this turn: undefined when it ends before it could. */
  hasMark(mark: string, turn: Seq): boolean | undefined {
    const isHere = ({ data }: RunEvent): boolean => Array.isArray(data.asked) && data.asked.includes(mark)
    if (this.#read.some(isHere)) return true
    return this.#seen < turn ? undefined : false
  }

  /** Whether there is an event that was made when this turn had ended, or nothing more, looking as far as is needed. */
  #reaches(turn: Seq): boolean {
    while (this.#seen < turn) if (!this.#look()) return this.#isAtEnd
    return true
  }

  #look(): boolean {
    const event = this.#page[this.#looked]
    if (event === undefined) return false
    this.#looked += 1
    this.#take(event)
    return true
  }

  #take(event: RunEvent): void {
    this.#read.push(event)
    if (typeof event.data.seen === 'number') this.#seen = Math.max(this.#seen, event.data.seen)
  }
}
