// What a run only writes down (run.emit, run.annotate, run.record): one event, once, however often the run is replayed.

import type { AskWork, Settlement } from './ask.ts'
import { thrownOf } from './error-record.ts'
import type { Execution } from './execution.ts'
import type { RunData } from './run-event.ts'

export class NoteWork implements AskWork {
  readonly waiting: undefined
  readonly #execution: Execution
  readonly #type: string
  readonly #data: RunData
  readonly answers: readonly string[]

  constructor(execution: Execution, type: string, data: RunData) {
    this.#execution = execution
    this.#type = type
    this.#data = data
    this.answers = [type]
  }

  met(event: { readonly data: RunData }): Settlement {
    // An error stands there when what was to be noted can't be stored. A result is given back as it was stored.
    return 'error' in event.data ? { error: thrownOf(event.data.error) } : { value: event.data.result }
  }

  start(): void {
    this.#execution.make(this.#type, this.#data)
  }

  stop(): void {}
}
