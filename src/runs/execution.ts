// One execution of a run's function: from its first line, through its history, to where it stands, and on from there.
//
// How it works. The function asks for things (steps, sleeps, waits) and gets promises. The events of the run's stream
// are met one by one, in the order of their positions; one that ends an ask settles its promise, and then the function
// has its turn: everything that follows from that settlement runs before the next event is met. Replaying and living are
// the same: an event from history and one that has just become durable go through the same door. That is why Promise.all,
// race and any end after a crash as they did before it, and why nothing is told to the function that a crash can take back.
// Only when history is met to its end do the asks that it left open start their work.
//
//   intake.ts    events come, in order     open-asks.ts   what is asked for    turns.ts     when the function has its turn
//   outbox.ts    events go                 code-check.ts  is it the same code  closing.ts   how it comes to its end
//
// Invariants: events are met in the order of the stream, none twice; a promise is settled by a durable event and by
// nothing else; between two settlements lies a whole turn; what a turn asked for is known when an event is made, because
// events are handed to the journal at the end of the turn.

import type { TimeMs } from '../core/numbers.ts'
import { type HoldfastError, isHoldfastError } from '../errors.ts'
import type { Ask, AskWork, Settlement } from './ask.ts'
import { Budget } from './budget.ts'
import { Closing } from './closing.ts'
import { CodeCheck, type Found, otherKind } from './code-check.ts'
import type { FoundDivergence } from './divergence.ts'
import type { Draft } from './draft.ts'
import type { ExecutionEnd, ExecutionHost, ExecutionTerms } from './execution-terms.ts'
import type { ChildRef } from './family.ts'
import { Intake } from './intake.ts'
import { LiveOutput } from './live-output.ts'
import type { LookAhead } from './look-ahead.ts'
import { OpenAsks } from './open-asks.ts'
import { Outbox } from './outbox.ts'
import { Patches } from './patches.ts'
import type { Rest } from './rest.ts'
import { endings, fromOutside, type RunData, type RunEvent, runEvents } from './run-event.ts'
import { Signals } from './signals.ts'
import type { KeyScope } from './step-key.ts'
import { ToolLedger } from './tool-ledger.ts'
import { Turns } from './turns.ts'

const nothing = (): void => undefined

export class Execution {
  readonly terms: ExecutionTerms
  readonly host: ExecutionHost
  readonly end: Promise<ExecutionEnd>
  readonly signals: Signals = new Signals()
  readonly tools: ToolLedger = new ToolLedger()
  readonly budget: Budget
  readonly #asks: OpenAsks = new OpenAsks()
  readonly #code: CodeCheck
  readonly #turns: Turns
  readonly #intake: Intake
  readonly #outbox: Outbox
  readonly #closing: Closing
  readonly #patches: Patches
  readonly #output: LiveOutput = new LiveOutput(this)
  #settleEnd: (end: ExecutionEnd) => void = () => undefined
  #ahead: LookAhead | undefined
  #isLive = false
  #isOver = false
  /** Of what came while history was met. */
  #mayHaveMissed = false

  constructor(host: ExecutionHost, terms: ExecutionTerms) {
    this.host = host
    this.terms = terms
    this.budget = new Budget(terms.created.budgets)
    const code = new CodeCheck(host, terms)
    const turns = new Turns(terms.created.time, () => outbox.flush())
    const intake = new Intake(this, {
      history: terms.history,
      meet: (event) => this.#meet(event),
      metAll: () => outbox.flush(),
    })
    const outbox = new Outbox(this, { turns, intake, log: code.log })
    this.#code = code
    this.#turns = turns
    this.#intake = intake
    this.#outbox = outbox
    this.#closing = new Closing(this, { asks: this.#asks, code, outbox, turns })
    this.#patches = new Patches(code.log)
    this.end = new Promise((resolve) => {
      this.#settleEnd = resolve
    })
  }

  /** Aborted when the run is cancelled, ends, or can't go on here. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /** The time of the last event that the function has been told of. */
  get time(): TimeMs {
    return this.#turns.time
  }

  get cancellation(): HoldfastError | undefined {
    return this.#closing.cancellation
  }

