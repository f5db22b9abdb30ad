// Which event of a run's record settled what it had asked for: of a step the event with its result, of a wait the signal
// that it got, which doesn't name who got it.

import { type RunEvent, runEvents } from './run-event.ts'
import { isOutcome } from './run-history.ts'
import { Signals } from './signals.ts'

export class RunOutcomes {
  readonly #signals: Signals = new Signals()
  readonly #waits: Map<string, string> = new Map()

  /** To be called with every event, in order: the key that it settled, if it did. */
  meet(event: RunEvent): string | undefined {
    const { type, data } = event
    if (type === runEvents.signal) return this.#signals.offer(event)?.key
    const key = typeof data.key === 'string' ? data.key : undefined
    if (key === undefined) return undefined
    if (type === runEvents.wait) return this.#wait(key, String(data.name))
    if (!isOutcome(event)) return undefined
    const signal = this.#waits.get(key)
    if (signal !== undefined) this.#signals.forget(signal, key)
    return key
  }

  /** A signal that was kept for it settles it at once. */
  #wait(key: string, signal: string): string | undefined {
    this.#waits.set(key, signal)
    const kept = this.#signals.wait(signal, { key, settle: (value) => ({ value }) })
    return kept === undefined ? undefined : key
  }
}
