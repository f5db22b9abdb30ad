// Whether the code that is executed is the code that the record was made with, judged at each event of the driver.
//
// What the code asks for too much is told at once; for what it doesn't ask for it is given time, because the function may
// be waiting for something of its own. Once something is too much and something else is missing, no time is given.
//
// Invariant: the same code is never found to be another one, in whatever order what it waits for outside of the run comes.

import type { Seq } from '../core/numbers.ts'
import type { Clock } from '../host/clock.ts'
import { AskLog, type AskVerdict } from './ask-log.ts'
import type { FoundDivergence } from './divergence.ts'
import { compensationTypes, endings, type RunEvent, runEvents } from './run-event.ts'

export interface CodeCheckTerms {
  readonly clock: Clock
  /** How long a replay waits for an ask that the record has and the function hasn't made. */
  readonly missingAskMs: number
  /** The events of the run from a number on. */
  readonly eventsFrom: (seq: Seq) => AsyncIterable<RunEvent>
}

type Found = Omit<FoundDivergence, 'id'>

/** What is recorded when the function has ended: that the run has, and how it was undone before. */
const afterReturn: readonly string[] = [...endings, runEvents.unwinding, ...compensationTypes]

export class CodeCheck {
  readonly log: AskLog = new AskLog()
  readonly #terms: CodeCheckTerms
  /** The turn in which the function returned, when it did so in time. */
  #returnedIn: Seq | undefined
  #hasReturned = false
  #isStopped = false
  #moved: (() => void) | undefined
  /** What the rest of the record has as asked for late. */
  #lateAhead: ReadonlySet<string> | undefined

  constructor(terms: CodeCheckTerms) {
    this.#terms = terms
  }

  ask(key: string, turn: Seq, isLate: boolean): void {
    this.log.ask(key, turn, isLate)
    this.#moved?.()
  }

  returned(turn: Seq, isLate: boolean): void {
    this.#hasReturned = true
    if (!isLate) this.#returnedIn = turn
    this.#moved?.()
  }

  /** Until the function has ended; but not for ever. */
  untilReturned(): Promise<void> {
    return this.#until(() => this.#hasReturned)
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#isStopped = true
    this.#moved?.()
  }

  /** Meets an event of the driver. Undefined when it is the same code. */
  async meet({ seq, type, data }: RunEvent, seen: Seq): Promise<Found | undefined> {
    const { asked, key } = data
    this.log.meet(Array.isArray(asked) ? (asked as string[]) : typeof key === 'string' ? [key] : [])
    let verdict = this.log.judge(seen)
    if (verdict.excess.length > 0) verdict = await this.#withoutLate(verdict, seq, seen)
    if (verdict.excess.length === 0 && verdict.missing.length > 0) verdict = await this.#whenAsked(seen)
    const { missing, excess } = verdict
    const returned = this.#hasReturned ? { returned: true } : {}
    if (missing.length > 0 || excess.length > 0) return { seq, recorded: missing, attempted: excess, ...returned }
    if (this.#returnedIn === undefined || seen <= this.#returnedIn || afterReturn.includes(type)) return undefined
    return { seq, recorded: [], attempted: [], ...returned }
  }

  /** What was asked for in time here, but late when it was recorded: something that the function waited for was quicker. */
  async #withoutLate({ excess }: AskVerdict, seq: Seq, seen: Seq): Promise<AskVerdict> {
    this.#lateAhead ??= await this.#readLate(seq + 1)
    const late = this.#lateAhead
    this.log.excuse(excess.filter((key) => late.has(key)))
    return this.log.judge(seen)
  }

  async #readLate(from: Seq): Promise<ReadonlySet<string>> {
    const all = new Set<string>()
    for await (const { data } of this.#terms.eventsFrom(from)) {
      if (Array.isArray(data.late)) for (const key of data.late as string[]) all.add(key)
    }
    return all
  }

  async #whenAsked(seen: Seq): Promise<AskVerdict> {
    let verdict = this.log.judge(seen)
    await this.#until(() => {
      verdict = this.log.judge(seen)
      return verdict.missing.length === 0 || verdict.excess.length > 0 || this.#hasReturned
    })
    return verdict
  }

  async #until(isSo: () => boolean): Promise<void> {
    let isTimeUp = false
    const timer = this.#terms.clock.after(this.#terms.missingAskMs, () => {
      isTimeUp = true
      this.#moved?.()
    })
    while (!isSo() && !isTimeUp && !this.#isStopped) {
      await new Promise<void>((resolve) => {
        this.#moved = resolve
      })
    }
    this.#moved = undefined
    timer.cancel()
  }
}
