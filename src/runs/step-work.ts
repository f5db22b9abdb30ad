// run.step: calls its function until it returns or has failed often enough, and records how it ended. A step whose end is
// recorded is never called again.
//
// Invariant: a retry is journaled before its pause begins, so that a restarted run goes on counting where it was.

import type { StandardSchema } from '../core/schema.ts'
import type { AskWork, Settlement, Waiting } from './ask.ts'
import type { Amounts } from './budget.ts'
import { thrownOf } from './error-record.ts'
import type { Execution } from './execution.ts'
import { checkInput } from './input-check.ts'
import { mayRetry, type RetryPolicy } from './retry.ts'
import { RetryPause } from './retry-pause.ts'
import { type RunData, type RunEvent, runEvents } from './run-event.ts'
import { schemaMismatch } from './schema-mismatch.ts'
import { StepContext } from './step-context.ts'
import { within } from './time-limit.ts'

export interface StepTerms {
  /** Of the event that records how it ended. */
  readonly type: string
  readonly call: (context: StepContext) => unknown
  /** Given by the caller, or not. */
  readonly input: { readonly value: unknown } | undefined
  readonly retry: RetryPolicy
  readonly timeoutMs: number | undefined
  readonly schema: StandardSchema | undefined
  readonly charge: ((result: unknown) => Amounts) | undefined
}

export class StepWork implements AskWork {
  readonly answers: readonly string[]
  readonly #execution: Execution
  readonly #key: string
  readonly #terms: StepTerms
  #isStarted = false
  #isStopped = false
  #failures = 0
  readonly #pause: RetryPause
  #context: StepContext | undefined

  constructor(execution: Execution, key: string, terms: StepTerms) {
    this.#execution = execution
    this.#key = key
    this.#terms = terms
    this.#pause = new RetryPause(execution)
    this.answers = [terms.type, runEvents.stepRetried]
  }

  get waiting(): Waiting | undefined {
    return this.#pause.waiting(`tries ${JSON.stringify(this.#key)}`)
  }

  met(event: RunEvent): Settlement | undefined {
    const { type, data } = event
    if (type === runEvents.stepRetried) {
      this.#failures = Number(data.attempt)
      this.#pause.met(data.due)
      if (this.#isStarted) this.#goOn()
      return undefined
    }
    const { host, terms } = this.#execution
    checkInput({ journal: host.journal, stream: terms.stream, id: terms.id, key: this.#key }, event, this.#terms.input)
    return 'error' in data ? { error: thrownOf(data.error) } : { value: data.result }
  }

  start(): void {
    this.#isStarted = true
    this.#goOn()
  }

  stop(reason: unknown): void {
    this.#isStopped = true
    this.#pause.stop()
    this.#context?.abort(reason)
  }

  #goOn(): void {
    if (!this.#isStopped) this.#pause.pass(() => this.#attempt())
  }

  #attempt(): void {
    const attempt = this.#failures + 1
    const context = new StepContext({ key: this.#key, attempt })
    this.#context = context
    const { clock } = this.#execution.host
    const begun = clock.now()
    this.#call(context).then(
      (result) => this.#succeeded(context, result, clock.now() - begun),
      (error: unknown) => this.#failed(context, error, clock.now() - begun),
    )
  }

  #succeeded(context: StepContext, result: unknown, tookMs: number): void {
    if (this.#isStopped || this.#context !== context) return
    const { budget } = this.#execution
    try {
      const charged = budget.chargeOf(tookMs, this.#terms.charge?.(result))
      this.#ended(context, { ...(result === undefined ? {} : { result }), ...charged })
    } catch (error) {
      // The step itself has succeeded: it isn't called again for a mistake in counting.
      this.#ended(context, { error, ...budget.chargeOf(tookMs, undefined) })
    }
  }

  #call(context: StepContext): Promise<unknown> {
    const { call, timeoutMs, schema } = this.#terms
    const result = within({ clock: this.#execution.host.clock, timeoutMs, context }, call)
    return schema === undefined ? result : this.#fitting(result, schema)
  }

  async #fitting(result: Promise<unknown>, schema: StandardSchema): Promise<unknown> {
    const checked = await schema['~standard'].validate(await result)
    if (checked.issues === undefined) return checked.value
    throw schemaMismatch(`the result of step ${JSON.stringify(this.#key)}`, checked.issues)
  }

  #failed(context: StepContext, error: unknown, tookMs: number): void {
    const { retry } = this.#terms
    const failures = this.#failures + 1
    if (this.#isStopped || this.#context !== context) return
    const charged = this.#execution.budget.chargeOf(tookMs, undefined)
    if (!mayRetry(retry, failures, error)) {
      this.#ended(context, { error, ...charged })
      return
    }
    const due = this.#pause.decide(retry, failures)
    this.#execution.make(runEvents.stepRetried, { key: this.#key, attempt: failures, error, due, ...charged })
  }

  #ended(context: StepContext, outcome: RunData): void {
    // What comes back after the step was stopped, or from an attempt that is not the last, comes too late.
    if (this.#isStopped || this.#context !== context) return
    const { input } = this.#terms
    const given = input === undefined ? {} : { input: input.value }
    const attempts = this.#failures === 0 ? {} : { attempts: this.#failures + 1 }
    // What has come back is not told of an end any more.
    this.#context = undefined
    this.#execution.make(this.#terms.type, { key: this.#key, ...given, ...outcome, ...attempts })
  }
}
