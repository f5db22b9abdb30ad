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

import { nextTick } from 'node:process'
import type { Seq, TimeMs } from '../core/numbers.ts'
import { assert, HoldfastError, isHoldfastError, never } from '../errors.ts'
import type { Ask, AskWork, Settlement } from './ask.ts'
import { AskLog, type AskMarks } from './ask-log.ts'
import { Budget } from './budget.ts'
import { CodeCheck } from './code-check.ts'
import { diverged, type FoundDivergence } from './divergence.ts'
import type { Draft } from './draft.ts'
import { EventOrder } from './event-order.ts'
import type { ExecutionEnd, ExecutionHost, ExecutionTerms } from './execution-terms.ts'
import type { ChildRef } from './family.ts'
import { LookAhead } from './look-ahead.ts'
import { type PreparedDraft, prepareDraft } from './prepared-draft.ts'
import { type Rest, restOf } from './rest.ts'
import { cancelledChildren, endingExtras } from './run-ending.ts'
import { RunEntry } from './run-entry.ts'
import { endings, fromOutside, idOfStream, kindOf, type RunData, type RunEvent, runEvents } from './run-event.ts'
import { Signals } from './signals.ts'
import type { KeyScope } from './step-key.ts'
import { ToolLedger } from './tool-ledger.ts'
import { Unwinding } from './unwinding.ts'

export class Execution {
  readonly terms: ExecutionTerms
  readonly host: ExecutionHost
  readonly end: Promise<ExecutionEnd>
  readonly signals: Signals = new Signals()
  readonly tools: ToolLedger = new ToolLedger()
  readonly budget: Budget
  readonly #abort: AbortController = new AbortController()
  readonly #asks: Map<string, Ask> = new Map()
  readonly #code: CodeCheck
  readonly #order: EventOrder = new EventOrder(2)
  readonly #outbox: Draft[] = []
  /** Children that have begun and not ended, by the key of their ask. */
  readonly #children: Map<string, ChildRef> = new Map()
  #settleEnd: (end: ExecutionEnd) => void = () => undefined
  /** Seq of the event that was met last. */
  #seen: Seq = 1
  #time: TimeMs
  #isInTurn = false
  /** What is asked for now follows from what the function was told last, and not from something of its own. */
  #isInTime = false
  #ahead: LookAhead | undefined
  readonly #patches: Map<string, boolean> = new Map()
  /** Of the code that recorded what was met so far. */
  #versionMet: string | undefined
  #isLive = false
  #isPumping = false
  #isReadingGap = false
  /** An append is on its way that holds only if nobody else has appended: what follows it waits for its outcome. */
  #isHeld = false
  #inFlight = 0
  readonly #entry: RunEntry
  #resting: Rest | undefined
  /** It was told so; then the parent's stream is none of its business any more. */
  #hasParentEnded = false
  /** The function has returned or thrown. */
  #hasReturned = false
  /** Nothing more is met, made or told. */
  #isOver = false
  #cancelled: HoldfastError | undefined
  #hasThrown = false
  #unwinding: Unwinding | undefined

