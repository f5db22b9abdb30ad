// run.tool: calls its function so that what it does to the world is done as its effect allows, wherever the process dies.
//
//   intent (durable) → call → outcome (durable)          a pure tool has no intent
//
// What is found without an outcome when a run is taken up was cut off: nobody knows whether it took effect. `idempotent`:
// called again, with the same key. `once`: `verify` is asked, and without its answer a person is. `reversible`: `verify` is
// asked, and without its answer the attempt is undone before the next: not called again as it stands, because it promises
// no more than that it can be undone, and a second effect would be undone only once.
//
// Invariants: but for `pure`, a call happens behind a durable intent of its own attempt, and only in the process that
// recorded it or, for `idempotent`, with the same key; that key follows from the first intent, whatever the code says by
// now; between two intents of a `once` or `reversible` tool stands an event that says why the first has no effect (any more).

import type { AskWork, Settlement, Waiting } from './ask.ts'
import { thrownOf } from './error-record.ts'
import type { Execution } from './execution.ts'
import { checkInput } from './input-check.ts'
import { mayRetry } from './retry.ts'
import { RetryPause } from './retry-pause.ts'
import { compensationTypes, type RunData, type RunEvent, runEvents, toolTypes } from './run-event.ts'
import { type CallEnd, callTool } from './tool-call.ts'
import { derivedKey, ToolContext } from './tool-context.ts'
import type { ToolTerms } from './tool-terms.ts'
import { askVerify } from './tool-verdict.ts'
import { Undo } from './undo.ts'

type Phase =
  /** No attempt is open: the next may begin. */
  | 'ready'
  | 'pausing'
  /** An attempt's intent is recorded, its outcome isn't. */
  | 'intended'
  | 'ambiguous'
  | 'undoing'

const elsewhere = 'the run that it was forked from had begun it, and may be at it'

export class ToolWork implements AskWork {
  readonly answers: readonly string[] = toolTypes
  readonly #execution: Execution
  readonly #key: string
  readonly #terms: ToolTerms
  #phase: Phase = 'ready'
  /** Of the last intent. */
  #attempt = 0
  /** With which effect it was recorded: where the code says another one now, the open attempt is a person's matter. */
  #openEffect: unknown
  #idempotencyKey: string
  /** Of the first intent. What the code would derive by now is another where the tool was renamed since. */
  #firstKey: string | undefined
  /** The open attempt is of the run that this one was forked from, which may be at it now: not to be undone here. */
  #isElsewhere = false
  #failures = 0
  #undone = 0
  #isStarted = false
  #isStopped = false
  readonly #pause: RetryPause
  #context: ToolContext | undefined
  #undo: Undo | undefined
  /** Why it is ambiguous. */
  #why = ''
  /** Of the open attempt, once it is over: what it failed with, when it turns out to have no effect. */
  #failure: { readonly error: unknown } | undefined

  constructor(execution: Execution, key: string, terms: ToolTerms) {
    this.#execution = execution
    this.#key = key
    this.#terms = terms
    this.#pause = new RetryPause(execution)
    this.#idempotencyKey = this.#freshKey()
    const { compensate, retry, timeoutMs } = terms
    if (compensate !== undefined) execution.tools.register(key, { compensate, retry, timeoutMs })
  }

