// One execution of a run's function: from its first line, through its history, to where it stands, and on from there.
//
// How it works. The function asks for things (steps, sleeps, waits) and gets promises. The events of the run's stream
// are met one by one, in the order of their positions; one that ends an ask settles its promise, and then the function
// has its turn: everything that follows from that settlement runs before the next event is met. Replaying and living are
// the same: an event from history and one that has just become durable go through the same door. That is why Promise.all,
// race and any end after a crash as they did before it, and why nothing is told to the function that a crash can take back.
// Only when history is met to its end do the asks that it left open start their work.
//
// Invariants: events are met in the order of the stream, none twice; a promise is settled by a durable event and by
// nothing else; between two settlements lies a whole turn; what a turn asked for is known when an event is made, because
// events are handed to the journal at the end of the turn.

import type { Seq, TimeMs } from '../core/numbers.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { AppendOptions, Fence } from '../journal/append-options.ts'
import type { PreparedAppend } from '../journal/prepared.ts'
import type { Journal } from '../journal.ts'
import type { Ask, AskWork, Settlement } from './ask.ts'
import { AskLog, type AskVerdict } from './ask-log.ts'
import { Budget } from './budget.ts'
import { diverged } from './divergence.ts'
import { storableError } from './error-record.ts'
import { EventOrder } from './event-order.ts'
import { type Rest, restOf } from './rest.ts'
import { endings, type RunData, type RunEvent, runEvents } from './run-event.ts'
import { Signals } from './signals.ts'
import type { KeyScope } from './step-key.ts'
import { ToolLedger } from './tool-ledger.ts'
import { Unwinding } from './unwinding.ts'

export interface ExecutionHost {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  /** How long a replay waits for an ask that the record has and the function hasn't made, before it counts as other code. */
  readonly missingAskMs: number
  /** The run has come to rest: nothing of it is at work. `seen` is the last event that it has met. */
  onRest?(terms: ExecutionTerms, rest: Rest, seen: Seq): void
}

export interface ExecutionTerms {
  readonly id: string
  readonly stream: string
  readonly agendaId: string
  readonly fence: Fence
  readonly created: { readonly time: TimeMs; readonly budgets?: Readonly<Record<string, number>> | undefined }
}

/** How an execution ended. Only `ended` ends the run; after the others it can be executed again. */
export type ExecutionEnd =
  | {
      readonly is: 'ended'
      readonly type: string
      readonly data: RunData /** It stood in history. */
      readonly wasFound: boolean
    }
  | { readonly is: 'diverged'; readonly error: HoldfastError }
  /** The journal refused or failed: nothing more could be recorded. */
  | { readonly is: 'halted'; readonly error: unknown }

interface Draft {
  readonly type: string
  readonly data: RunData
  readonly extras?: Pick<AppendOptions, 'agenda' | 'leases' | 'pins' | 'releases'>
}

export class Execution {
  readonly terms: ExecutionTerms
  readonly host: ExecutionHost
  readonly end: Promise<ExecutionEnd>
  readonly signals: Signals = new Signals()
  readonly tools: ToolLedger = new ToolLedger()
  readonly budget: Budget
  readonly #abort: AbortController = new AbortController()
  readonly #asks: Map<string, Ask> = new Map()
  readonly #log: AskLog = new AskLog()
  readonly #order: EventOrder = new EventOrder(2)
  readonly #outbox: Draft[] = []
  #settleEnd: (end: ExecutionEnd) => void = () => undefined
  /** Seq of the event that was met last. */
  #seen: Seq = 1
  #time: TimeMs
  #isInTurn = false
  #isLive = false
  #isPumping = false
  #isFetching = false
  /** The function has returned or thrown. */
  #hasReturned = false
  /** Nothing more is met, made or told. */
  #isOver = false
  #cancelled: HoldfastError | undefined
  #hasThrown = false
  #unwinding: Unwinding | undefined
  /** The event after which the run last came to rest. */
  #restedAt: Seq = 0
  #whenAskedOrReturned: (() => void) | undefined

  constructor(host: ExecutionHost, terms: ExecutionTerms) {
    this.host = host
    this.terms = terms
    this.#time = terms.created.time
    this.budget = new Budget(terms.created.budgets)
    this.end = new Promise((resolve) => {
      this.#settleEnd = resolve
    })
  }

  /** Aborted when the run is cancelled, ends, or can't go on here. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The time of the last event that the function has been told of. */
  get time(): TimeMs {
    return this.#time
  }

  get cancellation(): HoldfastError | undefined {
    return this.#cancelled
  }

  /** Calls the function and meets what history holds. */
  begin(body: () => Promise<unknown>): void {
    this.#run(body).catch((error: unknown) => this.halt(error))
  }

