// What a run's function has asked for and has no answer to yet, by its key.
//
// Invariant: an ask is settled at most once, and its work is stopped before.

import type { Ask, AskWork, Settlement, Waiting } from './ask.ts'
import { type Rest, restOf } from './rest.ts'

export class OpenAsks {
  readonly #asks: Map<string, Ask> = new Map()

  get keys(): readonly string[] {
    return [...this.#asks.keys()]
  }

  /** What all of them wait for, if none is at work. */
  get rest(): Rest | undefined {
    // Looked at one by one: of very many that were asked for at once, mostly the first says enough.
    const all: Waiting[] = []
    for (const { work } of this.#asks.values()) {
      const { waiting } = work
      if (waiting === undefined) return undefined
      all.push(waiting)
    }
    return restOf(all)
  }

  /** `isLive`: its work begins at once. What is wrong with it is a rejection. */
  open<T>(
    key: string,
    workOf: (key: string) => AskWork,
    { isNote, isLive }: { readonly isNote: boolean; readonly isLive: boolean },
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const work = workOf(key)
      this.#asks.set(key, { key, isNote, work, resolve: resolve as (value: unknown) => void, reject })
      if (isLive) work.start()
    })
  }

  get(key: string): Ask | undefined {
    return this.#asks.get(key)
  }

  has(key: string): boolean {
    return this.#asks.has(key)
  }

  startAll(): void {
    for (const { work } of [...this.#asks.values()]) work.start()
  }

  stopAll(reason: unknown): void {
    for (const { work } of this.#asks.values()) work.stop(reason)
  }

  settle(key: string, settlement: Settlement): void {
    const ask = this.#asks.get(key)
    if (ask === undefined) return
    this.#asks.delete(key)
    ask.work.stop(undefined)
    if ('error' in settlement) ask.reject(settlement.error)
    else ask.resolve(settlement.value)
  }

  /** What only writes down goes on. */
  cancelAll(error: unknown): void {
    for (const { key, work, isNote } of [...this.#asks.values()]) {
      if (isNote) continue
      work.stop(error)
      this.settle(key, { error })
    }
  }

  /** Who asked is told nothing any more. */
  forgetAll(): void {
    this.#asks.clear()
  }
}
