// run.sleep: until when is decided once and journaled, so that a run which is restarted wakes at the same time.

import type { Timer } from '../host/clock.ts'
import type { AskWork, Settlement, Waiting } from './ask.ts'
import type { Execution } from './execution.ts'
import { type RunEvent, runEvents } from './run-event.ts'
import { wakeAt } from './wake-at.ts'

const answers = [runEvents.sleep, runEvents.woke]

export class SleepWork implements AskWork {
  readonly answers: readonly string[] = answers
  readonly #execution: Execution
  readonly #key: string
  readonly #untilWanted: () => number
  #until: number | undefined
  #waiting: Waiting | undefined
  #isStarted = false
  #isWaking = false
  #timer: Timer | undefined

  constructor(execution: Execution, key: string, until: () => number) {
    this.#execution = execution
    this.#key = key
    this.#untilWanted = until
  }

  get waiting(): Waiting | undefined {
    if (this.#until === undefined || this.#isWaking) return undefined
    this.#waiting ??= {
      state: 'sleeping',
      why: `sleeps until ${new Date(this.#until).toISOString()}`,
      due: this.#until,
    }
    return this.#waiting
  }

  met({ type, data }: RunEvent): Settlement | undefined {
    if (type === runEvents.woke) return { value: undefined }
    const until = Number(data.until)
    if (until !== this.#until) this.#waiting = undefined
    this.#until = until
    if (this.#isStarted) this.#arm(until)
    return undefined
  }

  start(): void {
    this.#isStarted = true
    if (this.#until !== undefined) {
      this.#arm(this.#until)
      return
    }
    this.#until = this.#untilWanted()
    this.#execution.make(runEvents.sleep, { key: this.#key, until: this.#until })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #arm(until: number): void {
    this.#timer = wakeAt(this.#execution.host.clock, until, () => {
      this.#isWaking = true
      this.#execution.make(runEvents.woke, { key: this.#key })
    })
  }
}
