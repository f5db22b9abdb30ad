// run.step: calls its function until it returns or has failed often enough, and records how it ended. A step whose end is
// recorded is never called again.
//
// Invariant: a retry is journaled before its pause begins, so that a restarted run goes on counting where it was.

import type { StandardSchema } from '../core/schema.ts'
import type { Timer } from '../host/clock.ts'
import type { AskWork, Settlement, Waiting } from './ask.ts'
import type { Amounts } from './budget.ts'
import { thrownOf } from './error-record.ts'
import type { Execution } from './execution.ts'
import { checkInput } from './input-check.ts'
import { mayRetry, pauseMs, type RetryPolicy } from './retry.ts'
import { type RunData, type RunEvent, runEvents } from './run-event.ts'
import { schemaMismatch } from './schema-mismatch.ts'
import { StepContext } from './step-context.ts'
import { within } from './time-limit.ts'
import { wakeAt } from './wake-at.ts'

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
  /** When the next attempt is due, while none is made. */
  #due: number | undefined
  #timer: Timer | undefined
  #context: StepContext | undefined

  constructor(execution: Execution, key: string, terms: StepTerms) {
    this.#execution = execution
    this.#key = key
    this.#terms = terms
    this.answers = [terms.type, runEvents.stepRetried]
  }

  get waiting(): Waiting | undefined {
    if (this.#due === undefined) return undefined
    const why = `tries ${JSON.stringify(this.#key)} again at ${new Date(this.#due).toISOString()}`
    return { state: 'sleeping', why, due: this.#due }
  }

  met(event: RunEvent): Settlement | undefined {
    const { type, data } = event
    if (type === runEvents.stepRetried) {
      this.#failures = Number(data.attempt)
      this.#due = Number(data.due)
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
    this.#timer?.cancel()
    this.#context?.abort(reason)
  }

  #goOn(): void {
    if (this.#isStopped) return
    if (this.#due === undefined) {
      this.#attempt()
      return
    }
    this.#timer = wakeAt(this.#execution.host.clock, this.#due, () => {
      this.#due = undefined
      this.#execution.wake()
      this.#attempt()
    })
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

  async #call(context: StepContext): Promise<unknown> {
    const { call, timeoutMs, schema } = this.#terms
    const result = await within({ clock: this.#execution.host.clock, timeoutMs, context }, call)
    if (schema === undefined) return result
    const checked = await schema['~standard'].validate(result)
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
    const { clock, random } = this.#execution.host
    this.#due = clock.now() + pauseMs(retry, failures, random)
    const { key, due } = { key: this.#key, due: this.#due }
    this.#execution.make(runEvents.stepRetried, { key, attempt: failures, error, due, ...charged })
  }

  #ended(context: StepContext, outcome: RunData): void {
    // What comes back after the step was stopped, or from an attempt that is not the last, comes too late.
    if (this.#isStopped || this.#context !== context) return
    const { input } = this.#terms
    const given = input === undefined ? {} : { input: input.value }
    const attempts = this.#failures === 0 ? {} : { attempts: this.#failures + 1 }
    this.#execution.make(this.#terms.type, { key: this.#key, ...given, ...outcome, ...attempts })
  }
}
