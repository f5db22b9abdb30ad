// Whether the code that is executed is the code that the record was made with, judged at each event of the driver.
//
// What the code asks for too much is told at once; for what it doesn't ask for it is given time, because the function may
// be waiting for something of its own. Once something is too much and something else is missing, no time is given.
//
// Invariant: the same code is never found to be another one, in whatever order what it waits for outside of the run comes.

import type { Seq } from '../core/numbers.ts'
import type { HoldfastError } from '../errors.ts'
import type { Ask } from './ask.ts'
import { AskLog, type AskVerdict } from './ask-log.ts'
import { diverged, type FoundDivergence } from './divergence.ts'
import type { ExecutionHost, ExecutionTerms } from './execution-terms.ts'
import { compensationTypes, endings, kindOf, type RunEvent, runEvents } from './run-event.ts'

export type CodeCheckHost = Pick<ExecutionHost, 'clock' | 'missingAskMs'>
export type CodeCheckTerms = Pick<ExecutionTerms, 'id' | 'history' | 'created' | 'version' | 'driver'>

export type Found = Omit<FoundDivergence, 'id'>

/** What is recorded when the function has ended: that the run has, and how it was undone before. */
const afterReturn: readonly string[] = [...endings, runEvents.unwinding, ...compensationTypes]

export class CodeCheck {
  readonly log: AskLog = new AskLog()
  readonly #host: CodeCheckHost
  readonly #terms: CodeCheckTerms
  /** The turn in which the function returned, when it did so in time. */
  #returnedIn: Seq | undefined
  #hasReturned = false
  #isStopped = false
  #moved: (() => void) | undefined
  /** Of the code that recorded what was met so far. */
  #versionMet: string | undefined
  /** What the rest of the record has as asked for late. */
  #lateAhead: ReadonlySet<string> | undefined

  constructor(host: CodeCheckHost, terms: CodeCheckTerms) {
    this.#host = host
    this.#terms = terms
    this.#versionMet = terms.created.version
  }

  /** Of the code that is executed, where it is another one than recorded what was met so far. */
  get newVersion(): string | undefined {
    const { version } = this.#terms
    return version === this.#versionMet ? undefined : version
  }

  meetVersion(version: string): void {
    this.#versionMet = version
  }

  /** What is told of a divergence that was found at this event. */
  divergence(found: Found, { type }: Pick<RunEvent, 'type'>): HoldfastError {
    const { id, version: attempted } = this.#terms
    const recorded = this.#versionMet
    const known = { ...(recorded === undefined ? {} : { recorded }), ...(attempted === undefined ? {} : { attempted }) }
    return diverged({ ...found, id }, { event: type, versions: known })
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

  /** Meets an event of the driver. Undefined when it is the same code; a promise only where that takes time to say. */
  meet(event: RunEvent, seen: Seq): Promise<Found | undefined> | Found | undefined {
    const { asked, key } = event.data
    this.log.meet(Array.isArray(asked) ? (asked as string[]) : typeof key === 'string' ? [key] : [])
    const verdict = this.log.judge(seen)
    const isClear = verdict.excess.length === 0 && verdict.missing.length === 0
    return isClear ? this.#found(event, seen, verdict) : this.#meetPatiently(event, seen, verdict)
  }

  async #meetPatiently(event: RunEvent, seen: Seq, first: AskVerdict): Promise<Found | undefined> {
    let verdict = first
    if (verdict.excess.length > 0) verdict = await this.#withoutLate(verdict, event.seq, seen)
    if (verdict.excess.length === 0 && verdict.missing.length > 0) verdict = await this.#whenAsked(seen)
    return this.#found(event, seen, verdict)
  }

  #found({ seq, type }: RunEvent, seen: Seq, { missing, excess }: AskVerdict): Found | undefined {
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
    for await (const { data } of this.#terms.history.events(from)) {
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
    const timer = this.#host.clock.after(this.#host.missingAskMs, () => {
      isTimeUp = true
      this.#moved?.()
    })
    while (!isSo() && !isTimeUp && !this.#isStopped) {
      // It may wait for another run.
      this.#terms.driver.settled()
      await new Promise<void>((resolve) => {
        this.#moved = resolve
      })
    }
    this.#moved = undefined
    timer.cancel()
  }
}

/** What was asked for under the key of this event is something else than the record has. */
export function otherKind({ key, work: { answers } }: Ask, { seq, type }: RunEvent): Found | undefined {
  if (answers.includes(type)) return undefined
  const kind = { recorded: kindOf(type), attempted: kindOf(answers[0] ?? '') }
  return { seq, recorded: [key], attempted: [key], kind }
}
