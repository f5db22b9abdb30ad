// One compensation: undoes what a call of a reversible tool did, or may have done, and records that it has.
//
// It may be called more than once (a crash can come between the call and its record), and is recorded once. One that
// fails for good waits for a person: what can't be undone must not go unseen.

import type { Settlement, Waiting } from './ask.ts'
import { thrownOf } from './error-record.ts'
import { mayRetry, type RetryPolicy } from './retry.ts'
import { type PauseHost, RetryPause } from './retry-pause.ts'
import { type RunData, type RunEvent, runEvents } from './run-event.ts'
import { within } from './time-limit.ts'
import { ToolContext } from './tool-context.ts'

/** What a compensation needs of the execution that it belongs to. */
export interface UndoHost extends PauseHost {
  make(type: string, data: RunData): void
}

export interface UndoTerms {
  readonly key: string
  readonly attempt: number
  readonly idempotencyKey: string
  /** Undefined where it isn't known. */
  readonly result: unknown
  readonly compensate: (result: unknown, context: ToolContext) => unknown
  readonly retry: RetryPolicy
  readonly timeoutMs: number | undefined
}

/** `left`: a person said that it can't be undone, and why. */
export type UndoEnd = { readonly is: 'undone' } | { readonly is: 'left'; readonly settlement: Settlement }

export class Undo {
  readonly #execution: UndoHost
  readonly #terms: UndoTerms
  #isStarted = false
  #isStopped = false
  #failures = 0
  readonly #pause: RetryPause
  #context: ToolContext | undefined
  /** Why it waits for a person. */
  #failed: string | undefined

  constructor(execution: UndoHost, terms: UndoTerms) {
    this.#execution = execution
    this.#terms = terms
    this.#pause = new RetryPause(execution)
  }

  get key(): string {
    return this.#terms.key
  }

  get waiting(): Waiting | undefined {
    const key = JSON.stringify(this.#terms.key)
    if (this.#failed !== undefined) {
      return { state: 'parked', why: `could not undo ${key} (${this.#failed}), until that is settled` }
    }
    return this.#pause.waiting(`tries to undo ${key}`)
  }

  /** Undefined while there is more to do. */
  met({ type, data }: RunEvent): UndoEnd | undefined {
    if (type === runEvents.compensated) return { is: 'undone' }
    if (type === runEvents.compensationFailed) this.#failed = messageOf(data.error)
    else if (type === runEvents.compensationRetried) {
      this.#failures = Number(data.failures)
      this.#pause.met(data.due)
      if (this.#isStarted) this.#goOn()
    } else if (type === runEvents.toolSettled && this.#failed !== undefined) return this.#settled(data)
    return undefined
  }

  start(): void {
    this.#isStarted = true
    if (this.#failed === undefined) this.#goOn()
  }

  stop(reason: unknown): void {
    this.#isStopped = true
    this.#pause.stop()
    this.#context?.abort(reason)
  }

  #settled(data: RunData): UndoEnd | undefined {
    if ('error' in data) return { is: 'left', settlement: { error: thrownOf(data.error) } }
    if (data.done === true) return { is: 'undone' }
    this.#failed = undefined
    this.#failures = 0
    if (this.#isStarted) this.#goOn()
    return undefined
  }

  #goOn(): void {
    this.#pause.pass(() => this.#attempt())
  }

  #attempt(): void {
    const { key, attempt, idempotencyKey, result, compensate, timeoutMs } = this.#terms
    const context = new ToolContext({ key, attempt, idempotencyKey })
    this.#context = context
    const { clock } = this.#execution.host
    within({ clock, timeoutMs, context }, () => compensate(result, context)).then(
      () => this.#make(runEvents.compensated, {}),
      (error: unknown) => this.#threw(error),
    )
  }

  #threw(error: unknown): void {
    const { retry } = this.#terms
    const failures = this.#failures + 1
    if (!mayRetry(retry, failures, error)) {
      this.#failed = messageOf(error)
      this.#make(runEvents.compensationFailed, { error })
      return
    }
    const due = this.#pause.decide(retry, failures)
    this.#make(runEvents.compensationRetried, { failures, error, due })
  }

  #make(type: string, data: RunData): void {
    if (this.#isStopped) return
    const { key, attempt } = this.#terms
    this.#execution.make(type, { key, attempt, ...data })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