  /** Whether what is done now is done for the first time. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Nothing more is met, made or told. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** It isn't over, and history is met to its end. */
  get isAtWork(): boolean {
    return this.#isLive && !this.#isOver
  }

  /** What all that it has asked for waits for, if none of it is at work. */
  get waitsFor(): Rest | undefined {
    return this.#closing.waitsFor
  }

  /** Something that waited has begun to work. */
  wake(): void {
    this.#outbox.wake()
  }

  /** Calls the function and meets what history holds. `known`: the events of the run's own stream behind its first, if all
   * that there are were read already. */
  begin(body: () => Promise<unknown>, known?: readonly RunEvent[]): void {
    this.#run(body, known).catch((error: unknown) => this.halt(error))
  }

  /** Puts it out of memory, if it rests: then it ends as `passive`, and its function is heard of no more. */
  passivate(): void {
    const rest = this.#outbox.stillResting
    if (rest !== undefined)
      this.#over({ is: 'passive', due: rest.due, seq: this.terms.history.ownSeq(this.#intake.next - 1) })
  }

  /** `isNote`: see Ask. */
  ask<T>(
    scope: KeyScope,
    name: string,
    workOf: (key: string) => AskWork,
    { isNote = false }: { readonly isNote?: boolean } = {},
  ): Promise<T> {
    // A refused name is the caller's mistake, and no ask.
    let key: string
    try {
      key = scope.next(name)
    } catch (error) {
      return Promise.reject(error)
    }
    // After the end nobody is told anything; what still asks is forgotten with its frame.
    if (this.#isOver || this.#closing.hasReturned) return new Promise<T>(() => undefined)
    const { cancellation } = this
    if (cancellation !== undefined && !isNote) return Promise.reject(cancellation)
    this.#code.ask(key, this.#turns.seen, this.#turns.isLate)
    return this.#asks.open(key, workOf, { isNote, isLive: this.#isLive })
  }

  /** Whether the run is to take the new way of a change: its record has no more of the old one, or has the mark. */
  patched(name: string): boolean {
    return this.#patches.patched(name, (mark) => this.#ahead?.hasMark(mark, this.#turns.seen))
  }

  /** Appends an event of the run, at the end of the turn. */
  make(type: string, data: RunData, extras: Omit<Draft, 'type' | 'data'> = {}): void {
    if (this.#isOver) return
    this.#outbox.add(Object.assign({ type, data }, extras))
    this.wake()
    this.#outbox.flush()
  }

  /** Shows something to who follows the run now. */
  show(output: unknown): void {
    this.#output.tell(output, this.#turns.seen)
  }

  /** A child has begun, or ended. */
  setChild(key: string, child: ChildRef | undefined): void {
    this.#closing.setChild(key, child)
  }

  /** An event that somebody else appended, or that was appended in another way. */
  offer(event: RunEvent): void {
    if (this.#isOver) return
    this.#intake.offer(this.terms.history.adopt(event))
    if (this.#isLive) this.#intake.pump()
  }

  /** Something may stand in its stream that it wasn't offered. */
  lookAgain(): void {
    if (this.#isLive) this.#intake.meetNewest(nothing)
    else this.#mayHaveMissed = true
  }

  /** Stops without an end: the run stays as its events say, for whoever executes it next. */
  halt(error: unknown): void {
    this.#over({ is: 'halted', error })
  }

  /** The code is another one than the record was made with. */
  diverge(found: Found, event: RunEvent): void {
    // What was being waited for comes too late when the run can't go on here for another reason.
    if (!this.#isOver) this.#over({ is: 'diverged', error: this.#code.divergence(found, event) })
  }

  async #run(body: () => Promise<unknown>, known: readonly RunEvent[] | undefined): Promise<void> {
    const ahead = this.terms.history.ahead(this.#intake.next, known)
    this.#ahead = ahead
    await ahead.reach(this.#turns.seen)
    await this.#turn(() => {
      body().then(
        (result) => this.#closing.returned(result),
        (error: unknown) => this.#closing.threw(error),
      )
    })
    await this.#meetHistory(ahead)
    if (this.#isOver) return
    if (this.terms.isCheck === true) return this.#over({ is: 'checked', at: this.#turns.seen })
    this.#isLive = true
    this.#ahead = undefined
    this.#output.live()
    const version = this.#code.newVersion
    if (version !== undefined) this.make(runEvents.version, { version })
    // What the function left behind when it ended is not begun any more.
    if (!this.#closing.hasReturned) this.#asks.startAll()
    this.#closing.unwinding?.start()
    this.#outbox.flush()
    this.#intake.pump()
    if (this.#mayHaveMissed) this.lookAgain()
  }

  async #meetHistory(ahead: LookAhead): Promise<void> {
    do {
      for (let event = ahead.next(); event !== undefined && !this.#isOver; event = ahead.next()) {
        this.#intake.offer(event)
        for (let met = this.#intake.meetSome(); met !== undefined; met = this.#intake.meetSome()) await met
      }
    } while (!this.#isOver && (await ahead.readOn()))
  }

  #meet(event: RunEvent): Promise<void> | undefined {
    const { seen } = event.data
    this.#turns.meets(event.seq)
    if (event.type === runEvents.version) this.#code.meetVersion(String(event.data.version))
    if (typeof seen === 'number') this.#output.seen(seen)
    const found = typeof seen === 'number' ? this.#code.meet(event, seen) : undefined
    if (found instanceof Promise) return found.then((late) => this.#judged(event, late))
    return this.#judged(event, found)
  }

  #judged(event: RunEvent, found: Found | undefined): Promise<void> | undefined {
    const { type, data, seq } = event
    const { key } = data
    const isCheck = this.terms.isCheck === true
    if (found !== undefined) {
      this.diverge(found, event)
      return undefined
    }
    this.#turns.tells(typeof data.at === 'number' ? data.at : event.time)
    if (fromOutside.includes(type)) this.#outbox.told()
    this.budget.meet(event)
    const closing = this.#closing
    if (type === runEvents.unwinding) return closing.unwind(event)
    // What history shows as intended may have been called, even if this time the function ended earlier.
    const isCalling = typeof key === 'string' && this.#asks.has(key) && !(this.#isLive && closing.hasReturned)
    if (typeof key === 'string') this.tools.meet(event, isCalling, this.terms.history.isShared(seq))
    if (type === runEvents.cancelRequested) return this.#turn(() => closing.cancel(event))
    if (type === runEvents.signal) {
      const settled = this.signals.offer(event)
      return settled && this.#turn(() => this.#asks.settle(settled.key, settled.settlement))
    }
    if (type === runEvents.childEnded) closing.setChild(String(key), undefined)
    const ask = typeof key === 'string' && closing.unwinding === undefined ? this.#asks.get(key) : undefined
    if (endings.includes(type))
      this.#over(isCheck ? { is: 'checked', at: seq } : { is: 'ended', type, data, wasFound: !this.#isLive })
    else if (closing.unwinding !== undefined) closing.unwinding.met(event)
    else if (ask !== undefined) {
      const settlement = this.#met(ask, event)
      if (settlement !== undefined) return this.#turn(() => this.#asks.settle(ask.key, settlement))
    }
    return undefined
  }

  #met(ask: Ask, event: RunEvent): Settlement | undefined {
    const other = otherKind(ask, event)
    try {
      if (other === undefined) return ask.work.met(event)
      this.diverge(other, event)
    } catch (error) {
      if (!isHoldfastError(error, 'RUN_DIVERGED')) throw error
      this.diverge(error.details as unknown as FoundDivergence, event)
    }
    return undefined
  }

  /** The function's turn: what `begin` sets off. What was made in it goes at its end. */
  #turn(begin: () => void): Promise<void> {
    this.wake()
    return this.#turns.take(begin)
  }

  #over(end: ExecutionEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    const reason = 'error' in end ? end.error : undefined
    this.#asks.stopAll(reason)
    this.#asks.forgetAll()
    this.#outbox.clear()
    this.#code.stop()
    this.#closing.stop(reason, { isPassive: end.is === 'passive' })
    this.#settleEnd(end)
  }
}
