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
  // Made with the first that is put in, as most runs have neither.
  #kept: Map<string, { readonly sent: unknown }[]> | undefined
  #waiters: Map<string, Waiter[]> | undefined

  /** A signal is met: who gets it, if anybody waits for it. */
  offer({ data }: RunEvent): { readonly key: string; readonly settlement: Settlement } | undefined {
    const name = String(data.name)
    const waiter = shiftFrom(this.#waiters, name)
    if (waiter !== undefined) return { key: waiter.key, settlement: waiter.settle(data.data) }
    this.#kept ??= new Map()
    pushTo(this.#kept, name, { sent: data.data })
    return undefined
  }

  /** Whether one came before anybody waited for it. */
  keeps(name: string): boolean {
    return this.#kept?.has(name) === true
  }

  /** A wait begins: the signal that was kept for it, if there is one. */
  wait(name: string, waiter: Waiter): Settlement | undefined {
    const kept = shiftFrom(this.#kept, name)
    if (kept !== undefined) return waiter.settle(kept.sent)
    this.#waiters ??= new Map()
    pushTo(this.#waiters, name, waiter)
    return undefined
  }

  /** The wait has ended in another way. */
  forget(name: string, key: string): void {
    const waiters = this.#waiters?.get(name)
    const at = waiters?.findIndex((waiter) => waiter.key === key) ?? -1
    if (at < 0) return
    waiters?.splice(at, 1)
    if (waiters?.length === 0) this.#waiters?.delete(name)
  }
}

function pushTo<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [item])
  else list.push(item)
}

/** Nothing is left of a name of which there is nothing left. */
function shiftFrom<T>(lists: Map<string, T[]> | undefined, name: string): T | undefined {
  const list = lists?.get(name)
  const first = list?.shift()
  if (list?.length === 0) lists?.delete(name)
  return first
}
