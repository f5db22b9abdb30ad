// Signals of one run, and who waits for them. A signal that comes before anybody waits for it is kept.
//
// Invariant: which wait gets which signal follows from the order of the run's events alone: the first signal of a name
// that is not yet taken goes to the first wait for that name.

import type { Settlement } from './ask.ts'
import type { RunEvent } from './run-event.ts'

interface Waiter {
  readonly key: string
  readonly settle: (data: unknown) => Settlement
}

export class Signals {
  readonly #kept: Map<string, unknown[]> = new Map()
  readonly #waiters: Map<string, Waiter[]> = new Map()

  /** A signal is met: who gets it, if anybody waits for it. */
  offer({ data }: RunEvent): { readonly key: string; readonly settlement: Settlement } | undefined {
    const name = String(data.name)
    const waiter = this.#waiters.get(name)?.shift()
    if (waiter !== undefined) return { key: waiter.key, settlement: waiter.settle(data.data) }
    this.#kept.set(name, [...(this.#kept.get(name) ?? []), data.data])
    return undefined
  }

  /** Whether one came before anybody waited for it. */
  keeps(name: string): boolean {
    return (this.#kept.get(name)?.length ?? 0) > 0
  }

  /** A wait begins: the signal that was kept for it, if there is one. */
  wait(name: string, waiter: Waiter): Settlement | undefined {
    const kept = this.#kept.get(name)
    if (kept !== undefined && kept.length > 0) return waiter.settle(kept.shift())
    this.#waiters.set(name, [...(this.#waiters.get(name) ?? []), waiter])
    return undefined
  }

  /** The wait has ended in another way. */
  forget(name: string, key: string): void {
    const left = this.#waiters.get(name)?.filter((waiter) => waiter.key !== key)
    if (left !== undefined) this.#waiters.set(name, left)
  }
}
