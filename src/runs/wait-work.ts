// run.wait: for a signal of a name, or until a time. Which of them was first is what the stream's order says.

import type { StandardSchema } from '../core/schema.ts'
import type { Timer } from '../host/clock.ts'
import { invalidArgument } from '../journal/argument.ts'
import type { AskWork, Settlement, Waiting } from './ask.ts'
import type { Execution } from './execution.ts'
import { type RunEvent, runEvents } from './run-event.ts'
import { schemaMismatch } from './schema-mismatch.ts'
import { wakeAt } from './wake-at.ts'

export interface WaitTerms {
  readonly name: string
  readonly timeoutMs: number | undefined
  readonly schema: StandardSchema | undefined
}

const answers = [runEvents.wait, runEvents.waitTimedOut]

export class WaitWork implements AskWork {
  readonly answers: readonly string[] = answers
  readonly #execution: Execution
  readonly #key: string
  readonly #terms: WaitTerms
  #isSet = false
  #isAsked = false
  #until: number | undefined
  #isStarted = false
  #isEnding = false
  #timer: Timer | undefined

  constructor(execution: Execution, key: string, terms: WaitTerms) {
    this.#execution = execution
    this.#key = key
    this.#terms = terms
  }

  get waiting(): Waiting | undefined {
    if (this.#isEnding || !(this.#isSet || this.#isAsked)) return undefined
    // One that came before will end it at once.
    if (!this.#isSet && this.#execution.signals.keeps(this.#terms.name)) return undefined
    const why = `waits for the signal ${JSON.stringify(this.#terms.name)}`
    return this.#until === undefined ? { state: 'waiting', why } : { state: 'waiting', why, due: this.#until }
  }

  met({ type, data }: RunEvent): Settlement | undefined {
    if (type === runEvents.waitTimedOut) return { value: undefined }
    const { until } = data
    this.#isSet = true
    if (typeof until === 'number') this.#until = until
    if (this.#isStarted) this.#arm()
    return this.#execution.signals.wait(this.#terms.name, {
      key: this.#key,
      settle: (sent) => this.#settlement(sent),
    })
  }

  start(): void {
    this.#isStarted = true
    if (this.#isSet) {
      this.#arm()
      return
    }
    const { name, timeoutMs } = this.#terms
    this.#isAsked = true
    if (timeoutMs !== undefined) this.#until = this.#execution.host.clock.now() + timeoutMs
    const until = this.#until === undefined ? {} : { until: this.#until }
    this.#execution.make(runEvents.wait, { key: this.#key, name, ...until })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#execution.signals.forget(this.#terms.name, this.#key)
  }

  #arm(): void {
    if (this.#until === undefined) return
    this.#timer = wakeAt(this.#execution.host.clock, this.#until, () => {
      this.#isEnding = true
      this.#execution.make(runEvents.waitTimedOut, { key: this.#key })
    })
  }

  #settlement(sent: unknown): Settlement {
    if (this.#terms.schema === undefined) return { value: sent }
    const checked = this.#terms.schema['~standard'].validate(sent)
    if (checked instanceof Promise) {
      checked.catch(() => undefined)
      return { error: invalidArgument('the schema of a wait', 'one that validates synchronously') }
    }
    if (checked.issues === undefined) return { value: checked.value }
    return { error: schemaMismatch(`the signal ${JSON.stringify(this.#terms.name)}`, checked.issues) }
  }
}
