// A run's events as its function meets them: those of its stream, and before them those that a fork shares with the run
// it was made from, read where they stand.
//
// Invariant: numbers rise by one from 1, run.created. The own events of a fork are counted on behind the shared ones;
// `seen` in them is of this numbering, and nothing outside of this file has to know of another.

import type { Seq } from '../core/numbers.ts'
import { PagedIterator } from '../journal/paged-iterator.ts'
import type { Journal } from '../journal.ts'
import type { ForkBase } from './fork-base.ts'
import { LookAhead } from './look-ahead.ts'
import type { Renames } from './renames.ts'
import { compensationTypes, type RunData, type RunEvent, runEvents, streamOf } from './run-event.ts'

export class RunHistory {
  readonly #journal: Journal
  readonly #stream: string
  readonly #base: ForkBase | undefined
  readonly #renames: Renames | undefined
  readonly #shift: number

  constructor(
    journal: Journal,
    id: string,
    terms: { readonly base?: ForkBase | undefined; readonly renames?: Renames | undefined },
  ) {
    this.#journal = journal
    this.#stream = streamOf(id)
    this.#base = terms.base
    this.#renames = terms.renames
    this.#shift = terms.base === undefined ? 0 : terms.base.through - 1
  }

  /** Everything from this number on. */
  events(from: Seq): AsyncIterable<RunEvent> {
    return new PagedIterator(this.#pages(from))
  }

  async *#pages(from: Seq): AsyncGenerator<readonly RunEvent[], void, undefined> {
    for (const part of this.#base?.parts ?? []) {
      const first = Math.max(part.from, from - part.shift)
      if (first > part.to) continue
      for await (const page of this.#journal.read(streamOf(part.run), { from: first, to: part.to }).pages()) {
        // By the keys as they are recorded, whatever they are called now.
        yield page.map((event) => this.#read(this.#replaced(event as RunEvent), part.shift))
      }
    }
    const first = Math.max(2, from - this.#shift)
    for await (const page of this.#journal.read(this.#stream, { from: first }).pages()) {
      yield page.map((event) => this.adopt(event as RunEvent))
    }
  }

  /** The same, to be looked ahead in; read from memory where the own stream was read already, and is all of it. */
  ahead(from: Seq, known: readonly RunEvent[] | undefined): LookAhead {
    if (known === undefined || this.#base !== undefined) return new LookAhead([], this.#pages(from))
    return new LookAhead(known.map((event) => this.adopt(event)))
  }

  /** What the number of an event is in the run's own stream; 1, its run.created, of one that is shared. */
  ownSeq(seq: Seq): Seq {
    return Math.max(1, seq - this.#shift)
  }

  /** Whether the event is one of the run that this one was forked from. */
  isShared(seq: Seq): boolean {
    return this.#base !== undefined && seq <= this.#base.through
  }

  /** An event of the run's own stream. */
  adopt(event: RunEvent): RunEvent {
    return this.#read(event, this.#shift)
  }

  #read(event: RunEvent, shift: number): RunEvent {
    const { type, time } = event
    if (shift === 0 && this.#renames === undefined) return event
    const data = this.#renames === undefined ? event.data : this.#renames.read(type, event.data)
    return { seq: event.seq + shift, type, time, data }
  }

  #replaced(event: RunEvent): RunEvent {
    const { steps } = this.#base ?? {}
    const { key } = event.data
    if (steps === undefined || typeof key !== 'string' || !Object.hasOwn(steps, key) || !isOutcome(event)) return event
    const { result: _, error: __, thrown: ___, ...kept } = event.data
    const rest = event.type === runEvents.childEnded ? { ...kept, end: runEvents.completed } : kept
    const result = steps[key]
    return { ...event, data: result === undefined ? rest : { ...rest, result } }
  }
}

/** Types of what is said of a key while it goes on. */
const onTheWay: ReadonlySet<string> = new Set([
  runEvents.sleep,
  runEvents.wait,
  runEvents.child,
  runEvents.stepRetried,
  runEvents.toolIntended,
  runEvents.toolRetried,
  runEvents.toolVerified,
  runEvents.toolAmbiguous,
  ...compensationTypes,
])

/** Whether it holds how a step, or whatever has a key, ended. */
export function isOutcome({ type, data }: { readonly type: string; readonly data: RunData }): boolean {
  if (typeof data.key !== 'string' || (onTheWay.has(type) && !isUnborn(type, data))) return false
  // A person has found that it had not been done: it is done again.
  return type !== runEvents.toolSettled || data.done !== false
}

/** A child that could not begin has ended by that. */
function isUnborn(type: string, data: RunData): boolean {
  return type === runEvents.child && 'error' in data
}