  constructor(host: ExecutionHost, terms: ExecutionTerms) {
    this.host = host
    this.terms = terms
    this.#time = terms.created.time
    this.#entry = new RunEntry(terms.agendaId, host.clock, terms.entry)
    this.budget = new Budget(terms.created.budgets)
    this.#versionMet = terms.created.version
    const { clock, missingAskMs } = host
    this.#code = new CodeCheck({ clock, missingAskMs, eventsFrom: (seq) => terms.history.events(seq) })
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

  /** Whether what is done now is done for the first time. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** What it waits for, when it rests. */
  get resting(): Rest | undefined {
    return this.#resting
  }

  /** Something that waited has begun to work. */
  wake(): void {
    if (this.#resting === undefined) return
    this.#resting = undefined
    this.terms.woke?.()
  }

  /** Puts it out of memory, if it rests: then it ends as `passive`, and its function is heard of no more. */
  passivate(): void {
    if (this.#resting === undefined || this.#isPumping || this.#isBusy) return
    const rest = this.#rest()
    if (rest !== undefined)
      this.#over({ is: 'passive', due: rest.due, seq: this.terms.history.ownSeq(this.#order.next - 1) })
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
    this.#code.ask(key, turn, !this.#isInTime)
    return new Promise<T>((resolve, reject) => {
      const settles = { resolve: resolve as (value: unknown) => void, reject }
      const ask: Ask = { key, turn, isNote, work: workOf(key), ...settles }
      this.#asks.set(key, ask)
      if (this.#isLive) ask.work.start()
    })
  }

  /** Whether the run is to take the new way of a change: its record has no more of the old one, or has the mark. */
  patched(name: string): boolean {
    const known = this.#patches.get(name)
    if (known !== undefined) return known
    const mark = AskLog.markOf(name)
    const { log } = this.#code
    const recorded = log.hasMark(mark) || (this.#isLive ? undefined : this.#ahead?.hasMark(mark, this.#seen))
    const isPatched = recorded ?? true
    if (isPatched && !this.#isOver) log.addMark(mark)
    this.#patches.set(name, isPatched)
    return isPatched
  }

  /** Appends an event of the run, at the end of the turn. */
  make(type: string, data: RunData, extras: Omit<Draft, 'type' | 'data'> = {}): void {
    if (this.#isOver) return
    this.#outbox.push({ type, data, ...extras })
    this.wake()
    this.#flush()
  }

  /** A child has begun, or ended. */
  setChild(key: string, child: ChildRef | undefined): void {
    if (child === undefined) this.#children.delete(key)
    else this.#children.set(key, child)
  }

  /** Throws what keeps this from being recorded. */
  checkStorable(data: RunData): void {
    this.host.journal.prepare(this.terms.stream, { type: runEvents.tool, data })
  }

  /** An event that somebody else appended, or that was appended in another way. */
  offer(event: RunEvent): void {
    if (this.#isOver) return
    this.#order.offer(this.terms.history.adopt(event))
    if (this.#isLive) this.#pump()
  }

  /** Stops without an end: the run stays as its events say, for whoever executes it next. */
  halt(error: unknown): void {
    this.#over({ is: 'halted', error })
  }

  async #run(body: () => Promise<unknown>): Promise<void> {
    const ahead = new LookAhead(this.terms.history.events(this.#order.next))
    this.#ahead = ahead
    await ahead.reach(this.#seen)
    await this.#turn(() => {
      body().then(
        (result) => this.#returned(runEvents.completed, result === undefined ? {} : { result }),
        (error: unknown) => this.#threw(error),
      )
    })
    for (let event = await ahead.next(); event !== undefined; event = await ahead.next()) {
      if (this.#isOver) return
      this.#order.offer(event)
      await this.#meetAll()
    }
    if (this.#isOver) return
    if (this.terms.isCheck === true) return this.#over({ is: 'checked', at: this.#seen })
    this.#isLive = true
    this.#ahead = undefined
    this.terms.caughtUp()
    const { version } = this.terms
    if (version !== undefined && version !== this.#versionMet) this.make(runEvents.version, { version })
    // What the function left behind when it ended is not begun any more.
    if (!this.#hasReturned) for (const { work } of [...this.#asks.values()]) work.start()
    this.#unwinding?.start()
    this.#flush()
    this.#pump()
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    this.#meetAll().then(
      () => {
        this.#isPumping = false
        // What was offered after the last was taken and before this line found the pump at work.
        if (this.#order.hasNext) this.#pump()
        else if (this.#order.hasGap) this.#meetGap()
        else this.#flush()
      },
      (error: unknown) => this.halt(error),
    )
  }

  /** Somebody else's event lies between two of which we know. */
  #meetGap(): void {
    if (this.#isReadingGap || this.#isOver) return
    this.#isReadingGap = true
    this.#meetNewest(() => {
      this.#isReadingGap = false
    })
  }

  /** Meets what the stream has by now. */
  #meetNewest(hasRead: () => void): void {
    const readOn = async (): Promise<void> => {
      const events: RunEvent[] = []
      for await (const event of this.terms.history.events(this.#order.next)) events.push(event)
      hasRead()
      for (const event of events) this.#order.offer(event)
    }
    readOn().then(
      () => this.#pump(),
      (error: unknown) => this.halt(error),
    )
  }

  async #meetAll(): Promise<void> {
    for (let event = this.#order.take(); event !== undefined && !this.#isOver; event = this.#order.take()) {
      await this.#meet(event)
    }
  }

  async #meet(event: RunEvent): Promise<void> {
    const { seen, key } = event.data
    this.#seen = event.seq
    if (event.type === runEvents.version) this.#versionMet = String(event.data.version)
    if (typeof seen === 'number') {
      const found = await this.#code.meet(event, seen)
      if (found !== undefined) return this.#diverge(found, event)
    }
    this.#time = Math.max(this.#time, typeof event.data.at === 'number' ? event.data.at : event.time)
    if (fromOutside.includes(event.type)) {
      // It may bring something to work, and has changed the agenda's entry.
      this.#entry.changed()
      this.wake()
    }
    this.budget.meet(event)
    if (event.type === runEvents.unwinding) return this.#unwind(event)
    // What history shows as intended may have been called, even if this time the function ended earlier.
    const isCalling = typeof key === 'string' && this.#asks.has(key) && !(this.#isLive && this.#hasReturned)
    if (typeof key === 'string') this.tools.meet(event, isCalling, this.terms.history.isShared(event.seq))
    if (event.type === runEvents.cancelRequested) return this.#turn(() => this.#cancel(event))
    if (event.type === runEvents.signal) {
      const settled = this.signals.offer(event)
      if (settled !== undefined) await this.#turn(() => this.#settle(settled.key, settled.settlement))
      return
    }
    if (isEnd(event) && this.terms.isCheck === true) return this.#over({ is: 'checked', at: event.seq })
    if (isEnd(event)) return this.#over({ is: 'ended', type: event.type, data: event.data, wasFound: !this.#isLive })
    if (event.type === runEvents.childEnded) this.#children.delete(String(key))
    if (this.#unwinding !== undefined) return this.#unwinding.met(event)
    const ask = typeof key === 'string' ? this.#asks.get(key) : undefined
    if (ask === undefined) return
    const settlement = this.#met(ask, event)
    if (settlement !== undefined) await this.#turn(() => this.#settle(ask.key, settlement))
  }

  #met(ask: Ask, event: RunEvent): Settlement | undefined {
    const { answers } = ask.work
    if (!answers.includes(event.type)) {
      const kind = { recorded: kindOf(event.type), attempted: kindOf(answers[0] ?? '') }
      this.#diverge({ seq: event.seq, recorded: [ask.key], attempted: [ask.key], kind }, event)
      return undefined
    }
    try {
      return ask.work.met(event)
    } catch (error) {
      if (!isHoldfastError(error, 'RUN_DIVERGED')) throw error
      this.#diverge(error.details as unknown as FoundDivergence, event)
      return undefined
    }
  }

  /** The function's turn: what `begin` sets off, until nothing more follows from it. */
  async #turn(begin: () => void): Promise<void> {
    this.#isInTurn = true
    this.wake()
    this.#isInTime = true
    begin()
    // A tick's callback comes when every promise callback that follows from this one has run.
    queueMicrotask(() =>
      nextTick(() => {
        this.#isInTime = false
      }),
    )
    // Promise callbacks have all run when the loop comes here, however many followed from one another.
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#isInTurn = false
    this.#isInTime = false
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
    const { reason, parentEnded } = event.data
    if (parentEnded === true) this.#hasParentEnded = true
    // It has ended by itself, if not yet in the record.
    if (this.#hasReturned) return
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
    const left = cancelledChildren(this.#children.values(), { reason: 'the run that it is a child of has failed' })
    this.#entry.undoes()
    this.make(runEvents.unwinding, { ...data, ends: type }, this.#cancelled === undefined ? { extras: left } : {})
  }

  /** From here on, what the run ends with is what is recorded here. */
  async #unwind(event: RunEvent): Promise<void> {
    // The function may be waiting for something of its own before it fails.
    await this.#code.untilReturned()
    if (this.#isOver) return
    if (!this.#hasThrown) {
      const returned = this.#hasReturned ? { returned: true } : {}
      this.#diverge({ seq: event.seq, recorded: [runEvents.unwinding], attempted: [], ...returned }, event)
      return
    }
    this.#entry.undoes()
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
    if (!this.#hasReturned) this.#code.returned(this.#seen, !this.#isInTime)
    this.#hasReturned = true
    for (const { work } of this.#asks.values()) work.stop(this.#abort.signal.reason)
  }

  /** The function has ended: so does the run, unless history goes on behind this. */
  #returned(type: string, data: RunData): void {
    if (this.#isOver) return
    this.#stopAsks()
    const abandoned = [...this.#asks.keys()]
    const ambiguous = this.tools.unclear()
    const marks = {
      ...(abandoned.length === 0 ? {} : { abandoned }),
      ...(ambiguous.length === 0 ? {} : { ambiguous }),
    }
    const hasFamily = this.terms.lineage.parent !== undefined || this.#children.size > 0
    this.make(
      type,
      { ...data, ...marks },
      {
        extras: (form) => endingExtras(this.terms, this.#children.values(), !this.#hasParentEnded)(form),
        // So that of a parent and a child who end at the same time, the later knows of the earlier.
        ...(hasFamily ? { awaitsAll: true } : {}),
      },
    )
  }

  /** The newest event of its stream that it knows. */
  get #known(): Seq {
    return this.terms.history.ownSeq(this.#order.known)
  }

  get #isBusy(): boolean {
    return this.#isHeld || this.#inFlight > 0 || this.#outbox.length > 0 || !this.#order.isEmpty
  }

  /** What it waits for as soon as all that was made is durable, if it rests then. */
  #rest(): Rest | undefined {
    if (!this.#isLive || this.#isOver || !this.#order.isEmpty) return undefined
    const unwinding = this.#unwinding === undefined ? [] : [this.#unwinding]
    const rest = restOf(this.#hasReturned ? unwinding : [...this.#asks.values()].map(({ work }) => work))
    // What is over by now only hasn't been noticed yet.
    return rest === undefined || rest.due <= this.host.clock.now() ? undefined : rest
  }

  /** Hands to the journal what was made, one append each: they share its group commit. Nothing before history is met. With
   * the last goes what the agenda should say when the run rests by it: under the condition that nobody has told it anything
   * meanwhile, because then it is due, and must stay so. */
  #flush(): void {
    while (this.#isLive && !this.#isOver && !this.#isInTurn && !this.#isHeld) {
      const draft = this.#outbox.shift()
      if (draft === undefined) {
        this.#settleDown()
        return
      }
      if (draft.awaitsAll === true && !this.#order.isEmpty) {
        // Who meets them flushes again.
        this.#outbox.unshift(draft)
        return
      }
      this.#append(draft, this.#outbox.length === 0 ? this.#rest() : undefined)
    }
  }

  #append(draft: Draft, rest: Rest | undefined): void {
    const isHeld = rest !== undefined || draft.awaitsAll === true || draft.refused !== undefined
    const { type, told, prepared, also } = this.#prepare(draft, rest)
    this.#isHeld = isHeld
    this.#inFlight += 1
    prepared.append().then(
      (receipt) => {
        this.#inFlight -= 1
        if (isHeld) this.#isHeld = false
        const seq = receipt.events[0]?.seq ?? never('the batch has the event of the run')
        this.offer({ seq, type, data: prepared.data(0) as RunData, time: this.#time })
        draft.done?.(receipt, prepared)
        for (const [index, { stream, type: alsoType }] of also.entries()) {
          const place = receipt.events[index + 1] ?? never('a receipt names every event')
          const data = prepared.data(index + 1) as RunData
          if (alsoType === runEvents.created) continue
          this.host.family.told(idOfStream(stream), { seq: place.seq, type: alsoType, data, time: this.#time })
        }
        if (isHeld) this.#flush()
      },
      (error: unknown) => {
        this.#inFlight -= 1
        this.#refused(error, { ...draft, told }, isHeld)
      },
    )
  }

  #refused(error: unknown, draft: Draft, isHeld: boolean): void {
    if (!isHoldfastError(error, 'SEQ_CONFLICT')) {
      this.halt(error)
      return
    }
    this.#entry.changed()
    if (error.details.stream === this.terms.stream) {
      // Somebody has told the run something. What was to be appended is, once that is met.
      assert(isHeld, 'only what is held has a condition on the stream of its run')
      this.#outbox.unshift(draft)
      this.#catchUp()
      return
    }
    if (draft.refused === undefined) {
      this.halt(error)
      return
    }
    const { told } = draft
    this.#outbox.unshift({ ...draft.refused(error), ...(told === undefined ? {} : { told }) })
    this.#isHeld = false
    this.#flush()
  }

  #catchUp(): void {
    this.#meetNewest(() => {
      this.#isHeld = false
    })
  }

  /** Nothing is left to append. If the run rests and the agenda doesn't say so yet, it is told; that needs no sync, because
   * what it says now is only less exact. */
  #settleDown(): void {
    // What is being met will come here again.
    if (this.#isBusy || this.#isPumping) return
    const rest = this.#rest()
    if (rest === undefined) return
    if (this.#entry.saysRest(rest)) {
      if (this.#resting !== undefined) return
      this.#resting = rest
      this.terms.rested?.()
      return
    }
    this.#isHeld = true
    const { stream, fence } = this.terms
    const options = { fence, agenda: [this.#entry.rests(rest)], expect: { [stream]: this.#known } }
    this.host.journal.append([], { ...options, durability: 'eventual' }).then(
      () => {
        this.#isHeld = false
        this.#flush()
      },
      (error: unknown) => {
        if (!isHoldfastError(error, 'SEQ_CONFLICT')) {
          this.halt(error)
          return
        }
        this.#entry.changed()
        this.#catchUp()
      },
    )
  }

  #prepare(draft: Draft, rest: Rest | undefined): PreparedDraft & { readonly told: AskMarks } {
    const told = draft.told ?? this.#code.log.takeUnwritten()
    const { asked, late } = told
    const { key } = draft.data
    const isOwnOnly = asked.length === 1 && asked[0] === key
    const lateMark = late.length === 0 ? {} : { late }
    const marks = { ...(isOwnOnly ? {} : { asked }), ...lateMark, seen: this.#seen, at: this.host.clock.now() }
    const known = rest !== undefined || draft.awaitsAll === true ? this.#known + this.#inFlight : undefined
    const says = rest === undefined ? () => this.#entry.works() : () => this.#entry.rests(rest)
    return { told, ...prepareDraft({ journal: this.host.journal, ...this.terms }, draft, { marks, known, says }) }
  }

  #diverge(found: Omit<FoundDivergence, 'id'>, { type }: RunEvent): void {
    // What was being waited for comes too late when the run can't go on here for another reason.
    if (this.#isOver) return
    const { id, version } = this.terms
    const versions = {
      ...(this.#versionMet === undefined ? {} : { recorded: this.#versionMet }),
      ...(version === undefined ? {} : { attempted: version }),
    }
    const error = diverged({ ...found, id }, { event: type, versions })
    this.#over({ is: 'diverged', error })
  }

  #over(end: ExecutionEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    const reason = 'error' in end ? end.error : undefined
    for (const { work } of this.#asks.values()) work.stop(reason)
    this.#unwinding?.stop(reason)
    this.#asks.clear()
    this.#outbox.length = 0
    this.#code.stop()
    this.#children.clear()
    // The function of one that is put out of memory is not at work, and begins anew elsewhere.
    if (end.is !== 'passive' && !this.#abort.signal.aborted) this.#abort.abort(reason)
    this.#settleEnd(end)
  }
}

function isEnd({ type }: RunEvent): boolean {
  return endings.includes(type)
}