  get waiting(): Waiting | undefined {
    const key = JSON.stringify(this.#key)
    if (this.#phase === 'ambiguous') {
      return { state: 'parked', why: `can't know whether ${key} took effect (${this.#why}), until that is settled` }
    }
    if (this.#phase === 'undoing') return this.#undo?.waiting
    return this.#pause.waiting(`tries ${key}`)
  }

  met(event: RunEvent): Settlement | undefined {
    const { type, data } = event
    if (type === runEvents.tool) {
      this.#checkInput(event)
      return 'error' in data ? { error: thrownOf(data.error) } : { value: data.result }
    }
    if (type === runEvents.toolSettled) return this.#settled(event)
    if (compensationTypes.includes(type)) return this.#undoMet(event)
    if (type === runEvents.toolIntended) this.#intended(event)
    else if (type === runEvents.toolRetried) {
      this.#failures = Number(data.failures)
      this.#pause.met(data.due)
      this.#phase = 'pausing'
    } else if (type === runEvents.toolAmbiguous) {
      this.#why = String(data.why)
      this.#phase = 'ambiguous'
    } else if (type === runEvents.toolVerified) this.#phase = 'ready'
    if (this.#isStarted) this.#goOn()
    return undefined
  }

  start(): void {
    this.#isStarted = true
    const isRepeatable = this.#terms.effect === 'idempotent' && this.#openEffect === 'idempotent'
    if (this.#phase === 'intended' && !isRepeatable) {
      const why = this.#isElsewhere ? elsewhere : 'the process ended during the call'
      this.#clarify(why, { isRunning: this.#isElsewhere }).catch(this.#defect)
    } else if (this.#phase === 'undoing' && this.#isElsewhere) this.#park(elsewhere)
    else if (this.#phase === 'undoing') this.#undo?.start()
    else this.#goOn()
  }

  stop(reason: unknown): void {
    this.#isStopped = true
    this.#pause.stop()
    this.#context?.abort(reason)
    this.#undo?.stop(reason)
  }

  /** Whatever the last event that was met leaves to do. */
  #goOn(): void {
    if (this.#isStopped) return
    if (this.#phase === 'ready') this.#next()
    else if (this.#phase === 'intended') this.#call(this.#attempt)
    else if (this.#phase === 'pausing') this.#pause.pass(() => this.#begin())
  }

  #next(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure === undefined) this.#begin()
    else this.#failed(failure.error)
  }

  #begin(): void {
    if (this.#terms.effect === 'pure') {
      this.#call(this.#failures + 1)
      return
    }
    const { effect } = this.#terms
    const attempt = this.#attempt + 1
    const idempotencyKey = this.#freshKey()
    this.#execution.make(runEvents.toolIntended, { key: this.#key, effect, ...this.#input(), attempt, idempotencyKey })
  }

  #call(attempt: number): void {
    const { call, effect, timeoutMs, schema } = this.#terms
    const { clock } = this.#execution.host
    const context = this.#newContext(attempt)
    const begun = clock.now()
    const isGuarded = effect === 'once' || effect === 'reversible'
    callTool({ call, clock, timeoutMs, schema, isGuarded }, context)
      .then((end) => {
        // What comes back after the tool was stopped, or from an attempt that is not the last, comes too late.
        if (!this.#isStopped && this.#context === context) return this.#ended(end, clock.now() - begun)
        return undefined
      })
      .catch(this.#defect)
  }

  async #ended(end: CallEnd, tookMs: number): Promise<void> {
    // What has come back is not told of an end any more.
    this.#context = undefined
    if (end.is === 'returned') this.#succeeded(end.result, tookMs)
    else if (end.is === 'thrown') this.#failed(end.error, tookMs)
    else if (end.is === 'unfit') this.#spoiled(end, tookMs)
    else {
      this.#failure = { error: end.error }
      await this.#clarify('the call took too long', { isRunning: end.isRunning })
    }
  }

  #succeeded(result: unknown, tookMs: number, found: RunData = {}): void {
    const { charge, effect } = this.#terms
    let data: RunData
    try {
      const charged = this.#execution.budget.chargeOf(tookMs, charge?.(result))
      data = { ...(result === undefined ? {} : { result }), ...found, ...charged }
      // Elsewhere the failure to store it takes its place. Here there is something to undo, and this is what with.
      const { host, terms } = this.#execution
      if (effect === 'reversible') host.journal.prepare(terms.stream, { type: runEvents.tool, data })
    } catch (error) {
      this.#spoiled({ result, error }, tookMs)
      return
    }
    this.#outcome(data)
  }

  /** It took effect, and its result can't be used. */
  #spoiled({ result, error }: { readonly result: unknown; readonly error: unknown }, tookMs: number): void {
    const { effect } = this.#terms
    if (effect === 'once') this.#outcome({ error, ...this.#chargeOf(tookMs) })
    else if (this.#isElsewhere) this.#park(elsewhere, { error })
    else if (effect === 'reversible') {
      this.#failure = { error }
      this.#startUndo(result)
    } else this.#failed(error, tookMs)
  }

  /** It had no effect. */
  #failed(error: unknown, tookMs = 0): void {
    const { retry } = this.#terms
    const failures = this.#failures + 1
    const charged = this.#chargeOf(tookMs)
    if (!mayRetry(retry, failures, error)) {
      this.#outcome({ error, thrown: true, ...charged })
      return
    }
    const due = this.#pause.decide(retry, failures)
    this.#execution.make(runEvents.toolRetried, { key: this.#key, failures, error, due, ...charged })
  }

  #outcome(data: RunData): void {
    this.#execution.tools.known(this.#key)
    const { effect } = this.#terms
    const attempts = this.#failures === 0 ? {} : { attempts: this.#failures + 1 }
    const given = effect === 'pure' ? { effect, ...this.#input() } : {}
    this.#execution.make(runEvents.tool, { key: this.#key, ...given, ...data, ...attempts })
  }

  /** An attempt that may have taken effect: asks `verify`, and does without its answer what is safe. */
  async #clarify(why: string, { isRunning }: { readonly isRunning: boolean }): Promise<void> {
    const { verify, timeoutMs, schema } = this.#terms
    const context = this.#newContext(this.#attempt)
    const { verdict, error } = await askVerify(
      { verify, clock: this.#execution.host.clock, timeoutMs, schema },
      context,
    )
    if (this.#isStopped) return
    const key = this.#key
    if (verdict !== 'unknown' && verdict.done) {
      this.#succeeded(verdict.result, 0, { verified: true })
    } else if (verdict !== 'unknown' && !isRunning) {
      // From a call that still runs, an effect can come after all.
      this.#execution.make(runEvents.toolVerified, { key, attempt: this.#attempt, done: false })
    } else if (this.#isUndoneHere) this.#startUndo(undefined)
    else this.#park(why, error === undefined ? {} : { error })
  }

  get #isUndoneHere(): boolean {
    return this.#terms.effect === 'reversible' && this.#openEffect === 'reversible' && !this.#isElsewhere
  }

  /** From here on it waits: the agenda says so with the event. */
  #park(why: string, failed: RunData = {}): void {
    this.#undo = undefined
    this.#phase = 'ambiguous'
    this.#why = why
    this.#execution.make(runEvents.toolAmbiguous, { key: this.#key, attempt: this.#attempt, why, ...failed })
  }

  #startUndo(result: unknown): void {
    this.#undo = this.#newUndo(result)
    this.#undo.start()
  }

  #newUndo(result: unknown): Undo {
    const { compensate = () => undefined, retry, timeoutMs } = this.#terms
    this.#phase = 'undoing'
    const idempotencyKey = this.#idempotencyKey
    const attempt = this.#attempt
    return new Undo(this.#execution, { key: this.#key, attempt, idempotencyKey, result, compensate, retry, timeoutMs })
  }

  #undoMet(event: RunEvent): Settlement | undefined {
    this.#undo ??= this.#newUndo(undefined)
    const end = this.#undo.met(event)
    if (end === undefined) return undefined
    this.#undo = undefined
    if (end.is === 'left') return end.settlement
    this.#undone += 1
    this.#phase = 'ready'
    if (this.#isStarted) this.#goOn()
    return undefined
  }

  #intended(event: RunEvent): void {
    this.#checkInput(event)
    this.#attempt = Number(event.data.attempt)
    this.#openEffect = event.data.effect
    this.#idempotencyKey = String(event.data.idempotencyKey)
    this.#isElsewhere = this.#execution.terms.history.isShared(event.seq)
    // What this run does itself must not be taken for what the other one did, which undoes its own.
    if (!this.#isElsewhere || event.data.effect === 'idempotent') this.#firstKey ??= this.#idempotencyKey
    this.#phase = 'intended'
  }

  /** Of what isn't open, nothing can be settled. */
  #settled(event: RunEvent): Settlement | undefined {
    const { data } = event
    if (this.#phase === 'undoing') return this.#undoMet(event)
    if (this.#phase !== 'ambiguous') return undefined
    if ('error' in data) return { error: thrownOf(data.error) }
    if (data.done === true) return { value: data.result }
    // Whoever says that it didn't happen wants it to.
    this.#failure = undefined
    this.#phase = 'ready'
    if (this.#isStarted) this.#goOn()
    return undefined
  }

  #checkInput(event: RunEvent): void {
    const { host, terms } = this.#execution
    checkInput({ journal: host.journal, stream: terms.stream, id: terms.id, key: this.#key }, event, this.#terms.input)
  }

  #newContext(attempt: number): ToolContext {
    const context = new ToolContext({ key: this.#key, attempt, idempotencyKey: this.#idempotencyKey })
    this.#context = context
    return context
  }

  #freshKey(): string {
    const { idempotencyKey = derivedKey(this.#execution.terms.id, this.#key) } = this.#terms
    const first = this.#firstKey ?? idempotencyKey
    return this.#undone === 0 ? first : `${first}-${this.#undone + 1}`
  }

  #input(): RunData {
    return this.#terms.input === undefined ? {} : { input: this.#terms.input.value }
  }

  #chargeOf(tookMs: number): RunData {
    return this.#execution.budget.chargeOf(tookMs, undefined)
  }

  /** Functions of the caller are all called where their errors are caught: this is a defect of ours. */
  readonly #defect = (error: unknown): void => this.#execution.halt(error)
}