  /** What the run waits for; undefined while anything is at work. */
  waiting(): Rest | undefined {
    if (!this.#isLive || this.#isInTurn || this.#isOver || this.#outbox.length > 0) return undefined
    if (this.#hasReturned) return this.#unwinding === undefined ? undefined : restOf([this.#unwinding])
    return restOf([...this.#asks.values()].map(({ work }) => work))
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
    if (this.#isOver || this.#hasReturned) return new Promise<T>(() => undefined)
    if (this.#cancelled !== undefined && !isNote) return Promise.reject(this.#cancelled)
    const turn = this.#seen
    this.#log.ask(key, turn)
    this.#whenAskedOrReturned?.()
    return new Promise<T>((resolve, reject) => {
      const settles = { resolve: resolve as (value: unknown) => void, reject }
      const ask: Ask = { key, turn, isNote, work: workOf(key), ...settles }
      this.#asks.set(key, ask)
      if (this.#isLive) ask.work.start()
    })
  }

  /** Appends an event of the run, at the end of the turn. */
  make(type: string, data: RunData, extras?: Draft['extras']): void {
    if (this.#isOver) return
    this.#outbox.push(extras === undefined ? { type, data } : { type, data, extras })
    if (!this.#isInTurn) this.#flush()
  }

  /** Throws what keeps this from being recorded. */
  checkStorable(data: RunData): void {
    this.host.journal.prepare(this.terms.stream, { type: runEvents.tool, data })
  }

  /** An event that somebody else appended, or that was appended in another way. */
  offer(event: RunEvent): void {
    if (this.#isOver) return
    this.#order.offer(event)
    if (this.#isLive) this.#pump()
  }

  /** Stops without an end: the run stays as its events say, for whoever executes it next. */
  halt(error: unknown): void {
    this.#over({ is: 'halted', error })
  }

  async #run(body: () => Promise<unknown>): Promise<void> {
    await this.#turn(() => {
      body().then(
        (result) => this.#returned(runEvents.completed, result === undefined ? {} : { result }),
        (error: unknown) => this.#threw(error),
      )
    })
    const history = this.host.journal.read(this.terms.stream, { from: this.#order.next })
    for await (const event of history) {
      if (this.#isOver) return
      this.#order.offer(event as RunEvent)
      await this.#meetAll()
    }
    if (this.#isOver) return
    this.#isLive = true
    // What the function left behind when it ended is not begun any more.
    if (!this.#hasReturned) for (const { work } of [...this.#asks.values()]) work.start()
    this.#unwinding?.start()
    this.#flush()
    this.#pump()
  }

  #rest(): void {
    const { onRest } = this.host
    if (onRest === undefined || this.#restedAt === this.#seen) return
    const rest = this.waiting()
    if (rest === undefined) return
    this.#restedAt = this.#seen
    onRest.call(this.host, this.terms, rest, this.#seen)
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    this.#meetAll().then(
      () => {
        this.#isPumping = false
        // What was offered after the last was taken and before this line found the pump at work.
        if (this.#order.hasNext) this.#pump()
        else if (this.#order.hasGap) this.#fetchGap()
        else this.#rest()
      },
      (error: unknown) => this.halt(error),
    )
  }

  /** Somebody else's event lies between two of which we know. */
  #fetchGap(): void {
    if (this.#isFetching || this.#isOver) return
    this.#isFetching = true
    const reading = this.host.journal.read(this.terms.stream, { from: this.#order.next }).toArray()
    reading.then(
      (events) => {
        this.#isFetching = false
        for (const event of events) this.#order.offer(event as RunEvent)
        this.#pump()
      },
      (error: unknown) => this.halt(error),
    )
  }

  async #meetAll(): Promise<void> {
    for (let event = this.#order.take(); event !== undefined && !this.#isOver; event = this.#order.take()) {
      await this.#meet(event)
    }
  }

  async #meet(event: RunEvent): Promise<void> {
    const { asked, seen, key } = event.data
    this.#seen = event.seq
    if (typeof seen === 'number') {
      this.#log.meet(Array.isArray(asked) ? (asked as string[]) : typeof key === 'string' ? [key] : [])
      if (!(await this.#isSameCode(seen, event))) return
    }
    this.#time = Math.max(this.#time, typeof event.data.at === 'number' ? event.data.at : event.time)
    this.budget.meet(event)
    if (event.type === runEvents.unwinding) return this.#unwind(event)
    // What history shows as intended may have been called, even if this time the function ended earlier.
    const isCalling = typeof key === 'string' && this.#asks.has(key) && !(this.#isLive && this.#hasReturned)
    if (typeof key === 'string') this.tools.meet(event, isCalling)
    if (event.type === runEvents.cancelRequested) return this.#turn(() => this.#cancel(event))
    if (event.type === runEvents.signal) {
      const settled = this.signals.offer(event)
      if (settled !== undefined) await this.#turn(() => this.#settle(settled.key, settled.settlement))
      return
    }
    if (isEnd(event)) return this.#over({ is: 'ended', type: event.type, data: event.data, wasFound: !this.#isLive })
    if (this.#unwinding !== undefined) return this.#unwinding.met(event)
    const ask = typeof key === 'string' ? this.#asks.get(key) : undefined
    if (ask === undefined) return
    const settlement = this.#met(ask, event)
    if (settlement !== undefined) await this.#turn(() => this.#settle(ask.key, settlement))
  }

  #met(ask: Ask, event: RunEvent): Settlement | undefined {
    try {
      return ask.work.met(event)
    } catch (error) {
      if (!isHoldfastError(error, 'RUN_DIVERGED')) throw error
      this.#over({ is: 'diverged', error })
      return undefined
    }
  }

  /** The function's turn: what `begin` sets off, until nothing more follows from it. */
  async #turn(begin: () => void): Promise<void> {
    this.#isInTurn = true
    begin()
    // Promise callbacks have all run when the loop comes here, however many followed from one another.
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#isInTurn = false
    this.#flush()
  }

  #settle(key: string, settlement: Settlement): void {
    const ask = this.#asks.get(key)
    if (ask === undefined) return
    this.#asks.delete(key)
    ask.work.stop(undefined)
    if ('error' in settlement) ask.reject(settlement.error)
    else ask.resolve(settlement.value)
  }

  #cancel(event: RunEvent): void {
    // It has ended by itself, if not yet in the record.
    if (this.#hasReturned) return
    const { reason } = event.data
    const why = typeof reason === 'string' && reason !== '' ? `: ${reason}` : ''
    this.#cancelled = new HoldfastError('RUN_CANCELLED', `run ${JSON.stringify(this.terms.id)} was cancelled${why}`, {
      details: { id: this.terms.id, ...(reason === undefined ? {} : { reason }) },
    })
    this.#abort.abort(this.#cancelled)
    for (const { key, work, isNote } of [...this.#asks.values()]) {
      if (isNote) continue
      work.stop(this.#cancelled)
      this.#settle(key, { error: this.#cancelled })
    }
  }

  #threw(error: unknown): void {
    this.#hasThrown = true
    const isCancelled = this.#cancelled !== undefined
    const type = isCancelled ? runEvents.cancelled : runEvents.failed
    const data = isCancelled ? { reason: this.#cancelled?.message } : { error }
    if (this.tools.owes) this.#beginUnwinding(type, data)
    else this.#returned(type, data)
  }

  /** What the run's tools did is undone before the run ends. */
  #beginUnwinding(type: string, data: RunData): void {
    if (this.#isOver) return
    this.#stopAsks()
    if (!this.#abort.signal.aborted) this.#abort.abort()
    const state = { state: 'running', why: 'undoes what its reversible tools did, because it failed or was cancelled' }
    const agenda = [{ id: this.terms.agendaId, due: this.host.clock.now(), data: state }]
    this.#outbox.push({ type: runEvents.unwinding, data: { ...data, ends: type }, extras: { agenda } })
    if (!this.#isInTurn) this.#flush()
  }

  /** From here on, what the run ends with is what is recorded here. */
  async #unwind(event: RunEvent): Promise<void> {
    // The function may be waiting for something of its own before it fails.
    await this.#until(() => this.#hasReturned)
    if (this.#isOver) return
    if (!this.#hasThrown) {
      this.#diverge({ is: 'missing', recorded: [runEvents.unwinding] }, event)
      return
    }
    this.#outbox.length = 0
    const { error, reason, ends } = event.data
    const type = ends === runEvents.cancelled ? runEvents.cancelled : runEvents.failed
    const unwinding = new Unwinding(this, this.tools.owed(), () => {
      const { compensated } = unwinding
      const { left } = this.tools
      const undone = { compensated, ...(left.length === 0 ? {} : { left }) }
      this.#returned(type, { ...(type === runEvents.cancelled ? { reason } : { error }), ...undone })
    })
    this.#unwinding = unwinding
    if (this.#isLive) unwinding.start()
  }

  #stopAsks(): void {
    this.#hasReturned = true
    this.#whenAskedOrReturned?.()
    for (const { work } of this.#asks.values()) work.stop(this.#abort.signal.reason)
  }

  /** The function has ended: so does the run, unless history goes on behind this. */
  #returned(type: string, data: RunData): void {
    if (this.#isOver) return
    this.#stopAsks()
    const { agendaId, fence } = this.terms
    const abandoned = [...this.#asks.keys()]
    const ambiguous = this.tools.unclear()
    const marks = {
      ...(abandoned.length === 0 ? {} : { abandoned }),
      ...(ambiguous.length === 0 ? {} : { ambiguous }),
    }
    this.#outbox.push({
      type,
      data: { ...data, ...marks },
      extras: { agenda: [{ id: agendaId, due: null }], leases: [{ lease: fence.lease, release: fence.token }] },
    })
    if (!this.#isInTurn) this.#flush()
  }

  /** Hands to the journal what was made, one append each: they share its group commit. Nothing before history is met. */
  #flush(): void {
    if (!this.#isLive || this.#isOver) return
    for (const draft of this.#outbox.splice(0)) {
      const { type, prepared } = this.#prepare(draft)
      prepared.append().then(
        ({ seq }) => this.offer({ seq, type, data: prepared.data(0) as RunData, time: this.#time }),
        (error: unknown) => this.halt(error),
      )
    }
  }

  #prepare(draft: Draft): { readonly type: string; readonly prepared: PreparedAppend } {
    const asked = this.#log.takeUnwritten()
    const { key } = draft.data
    const isOwnOnly = asked.length === 1 && asked[0] === key
    const marks = { ...(isOwnOnly ? {} : { asked }), seen: this.#seen, at: this.host.clock.now() }
    const options = { ...draft.extras, fence: this.terms.fence }
    const prepare = ({ type, data }: Draft) => {
      const event = { type, data: { ...data, ...marks } }
      return { type, prepared: this.host.journal.prepare(this.terms.stream, event, options) }
    }
    const refusals: unknown[] = []
    for (const form of storableForms(draft, refusals)) {
      try {
        return prepare(form)
      } catch (refusal) {
        refusals.push(refusal)
      }
    }
    throw refusals.at(-1)
  }

  async #isSameCode(seen: Seq, event: RunEvent): Promise<boolean> {
    let verdict = this.#log.judge(seen)
    if (verdict.is === 'missing') verdict = await this.#missingAsked(seen)
    if (verdict.is === 'same') return true
    if (!this.#isOver) this.#diverge(verdict, event)
    return false
  }

  /** Waits for asks that the record has: the function may be waiting for something of its own. */
  async #missingAsked(seen: Seq): Promise<AskVerdict> {
    let verdict = this.#log.judge(seen)
    await this.#until(() => {
      verdict = this.#log.judge(seen)
      return verdict.is !== 'missing' || this.#hasReturned
    })
    return verdict
  }

  /** Waits for what the function does in its own time, but not for ever. */
  async #until(isSo: () => boolean): Promise<void> {
    let isLate = false
    const timer = this.host.clock.after(this.host.missingAskMs, () => {
      isLate = true
      this.#whenAskedOrReturned?.()
    })
    while (!isSo() && !isLate && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#whenAskedOrReturned = resolve
      })
    }
    this.#whenAskedOrReturned = undefined
    timer.cancel()
  }

  #diverge(verdict: Exclude<AskVerdict, { is: 'same' }>, event: RunEvent): void {
    const attempted = verdict.is === 'other' ? verdict.asked : []
    const error = diverged({ id: this.terms.id, seq: event.seq, recorded: verdict.recorded, attempted })
    this.#over({ is: 'diverged', error })
  }

  #over(end: ExecutionEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    const reason = end.is === 'ended' ? undefined : end.error
    for (const { work } of this.#asks.values()) work.stop(reason)
    this.#unwinding?.stop(reason)
    this.#asks.clear()
    this.#outbox.length = 0
    this.#whenAskedOrReturned?.()
    if (!this.#abort.signal.aborted) this.#abort.abort(reason)
    this.#settleEnd(end)
  }
}

function isEnd({ type }: RunEvent): boolean {
  return endings.includes(type)
}

/** What to record: the event as it is; or, where something in it can't be stored, with what can be kept of its error; or
 * the failure to store it, in place of the rest. */
function* storableForms({ type, data }: Draft, refusals: readonly unknown[]): Iterable<Draft> {
  yield { type, data }
  if ('error' in data) yield { type, data: { ...data, error: storableError(data.error) } }
  const { key } = data
  const error = storableError(refusals[0])
  yield {
    type: substitutes[type] ?? type,
    data: key === undefined ? { error } : { key, error },
  }
}

/** What is recorded instead of what can't be stored: a result is a failure, a tool isn't called. */
const substitutes: Readonly<Record<string, string>> = {
  [runEvents.completed]: runEvents.failed,
  [runEvents.toolIntended]: runEvents.tool,
}
