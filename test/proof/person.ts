// Does the errands of a run from another process than the one that drives it, as `holdfast signal`, `settle` and `raise` do:
// each is sent again until it is acknowledged, whoever dies meanwhile.

import { isHoldfastError } from '../../src/errors.ts'
import { raiseRun, settleRun, signalRun } from '../../src/run-control.ts'
import { type Errand, errandsOf, raised, signalled } from './errands.ts'
import type { OutsideLine } from './outside.mjs'

/** There is nobody to take it, or nobody says whether it was taken. Or it can't be seen yet that it is waited for. */
const passing: readonly string[] = [
  'LOCKED',
  'OWNER_SILENT',
  'JOURNAL_MISSING',
  'RUN_UNKNOWN',
  'RUN_NOT_PARKED',
  'BUSY',
]
const pauseMs = 20

export class Person {
  readonly #target: string
  /** What has happened outside by now. */
  readonly #lines: () => readonly OutsideLine[]
  readonly #begun: Map<string, Promise<void>> = new Map()
  #hesitates: (errand: Errand) => Promise<unknown> = async () => undefined
  #isGone = false
  readonly errors: unknown[] = []
  acknowledged = 0

  constructor(target: string, lines: () => readonly OutsideLine[]) {
    this.#target = target
    this.#lines = lines
  }

  look(): void {
    for (const errand of errandsOf(this.#lines())) {
      if (this.#begun.has(errand.id)) continue
      const done = this.#do(errand).catch((error: unknown) => void this.errors.push(error))
      this.#begun.set(errand.id, done)
    }
  }

  /** From now on it begins no errand before that. */
  hesitate(until: (errand: Errand) => Promise<unknown>): void {
    this.#hesitates = until
  }

  /** Does nothing more. */
  async leave(): Promise<void> {
    this.#isGone = true
    await Promise.all(this.#begun.values())
  }

  async #do(errand: Errand): Promise<void> {
    await this.#hesitates(errand)
    while (!this.#isGone) {
      try {
        await this.#send(errand)
        this.acknowledged += 1
        return
      } catch (error) {
        if (!passing.some((code) => isHoldfastError(error, code as 'LOCKED'))) throw error
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
        if (!errandsOf(this.#lines()).some(({ id }) => id === errand.id)) return
      }
    }
  }

  #send({ id: commandId, kind, run, name, outcome }: Errand): Promise<void> {
    if (kind === 'signal') return signalRun(this.#target, run, name, signalled, { commandId })
    if (kind === 'raise') return raiseRun(this.#target, run, raised, { commandId })
    return settleRun(this.#target, run, name, outcome ?? { done: false })
  }
}
